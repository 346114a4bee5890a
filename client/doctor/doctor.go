// Package doctor looks for what keeps a person from connecting, and says it in a sentence.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/client/agent"
	"github.com/sallyport/sallyport/client/program"
)

// Verdict is how a check went.
type Verdict string

// The verdicts. A Note is nothing that keeps anybody from connecting.
const (
	Right Verdict = "right"
	Note  Verdict = "note"
	Wrong Verdict = "wrong"
)

// Finding is what one check found, in a sentence each.
type Finding struct {
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	Finding string  `json:"finding"`
	Do      string  `json:"do,omitempty"` // what to do about it
}

// Patient is what is looked at.
type Patient struct {
	Store   *client.Store
	Keyring client.Keyring // nil: none
	Version string         // of this program
	Now     func() time.Time
}

const (
	// checkLimit bounds each check; they run side by side.
	checkLimit = 4 * time.Second
	// skewLimit is how far clocks may be apart before certificates are refused for it.
	skewLimit = 60 * time.Second
)

// Examine makes all checks, in less than 5 s, and gives the findings in a fixed order.
func (d Patient) Examine(ctx context.Context) []Finding {
	findings := []Finding{right("version", "this is sally %s on %s/%s", d.Version, runtime.GOOS, runtime.GOARCH)}
	p, finding := d.profile()
	findings = append(findings, finding)
	checks := []func(context.Context) []Finding{d.keyring, d.completions}
	if p != nil {
		checks = append([]func(context.Context) []Finding{
			func(ctx context.Context) []Finding { return d.server(ctx, p) },
			func(context.Context) []Finding { return []Finding{d.certificate(p)} },
			func(ctx context.Context) []Finding { return d.gateways(ctx, p) },
			func(ctx context.Context) []Finding { return d.agent(ctx, p) },
			func(context.Context) []Finding { return d.programs(p) },
		}, checks...)
	}
	found := make([][]Finding, len(checks))
	var running sync.WaitGroup
	for i, check := range checks {
		running.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, checkLimit)
			defer cancel()
			found[i] = check(ctx)
		})
	}
	running.Wait()
	return append(findings, slices.Concat(found...)...)
}

func right(check, format string, args ...any) Finding {
	return Finding{Check: check, Verdict: Right, Finding: fmt.Sprintf(format, args...)}
}

func note(check, do, format string, args ...any) Finding {
	return Finding{Check: check, Verdict: Note, Finding: fmt.Sprintf(format, args...), Do: do}
}

func wrong(check, do, format string, args ...any) Finding {
	return Finding{Check: check, Verdict: Wrong, Finding: fmt.Sprintf(format, args...), Do: do}
}

func (d Patient) profile() (*client.Profile, Finding) {
	p, err := d.Store.Active()
	switch {
	case errors.Is(err, client.ErrSignedOut):
		return nil, wrong("profile", "sally login https://SERVER", "you are not signed in on this machine")
	case err != nil:
		return nil, wrong("profile", "sally login", "%v", err)
	}
	return p, right("profile", "you are %s at %s (profile %s)", p.User, p.Server, p.Name)
}

// server tells of the way to it, of the clocks, and of whether it still knows the sign-in.
func (d Patient) server(ctx context.Context, p *client.Profile) []Finding {
	asked := d.Now()
	theirs, err := p.Probe(ctx)
	if err != nil {
		return []Finding{wrong("server", "check your network or VPN, then ask your admin", "%v", err)}
	}
	findings := []Finding{right("server", "%s answers, and its certificate is trusted", p.Server)}
	// The server's time is in whole seconds, of some moment between the question and the answer.
	skew := theirs.Sub(asked.Add(d.Now().Sub(asked) / 2)).Round(time.Second)
	if skew.Abs() > skewLimit {
		way := "behind"
		if skew < 0 {
			way = "ahead of"
		}
		findings = append(findings, wrong("clock", "set the clock of this machine, or have it set by NTP",
			"the clock of this machine is about %v %s the server's, so certificates may seem to have ended or not to have begun", skew.Abs().Round(time.Minute), way))
	} else {
		findings = append(findings, right("clock", "the clock of this machine agrees with the server's"))
	}
	api, err := p.API()
	if err != nil {
		return append(findings, wrong("sign-in", p.Renewal(), "%v", err))
	}
	defer api.Close()
	return append(append(findings, health(ctx, api)...), signIn(ctx, api, p))
}

