package client_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/client"
)

func TestRoutesFailOverAndStay(t *testing.T) {
	ca := newAuthority(t, "ca")
	first, second := startGateway(t, tunnelEntrance(ca), echo), startGateway(t, tunnelEntrance(ca), echo)
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = dead.Close()
	dialer, err := client.NewDialer(ca.profile("alice", first.address, hour()), nil)
	if err != nil {
		t.Fatal(err)
	}
	routes := client.NewRoutes(dialer)
	reach := func(ways ...string) string {
		t.Helper()
		conn, err := routes.Dial(t.Context(), "orders-db", ways)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		roundTrip(t, conn)
		return conn.RemoteAddr().String()
	}
	gone := dead.Addr().String()
	if got := reach(gone, second.address); got != second.address {
		t.Errorf("by %s", got)
	}
	if got := routes.Chosen([]string{gone, second.address}); got != second.address {
		t.Errorf("chosen %s", got)
	}
	// It stays where it is, also when the first would do again, until the server gives another list.
	if got := reach(first.address, second.address); got != first.address {
		t.Errorf("by %s, want the server's first", got)
	}
	if got := reach(second.address, first.address); got != second.address {
		t.Errorf("by %s: a new list is a new choice", got)
	}
	_, err = routes.Dial(t.Context(), "orders-db", []string{gone})
	if err == nil || !strings.Contains(err.Error(), "nothing listens at "+gone) {
		t.Errorf("no gateway: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := routes.Dial(ctx, "orders-db", []string{gone, first.address}); err == nil {
		t.Error("dialled for nobody")
	}
}

// A gateway that does not answer costs a few seconds, not the connection.
func TestRoutesPassASilentGateway(t *testing.T) {
	ca := newAuthority(t, "ca")
	g := startGateway(t, tunnelEntrance(ca), echo)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	dialer, err := client.NewDialer(ca.profile("alice", g.address, hour()), nil)
	if err != nil {
		t.Fatal(err)
	}
	routes := client.NewRoutes(dialer)
	ways := []string{silent.Addr().String(), g.address}
	for range 2 {
		began := time.Now()
		conn, err := routes.Dial(t.Context(), "orders-db", ways)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("took %v", took)
		}
	}
}

func TestWaysOfAResource(t *testing.T) {
	for name, test := range map[string]struct {
		r    client.Resource
		want []string
	}{
		"gateways": {client.Resource{Tunnel: "old:1", Gateways: []client.Gateway{{Tunnel: "b:1"}, {Tunnel: ":2"}, {Tunnel: "b:1"}, {Tunnel: "nonsense"}}},
			[]string{"b:1", "sally.test:2"}},
		"tunnel":  {client.Resource{Tunnel: "old:1"}, []string{"old:1"}},
		"neither": {client.Resource{}, []string{""}},
	} {
		if diff := cmp.Diff(test.want, test.r.Ways("sally.test")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if (client.Resource{Name: "orders-db"}).LocalPort() != client.PreferredPort("orders-db") || (client.Resource{Port: 7}).LocalPort() != 7 {
		t.Error("local ports")
	}
}
