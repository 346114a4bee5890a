package gateway

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/big"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/link"
)

// control is a control plane's pen.
type control struct {
	t   *testing.T
	key ed25519.PrivateKey
	now time.Time
}

func newControl(t *testing.T) *control {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &control{t: t, key: key, now: time.Now().UTC()}
}

func (c *control) sign(purpose string, document any) link.Signed {
	c.t.Helper()
	signed, err := link.Sign(c.key, purpose, document)
	if err != nil {
		c.t.Fatal(err)
	}
	return signed
}

// snapshot lets alice open orders-db.
func (c *control) snapshot(generation int64) *access.Snapshot {
	return &access.Snapshot{
		Generation: generation, Issued: c.now,
		Users:       map[string]access.User{"alice": {Name: "alice", Roles: []string{"developers"}}},
		Roles:       map[string]access.Role{"developers": {Name: "developers", Resources: []string{"orders-db"}, Accounts: []string{"app"}}},
		Resources:   map[string]access.Resource{"orders-db": {Name: "orders-db", Protocol: "postgres", Accounts: map[string]string{"app": "orders-app"}}},
		Credentials: map[string]access.Credential{"orders-app": {Name: "orders-app", Source: "sealed"}},
	}
}

func (c *control) beat(generation int64, nonce string) link.Heartbeat {
	return link.Heartbeat{Gateway: "gw-1", Issued: c.now, Generation: generation, OfflineLimit: time.Minute, Nonce: nonce}
}

// open sessions of a gateway.
type openSessions struct{ permits []access.Permit }

func (o *openSessions) Sessions() []access.LiveSession { return nil }

func (o *openSessions) Kill(string, string) (access.Cut, bool) { return access.Cut{}, false }

func (o *openSessions) Review(judge func(access.Permit, netip.Addr) (access.Permit, error)) (cuts []access.Cut) {
	var left []access.Permit
	for _, p := range o.permits {
		if _, err := judge(p, netip.Addr{}); err != nil {
			cuts = append(cuts, access.Cut{User: p.Identity.User, Reason: err.Error()})
			continue
		}
		left = append(left, p)
	}
	o.permits = left
	return cuts
}

// outpost is a gateway without its network.
type outpost struct {
	t        *testing.T
	control  *control
	link     *Link
	sessions *openSessions
	dir      string
	wall     time.Time
	machine  *machine
}

func newPost(t *testing.T, c *control) *outpost {
	t.Helper()
	p := &outpost{t: t, control: c, dir: t.TempDir(), wall: c.now, machine: &machine{}, sessions: &openSessions{}}
	p.start()
	return p
}

// start starts the gateway, over what it left when it ran before.
func (p *outpost) start() {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: p.wall, NotAfter: p.wall.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		p.t.Fatal(err)
	}
	directory := NewDirectory(Options{Gateway: "gw-1"})
	directory.SetSessions(p.sessions)
	p.link = OpenLink(LinkOptions{
		Identity: &Identity{Gateway: "gw-1", Certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
			Roots: x509.NewCertPool(), SnapshotKey: p.control.key.Public().(ed25519.PublicKey)},
		Dir: p.dir, Directory: directory, Log: slog.New(slog.DiscardHandler),
		Wall: func() time.Time { return p.wall }, Lived: func() time.Duration { return p.machine.lived },
	})
}

// pass lets time go by, everywhere.
func (p *outpost) pass(d time.Duration) {
	p.control.now, p.wall, p.machine.lived = p.control.now.Add(d), p.wall.Add(d), p.machine.lived+d
}

// hear takes a snapshot and a heartbeat of that generation.
func (p *outpost) hear(generation int64) {
	p.t.Helper()
	if err := p.link.takeSnapshot(p.control.sign(link.SnapshotPurpose, p.control.snapshot(generation))); err != nil {
		p.t.Fatal(err)
	}
	if err := p.link.takeHeartbeat(p.control.sign(link.HeartbeatPurpose, p.control.beat(generation, "n")), "n", p.machine.lived); err != nil {
		p.t.Fatal(err)
	}
}

