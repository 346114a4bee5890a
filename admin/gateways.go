package admin

import (
	"context"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/link"
)

func (s *Service) gatewayNoun() noun[access.Gateway] {
	return noun[access.Gateway]{
		one: "gateway", many: "gateways",
		all:     func(snap *snapshot) map[string]access.Gateway { return snap.Gateways },
		name:    func(g *access.Gateway) *string { return &g.Name },
		prepare: s.prepareGateway,
		put:     func(ctx context.Context, g access.Gateway) error { return s.store.PutGateway(ctx, g, s.now()) },
		remove:  s.store.DeleteGateway,
		inUse: func(snap *snapshot, name string) error {
			var resources []string
			for _, r := range snap.Resources {
				if slices.Contains(r.Gateways, name) {
					resources = append(resources, r.Name)
				}
			}
			for _, g := range snap.Gateways {
				if g.Relay == name {
					resources = append(resources, "the gateway "+g.Name)
				}
			}
			if len(resources) == 0 {
				return nil
			}
			slices.Sort(resources)
			return conflict("the gateway %s is named by %s; change these first", name, strings.Join(resources, ", "))
		},
	}
}

// hostNames are DNS names in small letters.
var hostNames = regexp.MustCompile(`^(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

func (s *Service) prepareGateway(snap *snapshot, g, old *access.Gateway) error {
	g.CertificatesValidFrom = time.Time{}
	if old != nil {
		g.CertificatesValidFrom = old.CertificatesValidFrom
	}
	switch {
	case !labelNames.MatchString(g.Name) || g.Name == "status":
		return invalid("name", "a gateway's name is a DNS label other than status: small letters, digits and - inside, at most 63 of them")
	case g.Name == s.gateway:
		return conflict("%s is the name of this server's own gateway; choose another", g.Name)
	case g.Relay != "":
		if err := s.checkRelay(snap, g); err != nil {
			return err
		}
	case g.Tunnel == "":
		return invalid("tunnel", "say where clients reach the gateway: tunnel is host:port; or, where nothing can listen, relay names the gateway through which it is reached")
	}
	names := g.Hosts
	if g.Relay == "" {
		if err := checkAddress(g.Tunnel); err != nil || strings.HasPrefix(g.Tunnel, "/") {
			return invalid("tunnel", "the tunnel is host:port; %q is not", g.Tunnel)
		}
		host, _, _ := net.SplitHostPort(g.Tunnel)
		names = append([]string{host}, names...)
	}
	for _, name := range names {
		if err := checkGatewayHost(name); err != nil {
			return err
		}
	}
	if len(g.Hosts) == 0 {
		g.Hosts = nil
	}
	return nil
}

// checkRelay says whether the gateway can be reached through the one that it names: an enrolled one that clients reach
// themselves, or this server's own.
func (s *Service) checkRelay(snap *snapshot, g *access.Gateway) error {
	relay, enrolled := snap.Gateways[g.Relay]
	switch {
	case g.Tunnel != "":
		return invalid("tunnel", "a gateway is reached at its tunnel or through its relay; name one of them")
	case g.Relay == g.Name || !enrolled && g.Relay != s.gateway:
		return invalid("relay", "%s is no other gateway", g.Relay)
	case relay.Relay != "":
		return invalid("relay", "%s is itself reached through %s; name that one", g.Relay, relay.Relay)
	}
	for _, other := range snap.Gateways {
		if other.Relay == g.Name {
			return conflict("%s is reached through %s, so that one needs a tunnel of its own", other.Name, g.Name)
		}
	}
	return nil
}

// checkGatewayHost keeps the names by which Sallyport's own parts know each other out of certificates for anything else.
func checkGatewayHost(name string) error {
	if net.ParseIP(name) != nil {
		return nil
	}
	if name = strings.ToLower(name); len(name) > 253 || !hostNames.MatchString(name) {
		return invalid("hosts", "%q is neither a DNS name nor an IP address", name)
	}
	if _, reserved, _ := strings.Cut(link.ControlName, "."); strings.HasSuffix("."+name, "."+reserved) {
		return invalid("hosts", "names below %s are Sallyport's own", reserved)
	}
	return nil
}

// The states of a gateway.
const (
	gatewayWaiting   = "waiting"   // has not joined yet
	gatewayConnected = "connected" // is heard of
	gatewayAway      = "away"      // is not heard of
)

// gatewayStatus is what is known of a gateway now.
type gatewayStatus struct {
	Name       string    `json:"name"`
	State      string    `json:"state" enum:"waiting,connected,away" doc:"waiting: has not joined yet; away: nothing was heard of it for 10 s"`
	Draining   bool      `json:"draining,omitempty"`
	Tunnel     string    `json:"tunnel,omitempty"`
	Relay      string    `json:"relay,omitempty" doc:"The gateway through which it is reached"`
	Version    string    `json:"version,omitempty"`
	LastSeen   time.Time `json:"last_seen,omitzero"`
	Generation int64     `json:"generation" doc:"Of the rules that it decides by"`
	Current    bool      `json:"current" doc:"Whether these are the newest"`
	Sessions   int       `json:"sessions"`

	Journal *journalStatus `json:"journal,omitempty" doc:"The copy of its record; left out where none is kept"`
}

func (s *Service) registerGateways(a *api) {
	registerNoun(a, s.gatewayNoun())
	add(a, route{method: http.MethodGet, path: "/gateways/status", id: "list-gateway-status", summary: "Say how the gateways are", level: reader,
		description: "All in one page."},
		func(ctx context.Context, _ *struct{}) (*answer[list[gatewayStatus]], error) {
			items, err := s.gatewayStatus(ctx)
			return &answer[list[gatewayStatus]]{Body: list[gatewayStatus]{Items: items}}, err
		})
	add(a, route{method: http.MethodPost, path: "/gateways/{name}/join-tokens", id: "create-join-token", level: adminOnly, status: http.StatusCreated,
		summary: "Make a token that enrols a gateway once, within 24 hours", description: "When it is used, certificates that the gateway had before stop to count."},
		func(ctx context.Context, in *byName) (*answer[joinToken], error) {
			token, err := s.newJoinToken(ctx, in.Name)
			return &answer[joinToken]{Body: token}, err
		})
}

func (s *Service) gatewayStatus(ctx context.Context) ([]gatewayStatus, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	gateways, err := s.store.Gateways(ctx)
	if err != nil {
		return nil, err
	}
	items := []gatewayStatus{}
	for _, g := range gateways {
		report := reportOf(&g)
		item := gatewayStatus{Name: g.Name, State: s.stateOf(&g), Draining: g.Draining, Tunnel: g.Tunnel, Relay: g.Relay, Version: report.Version,
			LastSeen: g.LastSeen, Generation: g.Generation, Current: g.Generation == snap.Generation,
			Journal: s.journals.status(g.Name, s.now())}
		if item.State == gatewayConnected {
			item.Sessions = len(report.Sessions)
		}
		items = append(items, item)
	}
	return items, nil
}

func (s *Service) stateOf(g *store.Gateway) string {
	switch {
	case g.Serial == "":
		return gatewayWaiting
	case s.now().Sub(g.LastSeen) > link.ReportPatience:
		return gatewayAway
	}
	return gatewayConnected
}

// closesBy is when a gateway of which nothing more is heard has ended all of its sessions by itself. It gets no heartbeat
// later than the patience with its silence after its last report.
func (s *Service) closesBy(g *store.Gateway) time.Time {
	return g.LastSeen.Add(link.ReportPatience + s.links.offlineLimit)
}
