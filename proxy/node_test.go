package proxy

import (
	"context"
	"net"
	"testing"

	"github.com/sallyport/sallyport/access"
)

// portsOnly is a directory that is asked for ports alone.
type portsOnly struct {
	Directory
	ports map[string]int
}

func (p portsOnly) LocalPorts() map[string]int { return p.ports }

// at is a connection that reached the gateway at an address.
type at struct {
	net.Conn
	addr net.Addr
}

func (c at) LocalAddr() net.Addr { return c.addr }

func TestWhereNodesAreReached(t *testing.T) {
	socket := &net.UnixAddr{Name: "/run/s"}
	nodes := &nodePorts{}
	nodes.add("cache", "n1", &net.TCPAddr{IP: net.IPv4zero, Port: 7001})
	nodes.add("cache", "n2", socket)
	named := &nodePorts{host: "cache.acme.com", ports: nodes.ports}
	here := at{addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 7379}}
	directory := portsOnly{ports: map[string]int{"cache": 20000, "cache/n1": 20001}}
	for name, test := range map[string]struct {
		conn *Conn
		node string
		host string // empty: it is not reached
		port int
	}{
		"through the tunnel":             {&Conn{entrance: Tunnel, directory: directory}, "n1", "127.0.0.1", 20001},
		"one that the tunnel has not":    {&Conn{entrance: Tunnel, directory: directory}, "n2", "", 0},
		"where the client has come":      {&Conn{entrance: Native, Conn: here, nodes: nodes}, "n1", "192.0.2.7", 7001},
		"where the configuration says":   {&Conn{entrance: Native, Conn: here, nodes: named}, "n1", "cache.acme.com", 7001},
		"one that has no port":           {&Conn{entrance: Native, Conn: here, nodes: nodes}, "n2", "", 0},
		"from a socket":                  {&Conn{entrance: Native, Conn: at{addr: socket}, nodes: nodes}, "n1", "", 0},
		"of a protocol's own connection": {NewConn(here, true), "n1", "", 0},
	} {
		host, port, ok := test.conn.Reach("cache", test.node)
		if ok != (test.host != "") || ok && (host != test.host || port != test.port) {
			t.Errorf("%s: %s:%d %v", name, host, port, ok)
		}
	}
}

// resources is a directory that knows resources alone.
type resources struct {
	Directory
	known map[string]access.Resource
}

func (r resources) Resource(_ context.Context, name string) (access.Resource, bool) {
	one, ok := r.known[name]
	return one, ok
}

func TestWhatTLSNames(t *testing.T) {
	directory := resources{known: map[string]access.Resource{
		"cache": {Name: "cache", Nodes: []access.Node{{Name: "n1"}, {Name: "n2"}}}, "orders-db": {Name: "orders-db"}, "n1": {Name: "n1"},
	}}
	for server, want := range map[string][2]string{
		"orders-db": {"orders-db", ""}, "orders-db.gw.acme.com": {"orders-db", ""}, "cache": {"cache", ""},
		"n1.cache": {"cache", "n1"}, "n2.cache.gw.acme.com": {"cache", "n2"}, "n1": {"n1", ""}, "n1.orders-db": {"n1", ""},
		"n3.cache": {"", ""}, "gw.acme.com": {"", ""}, "": {"", ""},
	} {
		c := &Conn{directory: directory}
		if c.named(t.Context(), server); c.Resource() != want[0] || c.Node() != want[1] {
			t.Errorf("%q: resource %q, node %q, want %q", server, c.Resource(), c.Node(), want)
		}
	}
}
