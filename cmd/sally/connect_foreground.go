package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/client"
)

// connecting is what the commands that open tunnels share.
type connecting struct {
	profile *client.Profile
	dialer  *client.Dialer
	routes  *client.Routes
	out     io.Writer
	troubles
}

func newConnecting(cmd *cobra.Command) (*connecting, error) {
	p, err := presentProfile(cmd.Context())
	if err != nil {
		return nil, err
	}
	dialer, err := client.NewDialer(p, client.LoadProfile)
	if err != nil {
		return nil, err
	}
	return &connecting{
		profile: p, dialer: dialer, routes: client.NewRoutes(dialer), out: cmd.OutOrStdout(),
		troubles: troubles{err: cmd.ErrOrStderr()},
	}, nil
}

// presentProfile gives the profile with a proof that lasts a while, if one can be had.
func presentProfile(ctx context.Context) (*client.Profile, error) {
	p, err := client.LoadProfile()
	if err != nil {
		return nil, err
	}
	return renewed(ctx, p)
}

// renewed renews the profile if that is due. What is left of the present proof will do where it cannot be renewed.
func renewed(ctx context.Context, p *client.Profile) (*client.Profile, error) {
	if !p.RenewalDue(time.Now()) {
		return p, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	next, err := p.Renew(ctx)
	switch {
	case err == nil:
		return next, nil
	case time.Now().Before(p.Expires):
		return p, nil
	case errors.Is(err, client.ErrSignedOut):
		return nil, err
	}
	return nil, fmt.Errorf("your sign-in has ended and could not be renewed: %w", err)
}

// resources gives those that were named, or all. Gateways work for a while without the server, so a named resource is
// tried even when the server cannot be asked about it: by what it said before, or else by the name alone.
func (c *connecting) resources(ctx context.Context, names []string, all bool) ([]client.Resource, error) {
	mine, err := ownResources(ctx, c.profile)
	if err != nil && (all || ctx.Err() != nil) {
		return nil, err
	}
	if err != nil {
		c.say("%v; going on with what was known before", err)
		if mine == nil {
			mine = c.kept()
		}
	}
	if all {
		if len(mine) == 0 {
			return nil, errors.New("there is no resource that you may open")
		}
		return mine, nil
	}
	var chosen []client.Resource
	for _, name := range names {
		i := slices.IndexFunc(mine, func(r client.Resource) bool { return r.Name == name })
		switch {
		case i >= 0:
			chosen = append(chosen, mine[i])
		case err == nil:
			return nil, notYours(ctx, c.profile, name, mine)
		default:
			chosen = append(chosen, client.Resource{Name: name})
		}
	}
	return chosen, nil
}

// kept is what the server last said that the person may open; nothing when that cannot be had.
func (c *connecting) kept() []client.Resource {
	store, err := client.OpenStore()
	if err != nil {
		return nil
	}
	resources, err := store.KeptResources(c.profile.Name)
	if err != nil {
		c.say("%v", err)
	}
	return resources
}

// account gives the account that a client program names. Where none is known it names the person, which the gateway
// takes as the wish for the default account.
func (c *connecting) account(r client.Resource, wanted string) (string, error) {
	account, err := r.Account(wanted)
	if account == "" {
		account = c.profile.User
	}
	return account, err
}

func (c *connecting) tunnel(r client.Resource) *client.Tunnel { return c.tunnelTo(r, r.Name) }

// tunnelTo is the tunnel to what gateways know by server: the resource, or a node of it.
func (c *connecting) tunnelTo(r client.Resource, server string) *client.Tunnel {
	return &client.Tunnel{
		Resource: server,
		Dial: func(ctx context.Context) (client.Conn, error) {
			return c.routes.Dial(ctx, server, r.Ways(c.profile.Host()))
		},
		Report: c.report,
	}
}

// openPort is a local listener with the tunnel that it leads into.
type openPort struct {
	net.Listener
	*client.Tunnel
}

// serve carries connections until ctx ends, or the listener is closed and they have ended.
func (c *connecting) serve(ctx context.Context, p openPort) {
	if err := p.Serve(ctx, p.Listener); err != nil {
		c.report(p.Resource, err)
	}
}

// nodes listens for the nodes of a resource. One whose port cannot be had is told of: the others are of use without it.
func (c *connecting) nodes(ctx context.Context, r client.Resource) (ports []openPort) {
	for _, n := range r.Nodes {
		l, err := client.ListenNode(ctx, n)
		if err != nil {
			c.say("%s: %v", r.Name, err)
			continue
		}
		ports = append(ports, openPort{l, c.tunnelTo(r, n.Of(r.Name))})
	}
	return ports
}

// foreground opens a listener for each resource and serves them until ctx ends or a signal comes; then it lets open
// connections end, until a second signal.
func (c *connecting) foreground(ctx context.Context, resources []client.Resource, account string, port int) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var serving sync.WaitGroup
	defer serving.Wait()
	defer end()
	var ports []openPort
	begin := func(fresh ...openPort) {
		ports = append(ports, fresh...)
		for _, p := range fresh {
			serving.Go(func() { c.serve(life, p) })
		}
	}
	for _, r := range resources {
		begin(c.nodes(ctx, r)...) // which can have no other port, and so go first
		l, err := c.open(ctx, r, account, port)
		if err != nil {
			return err
		}
		begin(openPort{l, c.tunnel(r)})
	}
	c.say("Certificate %s.", untilWhen(c.dialer.Expires()))
	c.say("Ctrl-C ends.")
	serving.Go(func() { c.keepFresh(life) })

	<-ctx.Done()
	stop()
	for _, p := range ports {
		_ = p.Close()
	}
	c.drain(ports)
	return nil
}

