package agent

import (
	"cmp"
	"context"
	"slices"

	"github.com/sallyport/sallyport/client"
)

// openNode is a node of a connected cluster.
type openNode struct {
	node     client.Node
	listener *listener // nil while its port cannot be had
	trouble  string
}

// keepNodes makes the line's nodes those, and gives what is open of others. The account's mu is held.
func (l *openLine) keepNodes(nodes []client.Node) (closing []*listener) {
	l.nodes = slices.DeleteFunc(l.nodes, func(n *openNode) bool {
		if slices.Contains(nodes, n.node) {
			return false
		}
		if n.listener != nil {
			closing = append(closing, n.listener)
		}
		return true
	})
	for _, node := range nodes {
		if !slices.ContainsFunc(l.nodes, func(n *openNode) bool { return n.node == node }) {
			l.nodes = append(l.nodes, &openNode{node: node})
		}
	}
	return closing
}

// openNodes listens for the nodes of a resource that are not open. What has a node's port may end, so that it is tried
// again with each apply.
func (a *account) openNodes(life context.Context, name string) {
	a.mu.Lock()
	var missing []*openNode
	for _, n := range a.lines[name].nodes {
		if n.listener == nil {
			missing = append(missing, n)
		}
	}
	a.mu.Unlock()
	for _, n := range missing {
		local, err := client.ListenNode(life, n.node)
		if err != nil {
			a.reportNode(n, name, err)
			continue
		}
		l := listen(life, local, &client.Tunnel{
			Resource: n.node.Of(name), Report: func(_ string, err error) { a.reportNode(n, name, err) },
			Dial: func(ctx context.Context) (client.Conn, error) { return a.dial(ctx, name, n) },
		})
		a.mu.Lock()
		n.listener, n.trouble = l, ""
		if a.draining { // it came in between
			l.drain()
		}
		a.mu.Unlock()
	}
}

// reportNode keeps what went wrong with a node, and logs it once.
func (a *account) reportNode(n *openNode, resource string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n.trouble == err.Error() {
		return
	}
	n.trouble = err.Error()
	a.log.Warn("trouble", "resource", resource, "node", n.node.Name, "error", err)
}

// nodeLines tells of them, sorted by name. The account's mu is held.
func (l *openLine) nodeLines() []NodeLine {
	var told []NodeLine
	for _, n := range l.nodes {
		one := NodeLine{Name: n.node.Name, OwnPort: n.node.Port, Trouble: n.trouble}
		if n.listener != nil {
			one.Port, one.Open = n.listener.port, n.listener.tunnel.Open()
		}
		told = append(told, one)
	}
	slices.SortFunc(told, func(x, y NodeLine) int { return cmp.Compare(x.Name, y.Name) })
	return told
}