// health tells of a server that answers and yet lets nothing run.
func health(ctx context.Context, api *client.API) []Finding {
	refusal, ok := errors.AsType[*client.APIError](api.Call(ctx, http.MethodGet, "/api/v1/health", nil, &struct{}{}))
	if !ok || refusal.Status != http.StatusServiceUnavailable {
		return nil
	}
	return []Finding{wrong("health", "tell your admin at once",
		"the server says that it is not well: it cannot write its record, or not reach its state, and lets nothing run until it can")}
}

func signIn(ctx context.Context, api *client.API, p *client.Profile) Finding {
	resources, err := api.Resources(ctx)
	switch {
	case err != nil:
		return wrong("sign-in", p.Renewal(), "the server does not let you in: %v", err)
	case len(resources) == 0:
		return note("sign-in", "ask your admin for a role, or: sally access request NAME", "the server knows you, and there is no resource that you may open")
	}
	return right("sign-in", "the server knows you, and you may open %s", count(len(resources), "resource"))
}

func (d Patient) certificate(p *client.Profile) Finding {
	left := p.Expires.Sub(d.Now()).Round(time.Minute)
	switch {
	case left <= 0:
		return wrong("certificate", p.Renewal(), "your certificate ended at %s", p.Expires.Local().Format(time.DateTime))
	case left < 10*time.Minute:
		return note("certificate", p.Renewal(), "your certificate ends in %v", left)
	}
	return right("certificate", "your certificate is good for another %s", strings.TrimSuffix(left.String(), "0s"))
}

// gateways dials each that serves a resource of the person's, naming no resource.
func (d Patient) gateways(ctx context.Context, p *client.Profile) []Finding {
	kept, _ := d.Store.KeptResources(p.Name) // without a copy there is the profile's own
	addresses := []string{p.Tunnel}
	for _, r := range kept {
		for _, way := range r.Ways(p.Host()) {
			if way != "" && !slices.Contains(addresses, way) {
				addresses = append(addresses, way)
			}
		}
	}
	dialer, err := client.NewDialer(p, nil)
	if err != nil {
		return []Finding{wrong("gateway", p.Renewal(), "%v", err)}
	}
	findings := make([]Finding, len(addresses))
	var dialing sync.WaitGroup
	for i, address := range addresses {
		dialing.Go(func() {
			conn, err := dialer.Dial(ctx, client.GatewayName, address)
			if err != nil {
				findings[i] = wrong("gateway", "check your network or VPN, then ask your admin", "%s", strings.TrimSuffix(err.Error(), "; try: sally doctor"))
				return
			}
			_ = conn.Close()
			findings[i] = right("gateway", "the gateway at %s answers", address)
		})
	}
	dialing.Wait()
	return findings
}

