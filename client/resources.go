package client

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/client/program"
)

// Resource is a data store or server that the person may open.
type Resource struct {
	Name     string `json:"name"`
	Protocol string `json:"protocol"`
	Database string `json:"database,omitempty"` // opened when the client names none
	// Accounts at the store that the person may use; the first is the default.
	Accounts []string          `json:"accounts"`
	Labels   map[string]string `json:"labels,omitempty"`
	// Port is the local port that the server gives the resource among all of its resources; 0: it names none.
	Port int `json:"port,omitempty"`
	// Gateways serve it, those first that should be tried first. Without any, Tunnel does; empty means the profile's.
	Gateways []Gateway `json:"gateways,omitempty"`
	Tunnel   string    `json:"tunnel,omitempty"` // host:port
	// Nodes are those of a cluster, whose clients reach each by itself.
	Nodes []Node `json:"nodes,omitempty"`
}

// Node is one server of a cluster. It has its own local port and no other, since gateways tell the cluster's clients that
// one.
type Node struct {
	Name string `json:"name"`
	Port int    `json:"port"` // 0: the server has none for it
}

// Of is how gateways are asked for the node of a resource, in the resource's place.
func (n Node) Of(resource string) string { return n.Name + "." + resource }

// Gateway is one of several ways to a resource.
type Gateway struct {
	Name   string `json:"name"`
	Tunnel string `json:"tunnel"` // host:port; an empty host is the server's own
}

// LocalPort is the port on this machine, the same on a colleague's: the server's choice, or else what the name alone
// gives.
func (r Resource) LocalPort() int {
	if r.Port > 0 {
		return r.Port
	}
	return PreferredPort(r.Name)
}

// Ways lists the gateways' addresses in the order in which to try them. An empty one means the profile's.
func (r Resource) Ways(serverHost string) []string {
	var ways []string
	for _, g := range r.Gateways {
		if address, err := tunnelAddress(g.Tunnel, serverHost); err == nil && !slices.Contains(ways, address) {
			ways = append(ways, address)
		}
	}
	if len(ways) > 0 {
		return ways
	}
	if address, err := tunnelAddress(r.Tunnel, serverHost); err == nil {
		return []string{address}
	}
	return []string{""}
}

// Resources lists what the person may open, sorted by name.
func (a *API) Resources(ctx context.Context) ([]Resource, error) {
	var answer struct {
		Items []Resource `json:"items"`
	}
	if err := a.Call(ctx, http.MethodGet, "/api/v1/resources/mine", nil, &answer); err != nil {
		return nil, err // the server's sentence, or what keeps it from answering
	}
	slices.SortFunc(answer.Items, func(a, b Resource) int { return strings.Compare(a.Name, b.Name) })
	return slices.Concat([]Resource{}, answer.Items), nil // JSON shows an empty list as [], not null
}

// Account gives the account to use: the wanted one if the person may use it, the default if none is wanted. A resource
// whose accounts are not known takes any.
func (r Resource) Account(wanted string) (string, error) {
	switch {
	case wanted == "" && len(r.Accounts) > 0:
		return r.Accounts[0], nil
	case wanted == "" || len(r.Accounts) == 0 || slices.Contains(r.Accounts, wanted):
		return wanted, nil
	}
	return "", fmt.Errorf("you may not use account %s of %s; yours are: %s", wanted, r.Name, strings.Join(r.Accounts, ", "))
}

// URL is what a client program connects to, ready to paste.
func (r Resource) URL(account string, port int) string { return r.Target(account, port).URL() }

// Target is the resource as client programs find it at the port of this machine.
func (r Resource) Target(account string, port int) program.Target {
	return program.Target{Name: r.Name, Protocol: r.Protocol, Host: "127.0.0.1", Port: port, Database: r.Database, Account: account,
		Cluster: len(r.Nodes) > 0}
}
