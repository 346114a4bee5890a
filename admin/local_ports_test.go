package admin

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestLocalPortsAreNeverShared(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 400).Draw(t, "resources")
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf("db-%d-%d", rapid.IntRange(0, 50).Draw(t, "name"), i))
		}
		slices.Sort(names)
		ports := localPorts(names)
		owner := map[int]string{}
		for _, name := range names {
			port := ports[name]
			if other, shared := owner[port]; shared {
				t.Fatalf("%s and %s share port %d", name, other, port)
			}
			if port < firstLocalPort || port >= firstLocalPort+localPortCount {
				t.Fatalf("%s has port %d", name, port)
			}
			owner[port] = name
		}
	})
}

// Whoever does not collide keeps the port of the name, whatever else there is; of those that do, the first by name.
func TestLocalPortsGoByTheName(t *testing.T) {
	byPort := map[int][]string{}
	var pair []string
	for i := 0; pair == nil; i++ {
		name := fmt.Sprintf("db-%05d", i)
		port := ownLocalPort(name)
		if byPort[port] = append(byPort[port], name); len(byPort[port]) == 2 {
			pair = byPort[port]
		}
	}
	home := ownLocalPort(pair[0])
	ports := localPorts(append(slices.Clone(pair), "zz-neighbour"))
	if ports[pair[0]] != home || ports[pair[1]] != home+1 || ports["zz-neighbour"] != ownLocalPort("zz-neighbour") {
		t.Errorf("%v: ports %v, want %d first", pair, ports, home)
	}
	var many []string
	for i := range localPortCount + 5 {
		many = append(many, fmt.Sprintf("many-%06d", i))
	}
	if got := len(localPorts(many)); got != localPortCount {
		t.Errorf("%d ports for %d resources", got, len(many))
	}
}
