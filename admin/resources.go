package admin

import (
	"context"
	"crypto/x509"
	"maps"
	"net/http"
	"slices"

	"github.com/sallyport/sallyport/access"
)

func (s *Service) resourceNoun() noun[access.Resource] {
	return noun[access.Resource]{
		one: "resource", many: "resources",
		all:     func(snap *snapshot) map[string]access.Resource { return snap.Resources },
		name:    func(r *access.Resource) *string { return &r.Name },
		prepare: s.prepareResource,
		put:     s.store.PutResource,
		remove:  s.store.DeleteResource,
	}
}

func (s *Service) prepareResource(snap *snapshot, r, old *access.Resource) error {
	if !labelNames.MatchString(r.Name) || r.Name == "mine" {
		return invalid("name", "a resource's name is a DNS label other than mine: small letters, digits and - inside, at most 63 of them")
	}
	if old != nil {
		r.KeepHostKeys(old)
	}
	if err := s.checkProtocol(r); err != nil {
		return err
	}
	if err := checkSSL(r); err != nil {
		return err
	}
	switch r.Durability {
	case "", access.Interval, access.Hold, access.Strict:
	default:
		return invalid("durability", "durability is interval, hold or strict, not %q", r.Durability)
	}
	if len(r.Database) > maxText {
		return invalid("database", "the database's name is longer than %d bytes", maxText)
	}
	if len(r.Labels) == 0 {
		r.Labels = nil
	}
	if len(r.Nodes) == 0 {
		r.Nodes = nil
	}
	if err := checkLabels(r.Labels); err != nil {
		return err
	}
	if r.Accounts == nil {
		r.Accounts = map[string]string{}
	}
	for _, account := range slices.Sorted(maps.Keys(r.Accounts)) {
		if account == "" || account == "*" || len(account) > maxText {
			return invalid("accounts", "%q is no account's name", account)
		}
		c, ok := snap.Credentials[r.Accounts[account]]
		if !ok {
			return invalid("accounts", "there is no credential %q for the account %s; add it first", r.Accounts[account], account)
		}
		if opensSSH(&c) && !s.speaksSSH(r) {
			return invalid("accounts", "the credential %s logs in at SSH servers alone, and %s is none", c.Name, r.Name)
		}
	}
	return nil
}

func checkSSL(r *access.Resource) error {
	switch r.SSLMode {
	case "", access.SSLDisable, access.SSLPrefer, access.SSLRequire, access.SSLVerifyCA, access.SSLVerifyFull:
	default:
		return invalid("ssl_mode", "ssl_mode is disable, prefer, require, verify-ca or verify-full, not %q", r.SSLMode)
	}
	if r.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(r.CA)) {
		return invalid("ca", "the CA holds no certificate in PEM")
	}
	return nil
}

// ownResource is a resource as those see it who may open it.
type ownResource struct {
	Name     string            `json:"name"`
	Protocol string            `json:"protocol"`
	Database string            `json:"database,omitempty" doc:"Opened when the client names none"`
	Labels   map[string]string `json:"labels,omitempty"`
	Accounts []string          `json:"accounts" doc:"Accounts that the caller may use; the first is the default"`
	Tunnel   string            `json:"tunnel,omitempty" doc:"The first of gateways' tunnel"`
	// Gateways are where it can be reached, to be tried in this order.
	Gateways []ownGateway `json:"gateways" doc:"Gateways that serve it, in the order in which to try them"`
	Port     int          `json:"port" doc:"The local port that clients open it on: the same for everybody, no two resources have the same"`
	Nodes    []ownNode    `json:"nodes,omitempty" doc:"Of a cluster: clients open each node on its own local port as well"`
}

// ownNode is a cluster's node as clients open it.
type ownNode struct {
	Name string `json:"name" doc:"A client asks a gateway for NODE.RESOURCE"`
	Port int    `json:"port" doc:"The local port, by which gateways tell the cluster's clients of the node; 0: there are more nodes than ports"`
}

func ownNodes(r *access.Resource, ports map[string]int) []ownNode {
	var nodes []ownNode
	for _, n := range r.Nodes {
		nodes = append(nodes, ownNode{Name: n.Name, Port: ports[r.Name+"/"+n.Name]})
	}
	return nodes
}

// ownResources lists what the caller may open.
func (s *Service) ownResources(ctx context.Context, in *paging) (*answer[list[ownResource]], error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	id := callerOf(ctx).identity
	ports := snap.LocalPorts()
	return &answer[list[ownResource]]{Body: page(*in, snap.Open(id, s.now()), func(name string) ownResource {
		r := snap.Resources[name]
		own := ownResource{Name: r.Name, Protocol: r.Protocol, Database: r.Database, Labels: r.Labels,
			Accounts: snap.Accounts(id, name, s.now()), Gateways: s.gatewaysOf(snap, r), Port: ports[name],
			Nodes: ownNodes(&r, ports)}
		if len(own.Gateways) > 0 {
			own.Tunnel = own.Gateways[0].Tunnel
		}
		return own
	})}, nil
}

func (s *Service) registerOwnResources(a *api) {
	s.registerHostKeys(a)
	add(a, route{method: http.MethodGet, path: "/resources/mine", id: "list-own-resources", level: signedIn,
		summary: "List the resources that the caller may open"}, s.ownResources)
}
