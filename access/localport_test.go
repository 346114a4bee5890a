package access_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/access"
)

// resourcesNamed makes resources without nodes.
func resourcesNamed(names ...string) map[string]access.Resource {
	out := map[string]access.Resource{}
	for _, name := range names {
		out[name] = access.Resource{Name: name}
	}
	return out
}

func TestLocalPortsAreNeverShared(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(t, "resources")
		resources, want := map[string]access.Resource{}, 0
		for i := range n {
			r := access.Resource{Name: fmt.Sprintf("db-%d-%d", rapid.IntRange(0, 50).Draw(t, "name"), i)}
			for j := range rapid.IntRange(0, 6).Draw(t, "nodes") {
				r.Nodes = append(r.Nodes, access.Node{Name: fmt.Sprintf("n%d", j)})
			}
			resources[r.Name] = r
			want += 1 + len(r.Nodes)
		}
		ports, owner := access.LocalPorts(resources), map[int]string{}
		if len(ports) != want {
			t.Fatalf("%d ports for %d names", len(ports), want)
		}
		for name, port := range ports {
			if other, shared := owner[port]; shared {
				t.Fatalf("%s and %s share port %d", name, other, port)
			}
			if port < access.FirstLocalPort || port >= access.FirstLocalPort+access.LocalPortCount {
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
		port := access.OwnLocalPort(name)
		if byPort[port] = append(byPort[port], name); len(byPort[port]) == 2 {
			pair = byPort[port]
		}
	}
	home := access.OwnLocalPort(pair[0])
	ports := access.LocalPorts(resourcesNamed(pair[0], pair[1], "zz-neighbour"))
	if ports[pair[0]] != home || ports[pair[1]] != home+1 || ports["zz-neighbour"] != access.OwnLocalPort("zz-neighbour") {
		t.Errorf("%v: ports %v, want %d first", pair, ports, home)
	}
	var many []string
	for i := range access.LocalPortCount + 5 {
		many = append(many, fmt.Sprintf("many-%06d", i))
	}
	if got := len(access.LocalPorts(resourcesNamed(many...))); got != access.LocalPortCount {
		t.Errorf("%d ports for %d resources", got, len(many))
	}
}

// A node never takes the port that a resource had before there was the node.
func TestNodesMoveNoResource(t *testing.T) {
	var node string
	home := access.OwnLocalPort("orders")
	for i := 0; node == ""; i++ {
		if name := fmt.Sprintf("n%d", i); access.OwnLocalPort("cache/"+name) == home {
			node = name
		}
	}
	resources := resourcesNamed("cache", "orders")
	resources["cache"] = access.Resource{Name: "cache", Nodes: []access.Node{{Name: node}}}
	ports := access.LocalPorts(resources)
	if ports["orders"] != home || ports["cache/"+node] != home+1 {
		t.Errorf("ports %v, want orders at %d and the node behind it", ports, home)
	}
}
