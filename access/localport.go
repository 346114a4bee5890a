package access

import "hash/fnv"

// The range of local ports, below those that systems hand out by themselves. It and the hash are the client's, too: a
// client that meets a server of before this goes by the name alone.
const (
	FirstLocalPort = 20000
	LocalPortCount = 10000
)

// LocalPorts gives each resource (NAME), and each node of a cluster (NAME/NODE), the port that people's clients open it
// on. It is derived from the name; of those whose names give the same port the first by name keeps it, and the others
// take the next free one. It is done over all resources, since somebody who may open only some of them could not know of
// the others, and two colleagues would get different ports. Nodes come behind all resources, so that none of them moves
// for a node. With more of them than ports, the last ones get none.
//
// The admin API tells clients these ports, and gateways tell clients of clusters where the other nodes are by them.
func LocalPorts(resources map[string]Resource) map[string]int {
	names := sortedKeys(resources)
	var nodes []string
	for _, name := range names {
		own := make(map[string]bool, len(resources[name].Nodes))
		for _, n := range resources[name].Nodes {
			own[name+"/"+n.Name] = true
		}
		nodes = append(nodes, sortedKeys(own)...)
	}
	p := localPorts{ports: make(map[string]int, len(names)+len(nodes)), taken: make(map[int]bool, len(names)+len(nodes))}
	p.give(names)
	p.give(nodes)
	return p.ports
}

type localPorts struct {
	ports map[string]int
	taken map[int]bool
}

// give gives ports to names, which are sorted.
func (p *localPorts) give(names []string) {
	for _, name := range names { // first those that have their own, so that no other's probing takes it
		if port := OwnLocalPort(name); !p.taken[port] {
			p.taken[port], p.ports[name] = true, port
		}
	}
	for _, name := range names {
		if _, has := p.ports[name]; has || len(p.taken) == LocalPortCount {
			continue
		}
		port := OwnLocalPort(name)
		for p.taken[port] {
			port = FirstLocalPort + (port-FirstLocalPort+1)%LocalPortCount
		}
		p.taken[port], p.ports[name] = true, port
	}
}

// OwnLocalPort is the port that a name has where it collides with no other.
func OwnLocalPort(name string) int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(name)) // never returns an error
	return FirstLocalPort + int(hash.Sum32()%LocalPortCount)
}
