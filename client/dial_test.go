package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/client"
)

func TestDialRefusesWhatIsNoGatewayOfOurs(t *testing.T) {
	ours, other := newAuthority(t, "ours"), newAuthority(t, "other")
	tests := []struct {
		name   string
		change func(*tls.Config)
		want   string
	}{
		{"another authority", func(c *tls.Config) {
			c.Certificates = []tls.Certificate{other.server(client.GatewayName)}
		}, "could not prove"},
		{"the right authority, another name", func(c *tls.Config) {
			c.Certificates = []tls.Certificate{ours.server("orders-db", "127.0.0.1")}
		}, "could not prove"},
		{"a person's certificate as gateway", func(c *tls.Config) {
			p := ours.profile(client.GatewayName, "", hour())
			pair, err := p.KeyPair()
			if err != nil {
				t.Fatal(err)
			}
			c.Certificates = []tls.Certificate{pair}
		}, "could not prove"},
		{"no ALPN", func(c *tls.Config) { c.NextProtos = nil }, `chose protocol ""`},
		{"another ALPN", func(c *tls.Config) { c.NextProtos = []string{"h2"} }, "refused"},
		{"TLS 1.2", func(c *tls.Config) { c.MinVersion, c.MaxVersion = 0, tls.VersionTLS12 }, "refused"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := tunnelEntrance(ours)
			test.change(config)
			g := startGateway(t, config, func(conn *tls.Conn) {
				if got, _ := io.ReadAll(conn); len(got) > 0 {
					t.Errorf("the impostor was sent %q", got)
				}
			})
			l := startTunnel(t, ours.profile("alice", g.address, hour()))
			conn := l.open()
			_, _ = conn.Write([]byte("secret"))
			if got, _ := io.ReadAll(conn); len(got) > 0 {
				t.Errorf("read %q", got)
			}
			if e := l.reports.first(t); !strings.Contains(e.Error(), test.want) {
				t.Errorf("reported %q, want %q in it", e, test.want)
			}
		})
	}
}

func TestGatewaysRefusalReachesThePerson(t *testing.T) {
	ours, other := newAuthority(t, "ours"), newAuthority(t, "other")
	tests := map[string]func(p *client.Profile) *client.Profile{
		"expired certificate": func(p *client.Profile) *client.Profile {
			return ours.profile("alice", p.Tunnel, time.Now().Add(-time.Minute))
		},
		"unknown authority": func(p *client.Profile) *client.Profile {
			foreign := other.profile("alice", p.Tunnel, hour())
			foreign.CA = p.CA
			return foreign
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			g := startGateway(t, tunnelEntrance(ours), echo)
			l := startTunnel(t, change(ours.profile("alice", g.address, hour())))
			conn := l.open()
			_, _ = conn.Write([]byte("x"))
			if got, _ := io.ReadAll(conn); len(got) > 0 {
				t.Errorf("read %q", got)
			}
			if e := l.reports.first(t); !strings.Contains(e.Error(), "refused you") || !strings.Contains(e.Error(), "sally login") {
				t.Errorf("reported %q", e)
			}
		})
	}
}

func TestDialSaysWhatIsWrong(t *testing.T) {
	ca := newAuthority(t, "ca")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	for address, want := range map[string]string{
		closed.Addr().String(): "nothing listens at " + closed.Addr().String(),
		silent.Addr().String(): "did not answer in time",
	} {
		d, err := client.NewDialer(ca.profile("alice", address, hour()), nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err = d.Dial(ctx, "orders-db", "")
		cancel()
		var trouble *client.Trouble
		if !errors.As(err, &trouble) || !strings.Contains(trouble.Sentence, want) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}

func TestDialUsesANewerSignInOnceTheCertificateEnded(t *testing.T) {
	ca := newAuthority(t, "ca")
	g := startGateway(t, tunnelEntrance(ca), echo)
	old := ca.profile("alice", g.address, time.Now().Add(-time.Minute))
	renewed := ca.profile("alice-renewed", g.address, hour())
	d, err := client.NewDialer(old, func() (*client.Profile, error) { return renewed, nil })
	if err != nil {
		t.Fatal(err)
	}
	conn, err := d.Dial(t.Context(), "orders-db", "")
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, conn)
	_ = conn.Close()
	if got := g.states()[0].PeerCertificates[0].Subject.CommonName; got != "alice-renewed" {
		t.Errorf("dialled as %s", got)
	}
	if !d.Expires().Equal(renewed.Expires) {
		t.Errorf("expires %v", d.Expires())
	}
}

// The gateway's certificate is the same under whatever name it was asked.
func TestDialNamesANodeOfACluster(t *testing.T) {
	ca := newAuthority(t, "ca")
	g := startGateway(t, tunnelEntrance(ca), echo)
	d, err := client.NewDialer(ca.profile("alice", g.address, hour()), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time on a resumed session
		conn, err := d.Dial(t.Context(), client.Node{Name: "n1"}.Of("cache"), "")
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, conn)
		_ = conn.Close()
	}
	for _, state := range g.states() {
		if state.ServerName != "n1.cache" {
			t.Errorf("asked for %q", state.ServerName)
		}
	}
	if got := g.states(); len(got) != 2 || !got[1].DidResume {
		t.Errorf("%d connections, the second not resumed", len(got))
	}
}

func TestDialUsesTheResourcesOwnGateway(t *testing.T) {
	ca := newAuthority(t, "ca")
	g := startGateway(t, tunnelEntrance(ca), echo)
	d, err := client.NewDialer(ca.profile("alice", "127.0.0.1:1", hour()), nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := d.Dial(t.Context(), "orders-db", g.address)
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, conn)
	_ = conn.Close()
}
