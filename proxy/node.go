package proxy

import (
	"net"
	"sync"
)

// nodePorts are the native entrances of single nodes of clusters.
type nodePorts struct {
	host  string // where clients reach them; empty: where they reached the gateway
	mu    sync.RWMutex
	ports map[string]int // by RESOURCE/NODE
}

func (n *nodePorts) add(resource, node string, at net.Addr) {
	tcp, ok := at.(*net.TCPAddr)
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ports == nil {
		n.ports = map[string]int{}
	}
	n.ports[resource+"/"+node] = tcp.Port
}

func (n *nodePorts) port(resource, node string) (int, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	port, ok := n.ports[resource+"/"+node]
	return port, ok
}

// Reach is where the client gets at a node of a cluster by itself, which it must be told in place of the node's own
// address: in the tunnel, the local port of the node on the client's machine; else the gateway's entrance for that
// node. false: there is none.
func (c *Conn) Reach(resource, node string) (host string, port int, ok bool) {
	if c.entrance == Tunnel {
		port, ok = c.directory.LocalPorts()[resource+"/"+node]
		return "127.0.0.1", port, ok
	}
	if c.nodes == nil {
		return "", 0, false
	}
	if port, ok = c.nodes.port(resource, node); !ok {
		return "", 0, false
	}
	if c.nodes.host != "" {
		return c.nodes.host, port, true
	}
	tcp, ok := c.LocalAddr().(*net.TCPAddr)
	if !ok {
		return "", 0, false
	}
	return tcp.IP.String(), port, true
}