// agent tells whether it runs, and of the ports that it could not have.
func (d Patient) agent(ctx context.Context, p *client.Profile) []Finding {
	c, err := agent.Find(agent.PlaceOf(d.Store))
	var status agent.Status
	if err == nil {
		defer c.Close()
		status, err = c.Status(ctx)
	}
	switch {
	case errors.Is(err, agent.ErrNotRunning):
		return append([]Finding{note("agent", "sally connect NAME, or: sally agent start", "the agent does not run, so no resource is connected")}, d.freePorts(ctx, p)...)
	case err != nil:
		return []Finding{wrong("agent", "sally agent stop, then: sally agent start", "%v", err)}
	}
	findings := []Finding{right("agent", "the agent runs (%s) and has %s", status.Version, count(status.OpenConnections(), "open connection"))}
	if status.Version != d.Version {
		findings[0] = note("agent", "sally agent start", "the agent is of version %s, this program of %s", status.Version, d.Version)
	}
	its := status.Of(p.Name)
	if its.RenewalTrouble != "" {
		findings = append(findings, wrong("renewal", p.Renewal(), "%s", its.RenewalTrouble))
	}
	for _, l := range its.Lines {
		switch {
		case l.Port == 0:
			findings = append(findings, wrong("port", "sally disconnect "+l.Name, "%s is not connected: %s", l.Name, l.Trouble))
		case l.Port != l.OwnPort:
			findings = append(findings, note("port", "end that program, then: sally agent stop, sally agent start",
				"%s is on port %d, because its own, %d, was taken%s", l.Name, l.Port, l.OwnPort, heldBy(l.OwnPort)))
		}
		for _, n := range l.Unreached() {
			findings = append(findings, unreached(l.Name, n.Name, n.OwnPort))
		}
	}
	return findings
}

// unreached is a node of a cluster whose port another program has. There is no other for it.
func unreached(resource, node string, port int) Finding {
	if port == 0 {
		return wrong("port", "tell your admin", "clients of %s do not reach its node %s: the server has no local port left for it", resource, node)
	}
	return wrong("port", "end that program; the agent takes the port within a minute", "clients of %s do not reach its node %s, whose port must be %d: it is taken%s",
		resource, node, port, heldBy(port))
}

// freePorts says which resources' own ports another program has.
func (d Patient) freePorts(ctx context.Context, p *client.Profile) (findings []Finding) {
	kept, _ := d.Store.KeptResources(p.Name)
	for _, r := range kept {
		l, err := client.ListenOn(ctx, r.LocalPort())
		if err != nil {
			findings = append(findings, note("port", "end that program, or use the port that sally connect tells",
				"the port of %s, %d, is taken%s", r.Name, r.LocalPort(), heldBy(r.LocalPort())))
			continue
		}
		_ = l.Close()
	}
	for _, r := range kept {
		for _, n := range r.Nodes {
			l, err := client.ListenNode(ctx, n)
			if err != nil {
				taken := unreached(r.Name, n.Name, n.Port)
				taken.Verdict = Note // a sally connect --foreground may be what has it
				findings = append(findings, taken)
				continue
			}
			_ = l.Close()
		}
	}
	return findings
}

func heldBy(port int) string {
	if name := holder(port); name != "" {
		return " by " + name
	}
	return ""
}

func (d Patient) programs(p *client.Profile) (findings []Finding) {
	kept, _ := d.Store.KeptResources(p.Name)
	protocols := map[string]bool{}
	for _, r := range kept {
		if protocols[r.Protocol] || len(program.Names(r.Protocol)) == 0 {
			continue
		}
		protocols[r.Protocol] = true
		found, path, err := program.Find(r.Protocol, "")
		if err != nil {
			findings = append(findings, note("client", "", "for sally db connect: %v", err))
			continue
		}
		findings = append(findings, right("client", "%s for %s is at %s", found.Name, r.Protocol, path))
	}
	return findings
}

func (d Patient) keyring(context.Context) []Finding {
	if d.Keyring == nil {
		return []Finding{note("keyring", "", "no keyring is used here: your key is in a file that only you may read")}
	}
	if err := client.CheckKeyring(d.Keyring); err != nil {
		return []Finding{note("keyring", "unlock it, or turn it off with SALLY_KEYRING=off", "the keyring does not work, so your next key will be kept in a file that only you may read: %v", err)}
	}
	return []Finding{right("keyring", "the keyring works")}
}

func (d Patient) completions(context.Context) []Finding {
	for _, path := range program.CompletionFiles() {
		if _, err := os.Stat(path); err == nil {
			return []Finding{right("completion", "names are completed by %s", filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path))}
		}
	}
	return []Finding{note("completion", "sally update-completions", "your shell does not complete resources' names yet")}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