// asks says why alice may not open the database; empty when she may.
func (p *outpost) asks() string {
	_, err := p.link.directory.Authorize(context.Background(), access.Ask{Identity: access.Identity{User: "alice"}, Resource: "orders-db"})
	var denial *access.Denial
	switch {
	case err == nil:
		return ""
	case errors.As(err, &denial) && denial.Cause == access.PolicyStale:
		return denial.Sentence
	}
	p.t.Fatal(err)
	return ""
}

func TestForgeriesAreRefused(t *testing.T) {
	c := newControl(t)
	p := newPost(t, c)
	p.hear(5)
	thief := newControl(t)
	foreign := c.beat(5, "")
	foreign.Gateway = "gw-2"
	tampered := c.sign(link.SnapshotPurpose, c.snapshot(6))
	tampered.Payload = []byte(strings.Replace(string(tampered.Payload), "alice", "mallo", 1))
	for name, err := range map[string]error{
		"another key":              p.link.takeSnapshot(thief.sign(link.SnapshotPurpose, thief.snapshot(6))),
		"a changed snapshot":       p.link.takeSnapshot(tampered),
		"a heartbeat as one":       p.link.takeSnapshot(c.sign(link.HeartbeatPurpose, c.snapshot(6))),
		"an older one":             p.link.takeSnapshot(c.sign(link.SnapshotPurpose, c.snapshot(4))),
		"another key's beat":       p.link.takeHeartbeat(thief.sign(link.HeartbeatPurpose, thief.beat(5, "")), "", 0),
		"another gateway's beat":   p.link.takeHeartbeat(c.sign(link.HeartbeatPurpose, foreign), "", 0),
		"an old beat as the first": p.link.takeHeartbeat(c.sign(link.HeartbeatPurpose, c.beat(5, "earlier")), "now", 0),
	} {
		if !errors.Is(err, errForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if g := p.link.generation(); g != 5 {
		t.Errorf("decides by generation %d", g)
	}
	if err := p.link.takeSnapshot(c.sign(link.SnapshotPurpose, c.snapshot(5))); err != nil {
		t.Errorf("the same again: %v", err)
	}
}

func TestHeartbeatsOfRulesThatAreMissingDoNotCount(t *testing.T) {
	p := newPost(t, newControl(t))
	p.hear(5)
	p.pass(50 * time.Second)
	if err := p.link.takeHeartbeat(p.control.sign(link.HeartbeatPurpose, p.control.beat(6, "")), "", 0); err != nil {
		t.Fatal(err)
	}
	p.pass(10 * time.Second)
	p.link.enforce()
	if why := p.asks(); why == "" {
		t.Error("a heartbeat kept rules in force that were replaced")
	}
	p.hear(6)
	if why := p.asks(); why != "" {
		t.Error(why)
	}
}

func TestClosesAtItsLimitAndOpensAgain(t *testing.T) {
	p := newPost(t, newControl(t))
	if why := p.asks(); !strings.Contains(why, "waits for word") {
		t.Errorf("before anything was heard: %q", why)
	}
	p.hear(5)
	if why := p.asks(); why != "" {
		t.Error(why)
	}
	p.sessions.permits = []access.Permit{{Identity: access.Identity{User: "alice"}, Resource: access.Resource{Name: "orders-db"}, Account: "app"}}
	p.pass(59 * time.Second)
	p.link.enforce()
	if why := p.asks(); why != "" || len(p.sessions.permits) != 1 {
		t.Errorf("before the limit: %q, %d sessions", why, len(p.sessions.permits))
	}
	p.pass(time.Second)
	p.link.enforce()
	if why := p.asks(); !strings.Contains(why, "has not heard from its control plane since") || len(p.sessions.permits) != 0 {
		t.Errorf("after the limit: %q, %d sessions", why, len(p.sessions.permits))
	}
	p.hear(6)
	if why := p.asks(); why != "" {
		t.Error(why)
	}
}

func TestWhatIsKeptCountsAfterARestart(t *testing.T) {
	p := newPost(t, newControl(t))
	p.hear(5)
	p.link.keepHeartbeat()
	p.pass(59 * time.Second)
	p.machine.lived = 0 // the machine was started anew
	p.start()
	if why := p.asks(); why != "" {
		t.Error(why)
	}
	p.pass(time.Second)
	p.start()
	if why := p.asks(); why == "" {
		t.Error("a restart made the limit longer")
	}

	p.hear(6)
	p.link.keepHeartbeat()
	p.wall = p.wall.Add(-time.Minute) // somebody sets the clock back
	p.start()
	if why := p.asks(); why == "" {
		t.Error("a clock that was set back is believed")
	}

	path := filepath.Join(p.dir, snapshotFile)
	for _, name := range []string{snapshotFile, heartbeatFile} {
		if info, err := os.Stat(filepath.Join(p.dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "developers", "developerz", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	p.wall = p.wall.Add(time.Minute)
	p.start()
	if why := p.asks(); why == "" || p.link.generation() != 0 {
		t.Errorf("a snapshot that was changed on disk is believed: %q, generation %d", why, p.link.generation())
	}
}

// TestHalfWrittenFilesGo: what a crash leaves of a file that was being written, such as a key, does not stay.
func TestHalfWrittenFilesGo(t *testing.T) {
	p := newPost(t, newControl(t))
	p.hear(5)
	p.link.keepHeartbeat()
	for _, name := range []string{identityFile, snapshotFile, heartbeatFile} {
		if err := os.WriteFile(filepath.Join(p.dir, "."+name+"-1234"), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.start()
	left, err := filepath.Glob(filepath.Join(p.dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
	if why := p.asks(); why != "" {
		t.Errorf("what was whole is gone: %s", why)
	}
}

// TestRemovedStaysRemoved: a restart while no control plane can be reached lets nobody in through a gateway that was removed.
func TestRemovedStaysRemoved(t *testing.T) {
	p := newPost(t, newControl(t))
	p.hear(5)
	p.link.keepHeartbeat()
	p.link.judge("", &refused{status: http.StatusForbidden, detail: "removed"})
	if why := p.asks(); !strings.Contains(why, "removed by an admin") {
		t.Errorf("removed: %q", why)
	}
	p.link.keepHeartbeat() // as on the way out
	p.start()
	if why := p.asks(); why == "" {
		t.Error("a restart lets people in")
	}
	p.hear(6)
	p.link.keepHeartbeat()
	p.start()
	if why := p.asks(); why != "" {
		t.Errorf("after it was joined again: %s", why)
	}
}

func TestResourcesOfOtherGatewaysAreNotServed(t *testing.T) {
	c := newControl(t)
	p := newPost(t, c)
	p.hear(5)
	s := c.snapshot(6)
	r := s.Resources["orders-db"]
	r.Gateways = []string{"gw-2"}
	s.Resources["orders-db"] = r
	p.sessions.permits = []access.Permit{{Identity: access.Identity{User: "alice"}, Resource: access.Resource{Name: "orders-db"}, Account: "app"}}
	if err := p.link.takeSnapshot(c.sign(link.SnapshotPurpose, s)); err != nil {
		t.Fatal(err)
	}
	_, err := p.link.directory.Authorize(t.Context(), access.Ask{Identity: access.Identity{User: "alice"}, Resource: "orders-db"})
	var denial *access.Denial
	if !errors.As(err, &denial) || !strings.Contains(denial.Sentence, "through gw-2") || len(p.sessions.permits) != 0 {
		t.Errorf("%v, %d sessions", err, len(p.sessions.permits))
	}
}