// open listens for one resource and prints what a client connects to.
func (c *connecting) open(ctx context.Context, r client.Resource, account string, port int) (net.Listener, error) {
	account, err := c.account(r, account)
	if err != nil {
		return nil, err
	}
	var l *net.TCPListener
	if port != 0 {
		l, err = client.ListenOn(ctx, port)
	} else {
		l, err = client.ListenFrom(ctx, r.LocalPort())
	}
	if err != nil {
		return nil, err
	}
	taken := l.Addr().(*net.TCPAddr).Port
	if preferred := r.LocalPort(); port == 0 && taken != preferred {
		c.say("%s: its own port %d is taken; using %d", r.Name, preferred, taken)
	}
	fmt.Fprintf(c.out, "%s  %s\n", r.Name, r.URL(account, taken))
	return l, nil
}

// drain waits until no connection is open, or for a signal.
func (c *connecting) drain(ports []openPort) {
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(again)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for told := false; ; told = true {
		open := 0
		for _, p := range ports {
			open += p.Open()
		}
		if open == 0 {
			return
		}
		if !told {
			c.say("Waiting for open connections (%d) to end; Ctrl-C again ends them now.", open)
		}
		select {
		case <-again:
			return
		case <-tick.C:
		}
	}
}

// keepFresh renews the certificate before it ends, and says once when that cannot be done.
func (c *connecting) keepFresh(ctx context.Context) {
	const pause = 30 * time.Second
	told := false
	for tick := time.NewTicker(pause); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		p, err := presentProfile(ctx)
		if err == nil {
			err = c.dialer.Use(p)
		}
		if err == nil {
			told = false
		} else if !told && ctx.Err() == nil {
			c.say("%v; new connections will be refused until you sign in again: sally login", err)
			told = true
		}
	}
}

// troubles prints sentences to a person while tunnels run. It is safe for concurrent use.
type troubles struct {
	mu   sync.Mutex
	err  io.Writer
	last string
	at   time.Time
}

func (t *troubles) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.err, format+"\n", args...)
}

// report tells a trouble once, not once for each connection of a pool.
func (t *troubles) report(resource string, err error) {
	sentence := fmt.Sprintf("%s: %v", resource, err)
	t.mu.Lock()
	defer t.mu.Unlock()
	if sentence == t.last && time.Since(t.at) < 5*time.Second {
		return
	}
	t.last, t.at = sentence, time.Now()
	fmt.Fprintln(t.err, sentence)
}
