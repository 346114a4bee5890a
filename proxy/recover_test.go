package proxy_test

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/proxy/redact"
)

// faulty is a protocol that panics in the step that the client's first byte names.
type faulty struct{}

func (faulty) ALPN() []string { return nil }

func (faulty) Reader() redact.Reader { return nil }

func (faulty) Accept(_ context.Context, conn *proxy.Conn) (proxy.Client, error) {
	var b [1]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil {
		return nil, err
	}
	if b[0] == 'a' {
		panic("in Accept")
	}
	return &faultyClient{conn: conn, step: b[0]}, nil
}

type faultyClient struct {
	conn *proxy.Conn
	step byte
}

func (c *faultyClient) Login() proxy.Login {
	return proxy.Login{User: proxytest.User, Token: access.TokenProof{Token: proxytest.Token}, Resource: "faulty-db"}
}

func (c *faultyClient) Connect(context.Context, access.Resource, creds.Secret) (proxy.Link, error) {
	if c.step == 'c' {
		panic("in Connect")
	}
	return c, nil
}

func (c *faultyClient) Relay(context.Context, *proxy.Gate) error { panic("in Relay") }
func (c *faultyClient) Close() error                             { return nil }
func (c *faultyClient) Deny(err error)                           { _, _ = io.WriteString(c.conn, proxy.Explain(err)) }

func TestPanicEndsOneSessionAlone(t *testing.T) {
	g := proxytest.Start(t, proxytest.Options{Protocol: faulty{}, Store: access.Resource{Name: "faulty-db", Protocol: "faulty"}})
	say := func(step string) string {
		t.Helper()
		conn, err := net.Dial("tcp", g.Native)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, step); err != nil {
			t.Fatal(err)
		}
		words, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		return string(words)
	}
	if words := say("a"); words != "" {
		t.Errorf("a panic in Accept says %q", words)
	}
	for _, step := range []string{"c", "r"} {
		if words := say(step); words == "" || words != proxy.Explain(&proxy.Panicked{}) {
			t.Errorf("step %s: the client reads %q", step, words)
		}
	}
	events := g.Journal.Find(t.Context(), t, func(e audit.Event) bool { return e.Seq == 3 })
	for i, want := range []audit.Type{audit.SessionStart, audit.SessionEnd, audit.SessionStart, audit.SessionEnd} {
		if events[i].Type != want {
			t.Errorf("event %d is a %s, want a %s", i, events[i].Type, want)
		}
	}
	if fetched, released := g.Creds.Leases(); fetched != 2 || released != 2 {
		t.Errorf("%d leases fetched, %d released", fetched, released)
	}
}
