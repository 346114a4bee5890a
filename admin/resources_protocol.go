package admin

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/access"
)

// Protocol is one that gateways serve, and what resources may say that speak it.
type Protocol struct {
	Name  string `json:"name" doc:"As resources and the record name it"`
	Title string `json:"title" doc:"For people"`
	// Clusters are those whose clients reach each node by itself.
	Clusters  bool `json:"clusters" doc:"A resource may be a cluster, with nodes"`
	Sentinels bool `json:"sentinels" doc:"A resource may be found by Sentinels, with a master's name"`
	// NumberedDatabases have no names but 0, 1 and so on.
	NumberedDatabases bool `json:"numbered_databases" doc:"A database is a number"`
	// SSH is a server rather than a store.
	SSH bool `json:"ssh" doc:"A resource is a server, with host keys, without databases and TLS"`
}

const (
	// maxNodes bounds a cluster, and maxSentinels those who watch one store.
	maxNodes     = 500
	maxSentinels = 32
)

// registerProtocols tells forms what a resource may be.
func (s *Service) registerProtocols(a *api) {
	add(a, route{method: http.MethodGet, path: "/protocols", id: "list-protocols", level: reader, summary: "List the protocols that resources may speak",
		description: "All are in one page, in the order in which to offer them."},
		func(context.Context, *struct{}) (*answer[list[Protocol]], error) {
			return &answer[list[Protocol]]{Body: list[Protocol]{Items: slices.Concat([]Protocol{}, s.protocols)}}, nil
		})
}

// checkProtocol refuses what the resource's protocol has no place for.
func (s *Service) checkProtocol(r *access.Resource) error {
	i := slices.IndexFunc(s.protocols, func(p Protocol) bool { return p.Name == r.Protocol })
	if i < 0 {
		var known []string
		for _, p := range s.protocols {
			known = append(known, p.Name)
		}
		return invalid("protocol", "%q is no protocol that is served here; these are: %s", r.Protocol, strings.Join(known, ", "))
	}
	p := &s.protocols[i]
	if err := p.checkSSH(r); err != nil {
		return err
	}
	switch {
	case len(r.Nodes) > 0 && !p.Clusters:
		return invalid("nodes", "a resource with protocol %s has no nodes", p.Name)
	case r.Master != "" && !p.Sentinels:
		return invalid("master", "a resource with protocol %s is not found by Sentinels, so it has no master", p.Name)
	case len(r.Nodes) > 0 && r.Master != "":
		return invalid("master", "a store is a cluster with nodes, or is found by Sentinels with a master's name, not both")
	}
	if p.NumberedDatabases && r.Database != "" {
		if n, err := strconv.ParseUint(r.Database, 10, 31); err != nil || strconv.FormatUint(n, 10) != r.Database {
			return invalid("database", "with protocol %s a database is a number, such as 0; %q is none", p.Name, r.Database)
		}
	}
	if err := checkNodes(r.Nodes); err != nil {
		return err
	}
	if r.Master != "" {
		return checkSentinels(r)
	}
	if p.SSH {
		return checkHostPort(r.Address)
	}
	return checkAddress(r.Address)
}

func checkNodes(nodes []access.Node) error {
	if len(nodes) > maxNodes {
		return invalid("nodes", "a resource has at most %d nodes", maxNodes)
	}
	names, addresses := map[string]bool{}, map[string]bool{}
	for _, n := range nodes {
		address := strings.ToLower(n.Address)
		switch {
		case !labelNames.MatchString(n.Name):
			return invalid("nodes", "%q is no node's name; it is a DNS label: small letters, digits and - inside, at most 63 of them", n.Name)
		case names[n.Name]:
			return invalid("nodes", "two nodes are named %s", n.Name)
		case addresses[address]:
			return invalid("nodes", "two nodes have the address %s", n.Address)
		}
		if err := checkHostPort(n.Address); err != nil {
			return invalid("nodes", "node %s: %v", n.Name, err)
		}
		names[n.Name], addresses[address] = true, true
	}
	return nil
}

// checkSentinels refuses a master that cannot be asked for: the address is then that of each Sentinel.
func checkSentinels(r *access.Resource) error {
	if len(r.Master) > maxText || strings.ContainsFunc(r.Master, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return invalid("master", "a master's name has no spaces and at most %d bytes", maxText)
	}
	sentinels := strings.Split(r.Address, ",")
	if len(sentinels) > maxSentinels {
		return invalid("address", "a store has at most %d Sentinels", maxSentinels)
	}
	seen := map[string]bool{}
	for _, address := range sentinels {
		if err := checkHostPort(address); err != nil {
			return invalid("address", "with a master, the address is host:port of each Sentinel, with commas between: %v", err)
		}
		if address = strings.ToLower(address); seen[address] {
			return invalid("address", "two Sentinels have the address %s", address)
		}
		seen[address] = true
	}
	return nil
}

func checkAddress(address string) error {
	if strings.HasPrefix(address, "/") {
		return nil
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return invalid("address", "the address is host:port, or the path of a Unix socket; %q is neither", address)
	}
	return checkHostPort(address)
}

func checkHostPort(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || strings.ContainsAny(host, " \t\r\n,/") {
		return invalid("address", "%q is no host:port, such as server.internal:22", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return invalid("address", "%q is no port from 1 to 65535", port)
	}
	return nil
}
