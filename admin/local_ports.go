package admin

import "hash/fnv"

// The range of local ports, below those that systems hand out by themselves. It and the hash are the client's, too: a
// client that meets a server of before this goes by the name alone.
const (
	firstLocalPort = 20000
	localPortCount = 10000
)

// localPorts gives each resource the port that people's clients open it on. It is derived from the name; of those whose
// names give the same port the first by name keeps it, and the others take the next free one. This is done here, over
// all resources, since somebody who may open only some of them could not know of the others, and two colleagues would
// get different ports. names are sorted; with more of them than ports, the last ones get none (0).
func localPorts(names []string) map[string]int {
	ports := make(map[string]int, len(names))
	taken := make(map[int]bool, len(names))
	for _, name := range names { // first those that have their own, so that no other's probing takes it
		if port := ownLocalPort(name); !taken[port] {
			taken[port], ports[name] = true, port
		}
	}
	for _, name := range names {
		if _, has := ports[name]; has || len(taken) == localPortCount {
			continue
		}
		port := ownLocalPort(name)
		for taken[port] {
			port = firstLocalPort + (port-firstLocalPort+1)%localPortCount
		}
		taken[port], ports[name] = true, port
	}
	return ports
}

func ownLocalPort(name string) int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(name)) // never returns an error
	return firstLocalPort + int(hash.Sum32()%localPortCount)
}
