package redis

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

// topology is how the nodes of one cluster are named to one client: each by where the client reaches it through the
// gateway. Nodes that the resource does not list are not shown, since clients would go past the gateway, or nowhere. A
// nil topology is that of a store that is no cluster as far as the resource says.
type topology struct {
	resource string
	nodes    map[string]string // names by address
	dialled  string            // the host that the store was reached at, for nodes that do not know their own
	reach    func(resource, node string) (host string, port int, ok bool)
}

// newTopology makes that of a resource; nil when it is no cluster.
func newTopology(conn *proxy.Conn, store access.Resource) *topology {
	if len(store.Nodes) == 0 {
		return nil
	}
	t := &topology{resource: store.Name, nodes: make(map[string]string, len(store.Nodes)), reach: conn.Reach}
	t.dialled, _, _ = net.SplitHostPort(store.Address)
	for _, n := range store.Nodes {
		t.nodes[strings.ToLower(n.Address)] = n.Name
	}
	return t
}

// find is where the client reaches the node that has the port and one of the hosts; false when it cannot. Where no host
// is told (they are empty or "?"), it is the one that the store was reached at.
func (t *topology) find(port int, hosts ...string) (host string, reached int, ok bool) {
	untold := func(h string) bool { return h == "" || h == "?" }
	if hosts = slices.DeleteFunc(hosts, untold); len(hosts) == 0 {
		hosts = []string{t.dialled}
	}
	for _, h := range hosts {
		if name, known := t.nodes[strings.ToLower(net.JoinHostPort(h, strconv.Itoa(port)))]; known {
			return t.reach(t.resource, name)
		}
	}
	return "", 0, false
}

// isRedirect says whether an error reply, whole with its line end, sends the client to another node.
func isRedirect(line []byte) bool {
	return (bytes.HasPrefix(line, []byte("-MOVED ")) || bytes.HasPrefix(line, []byte("-ASK "))) && bytes.HasSuffix(line, []byte("\n"))
}

// redirect is what the client gets in place of a redirect of the store's: one to where it reaches that node, or an error
// that says what is missing. Any other reply comes back as it is.
func (t *topology) redirect(line []byte) []byte {
	if !isRedirect(line) {
		return line
	}
	if t == nil {
		return notListed("the resource names no nodes")
	}
	words := strings.Fields(string(line))
	if len(words) != 3 {
		return notListed("its redirect could not be read")
	}
	at := strings.LastIndexByte(words[2], ':') // an IPv6 address stands there without brackets
	port, err := strconv.Atoi(words[2][at+1:])
	if at < 0 || err != nil {
		return notListed("its redirect could not be read")
	}
	host, port, ok := t.find(port, strings.Trim(words[2][:at], "[]"))
	if !ok {
		return notListed(harmless(words[2]) + " is not among them, or has no entrance here")
	}
	return fmt.Appendf(nil, "%s %s %s:%d\r\n", words[0], words[1], host, port)
}

// notListed is the error reply in place of what would send a client to a node that it cannot reach through the gateway.
func notListed(why string) []byte {
	return []byte("-ERR this is answered by another node of the cluster; for that an admin has to list the address of each node in the " +
		"resource's nodes: " + why + "\r\n")
}

// topologyAnswer says which form an answer has that names the nodes of a cluster.
type topologyAnswer byte

// The answers that name nodes.
const (
	namesNoNodes  topologyAnswer = iota
	namesSlots                   // CLUSTER SLOTS
	namesShards                  // CLUSTER SHARDS
	namesNodes                   // CLUSTER NODES: lines in one string
	namesReplicas                // CLUSTER REPLICAS and CLUSTER SLAVES: an array of such lines
)

// answer is the store's whole answer, with nodes as the client reaches them. What cannot be read becomes an error.
func (t *topology) answer(form topologyAnswer, reply []byte) []byte {
	d, used, err := parseDatum(reply)
	whole := err == nil && used == len(reply)
	if form == namesNoNodes || whole && d.isError() {
		return reply
	}
	if t == nil {
		return notListed("the resource names no nodes")
	}
	if whole {
		switch form {
		case namesSlots:
			err = t.slots(&d)
		case namesShards:
			err = t.shards(&d)
		case namesNodes:
			err = t.lines(&d)
		case namesReplicas:
			t.replicas(&d)
		}
	}
	if err != nil || !whole {
		return []byte("-ERR the store's answer names nodes in a way that this gateway does not know; tell an operator of Sallyport\r\n")
	}
	return d.appendTo(nil)
}

// slots rewrites CLUSTER SLOTS: ranges of [first, last, master, replica, ...], each node [endpoint, port, id, metadata].
// A range whose master cannot be reached is left out: the next in its place would be taken for the master.
func (t *topology) slots(d *datum) error {
	const firstNode = 2
	ranges := d.items[:0]
	for _, r := range d.items {
		if len(r.items) <= firstNode {
			return errNoRESP
		}
		nodes, master := r.items[:firstNode], false
		for i, n := range r.items[firstNode:] {
			known, err := t.slotNode(&n)
			if err != nil {
				return err
			}
			if known {
				nodes, master = append(nodes, n), master || i == 0
			}
		}
		if master {
			r.items = nodes
			ranges = append(ranges, r)
		}
	}
	d.items = ranges
	return nil
}

