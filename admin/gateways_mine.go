package admin

import (
	"maps"
	"slices"

	"github.com/sallyport/sallyport/access"
)

// ownGateway is a gateway as those see it who connect through it.
type ownGateway struct {
	Name   string `json:"name"`
	Tunnel string `json:"tunnel" doc:"host:port of its tunnel entrance; an empty host is the server's own"`
}

// gatewaysOf lists the gateways that serve the resource, those first that a client should try first: in the order of the
// resource's own list, or else this process's gateway and then the others by name. Gateways that are being drained
// come last: they may still do when nothing else does.
func (s *Service) gatewaysOf(snap *snapshot, r access.Resource) []ownGateway {
	names := r.Gateways
	if len(names) == 0 {
		names = append([]string{s.gateway}, slices.Sorted(maps.Keys(snap.Gateways))...)
	}
	ready, last := []ownGateway{}, []ownGateway{}
	for _, name := range names {
		g, enrolled := snap.Gateways[name]
		switch tunnel := s.tunnel(); {
		case !enrolled && name == s.gateway && tunnel != "":
			ready = append(ready, ownGateway{Name: name, Tunnel: tunnel})
		case g.Tunnel == "":
		case g.Draining:
			last = append(last, ownGateway{Name: name, Tunnel: g.Tunnel})
		default:
			ready = append(ready, ownGateway{Name: name, Tunnel: g.Tunnel})
		}
	}
	return append(ready, last...)
}
