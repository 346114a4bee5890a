package hosts

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/test/servers"
)

// The networks: wan, where everybody has an address, and lan, where the database has a second one that only the private
// host reaches.
const (
	wan = "10.77.0"
	lan = "10.78.0"
)

// network is a set of hosts, each a network namespace with addresses of its own, and switches between them, in a
// namespace, too: nothing of this machine's own network is touched.
type network struct {
	t      *testing.T
	prefix string
	hosts  map[string]*host
}

// host is a machine of the network.
type host struct {
	network  *network
	name     string // of the host
	space    string // of its network namespace
	wan, lan string // addresses; lan may be empty
}

// newNetwork makes the hosts; they are removed with the test.
func newNetwork(t *testing.T, names ...string) *network {
	t.Helper()
	n := &network{t: t, prefix: fmt.Sprintf("sally-%d-", os.Getpid()), hosts: map[string]*host{}}
	n.mustExist()
	n.space("switch")
	for _, bridge := range []string{"wan", "lan"} {
		n.ip("-n", n.prefix+"switch", "link", "add", bridge, "type", "bridge")
		n.ip("-n", n.prefix+"switch", "link", "set", bridge, "up")
	}
	for i, name := range names {
		h := &host{network: n, name: name, space: n.prefix + name, wan: fmt.Sprintf("%s.%d", wan, i+2)}
		n.hosts[name] = h
		n.space(name)
		n.ip("-n", h.space, "link", "set", "lo", "up")
		n.plug(h, "wan", fmt.Sprintf("w%d", i), h.wan)
		if name == "private" || name == "db" {
			h.lan = fmt.Sprintf("%s.%d", lan, i+2)
			n.plug(h, "lan", fmt.Sprintf("l%d", i), h.lan)
		}
	}
	return n
}

// mustExist ends the test where network namespaces cannot be made.
func (n *network) mustExist() {
	n.t.Helper()
	probe := n.prefix + "probe"
	out, err := exec.Command("ip", "netns", "add", probe).CombinedOutput()
	if err == nil {
		out, err = exec.Command("ip", "netns", "del", probe).CombinedOutput()
	}
	if err != nil {
		servers.Missing(n.t, fmt.Sprintf("the right to make network namespaces (%v: %s)", err, strings.TrimSpace(string(out))), "run the tests as root, with iproute2")
	}
}

func (n *network) space(name string) {
	n.t.Helper()
	n.ip("netns", "add", n.prefix+name)
	n.t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", n.prefix+name).CombinedOutput(); err != nil {
			n.t.Errorf("remove host %s: %v: %s", name, err, out)
		}
	})
}

func (n *network) plug(h *host, bridge, port, address string) {
	n.t.Helper()
	n.ip("link", "add", port, "netns", n.prefix+"switch", "type", "veth", "peer", "name", bridge, "netns", h.space)
	n.ip("-n", n.prefix+"switch", "link", "set", port, "master", bridge, "up")
	n.ip("-n", h.space, "addr", "add", address+"/24", "dev", bridge)
	n.ip("-n", h.space, "link", "set", bridge, "up")
}

func (n *network) ip(args ...string) {
	n.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// cut lets everything between two hosts be lost without a word, and heal ends that: each sends to an address that no
// card on the wire has.
func (n *network) cut(a, b *host) {
	n.t.Helper()
	for _, way := range [][2]*host{{a, b}, {b, a}} {
		n.ip("-n", way[0].space, "neigh", "replace", way[1].wan, "lladdr", "02:00:00:00:00:fe", "dev", "wan", "nud", "permanent")
	}
}

func (n *network) heal(a, b *host) {
	n.t.Helper()
	for _, way := range [][2]*host{{a, b}, {b, a}} {
		n.ip("-n", way[0].space, "neigh", "del", way[1].wan, "dev", "wan")
	}
}

// command prepares a program to run on the host.
func (h *host) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", h.space, name}, args...)...)
}

// dial connects from the host to an address of numbers.
func (h *host) dial(ctx context.Context, address string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		if err := servers.EnterNamespace(h.space); err != nil {
			done <- result{err: err}
			return
		}
		dialer := net.Dialer{Timeout: 5 * time.Second}
		conn, err := dialer.DialContext(ctx, "tcp4", address)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// listening are the TCP sockets that listen on the host, as ss tells them.
func (h *host) listening() string {
	h.network.t.Helper()
	out, err := h.command(h.network.t.Context(), "ss", "-Hltn").CombinedOutput()
	if err != nil {
		h.network.t.Fatalf("ss: %v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}