// slotNode rewrites one node of CLUSTER SLOTS, and says whether the client reaches it.
func (t *topology) slotNode(n *datum) (bool, error) {
	const endpoint, port, metadata = 0, 1, 3
	if len(n.items) <= port {
		return false, errNoRESP
	}
	number, err := strconv.Atoi(string(n.items[port].text))
	if err != nil {
		return false, errNoRESP
	}
	var hosts []string
	if !n.items[endpoint].null && n.items[endpoint].kind != '_' {
		hosts = append(hosts, string(n.items[endpoint].text))
	}
	if len(n.items) > metadata {
		for _, key := range []string{"ip", "hostname"} {
			if e := n.items[metadata].entry(key); e != nil {
				hosts = append(hosts, string(e.text))
			}
		}
		n.items[metadata].items = nil
	}
	host, number, ok := t.find(number, hosts...)
	n.items[endpoint], n.items[port] = bulk(host), integer(number)
	return ok, nil
}

// shards rewrites CLUSTER SHARDS: maps with "slots" and "nodes". Shards without any node left are left out.
func (t *topology) shards(d *datum) error {
	shards := d.items[:0]
	for _, s := range d.items {
		nodes := s.entry("nodes")
		if nodes == nil {
			return errNoRESP
		}
		kept := nodes.items[:0]
		for _, n := range nodes.items {
			if t.shardNode(&n) {
				kept = append(kept, n)
			}
		}
		if nodes.items = kept; len(kept) > 0 {
			shards = append(shards, s)
		}
	}
	d.items = shards
	return nil
}

// shardNode rewrites one node of CLUSTER SHARDS, and says whether the client reaches it.
func (t *topology) shardNode(n *datum) bool {
	var hosts []string
	var ports []int
	var kept []datum
	for i := 0; i+1 < len(n.items); i += 2 {
		key, value := string(n.items[i].text), n.items[i+1]
		switch key {
		case "ip", "endpoint":
			hosts = append(hosts, string(value.text))
		case "hostname":
			hosts = append(hosts, string(value.text))
			continue
		case "port", "tls-port":
			if p, err := strconv.Atoi(string(value.text)); err == nil {
				ports = append(ports, p)
			}
		}
		kept = append(kept, n.items[i], value)
	}
	for _, port := range ports {
		if host, at, ok := t.find(port, hosts...); ok {
			for i := 0; i+1 < len(kept); i += 2 {
				switch string(kept[i].text) {
				case "ip", "endpoint":
					kept[i+1] = bulk(host)
				case "port", "tls-port":
					kept[i+1] = integer(at)
				}
			}
			n.items = kept
			return true
		}
	}
	return false
}

// replicas rewrites CLUSTER REPLICAS.
func (t *topology) replicas(d *datum) {
	kept := d.items[:0]
	for _, line := range d.items {
		rewritten, ok := t.line(string(line.text))
		if ok {
			line.text = []byte(rewritten)
			kept = append(kept, line)
		}
	}
	d.items = kept
}

// lines rewrites CLUSTER NODES.
func (t *topology) lines(d *datum) error {
	const verbatim = "txt:"
	text := string(d.text)
	var b strings.Builder
	if d.kind == '=' {
		var ok bool
		if text, ok = strings.CutPrefix(text, verbatim); !ok {
			return errNoRESP
		}
		b.WriteString(verbatim)
	}
	for line := range strings.Lines(text) {
		if rewritten, ok := t.line(line); ok {
			b.WriteString(rewritten)
		}
	}
	d.text = []byte(b.String())
	return nil
}

// line rewrites a node's line: "id ip:port@cport[,hostname[,...]] flags ...". false: the client does not reach it.
func (t *topology) line(line string) (string, bool) {
	id, rest, _ := strings.Cut(line, " ")
	where, rest, ok := strings.Cut(rest, " ")
	address, extra, _ := strings.Cut(where, ",")
	hostname, _, _ := strings.Cut(extra, ",")
	address, bus, atBus := strings.Cut(address, "@")
	at := strings.LastIndexByte(address, ':')
	if !ok || at < 0 {
		return "", false
	}
	port, err := strconv.Atoi(address[at+1:])
	if err != nil {
		return "", false
	}
	hosts := []string{address[:at]}
	if hostname != "" {
		hosts = append(hosts, hostname)
	}
	host, port, ok := t.find(port, hosts...)
	if !ok {
		return "", false
	}
	where = host + ":" + strconv.Itoa(port)
	if atBus {
		where += "@" + bus
	}
	return id + " " + where + " " + rest, true
}
