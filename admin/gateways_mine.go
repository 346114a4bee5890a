package admin

import (
	"maps"
	"slices"

	"github.com/sallyport/sallyport/access"
)

// ownGateway is a gateway as those see it who connect through it.
type ownGateway struct {
	Name   string `json:"name"`
	Tunnel string `json:"tunnel" doc:"host:port of its tunnel entrance, or of the gateway's through which it is reached; an empty host is the server's own"`
}

// gatewaysOf lists the gateways that serve the resource, those first that a client should try first: in the order of the
// resource's own list, or else this process's gateway and then the others by name. Of a gateway that is reached through
// another it gives the other's tunnel. Gateways that are being drained come last: they may still do when nothing else does.
func (s *Service) gatewaysOf(snap *snapshot, r access.Resource) []ownGateway {
	names := r.Gateways
	if len(names) == 0 {
		names = []string{s.gateway}
		for _, name := range slices.Sorted(maps.Keys(snap.Gateways)) {
			if snap.Gateways[name].Relay == "" { // its relay serves the resource as well
				names = append(names, name)
			}
		}
	}
	ready, last := []ownGateway{}, []ownGateway{}
	for _, name := range names {
		own := ownGateway{Name: name, Tunnel: s.tunnelOf(snap, name)}
		relay := snap.Gateways[name].Relay
		known := func(g ownGateway) bool { return g.Tunnel == own.Tunnel }
		switch {
		case own.Tunnel == "" || slices.ContainsFunc(ready, known) || slices.ContainsFunc(last, known):
		case snap.Gateways[name].Draining || snap.Gateways[relay].Draining:
			last = append(last, own)
		default:
			ready = append(ready, own)
		}
	}
	return append(ready, last...)
}

// tunnelOf is where clients reach the gateway; empty: nowhere.
func (s *Service) tunnelOf(snap *snapshot, name string) string {
	g, enrolled := snap.Gateways[name]
	switch {
	case enrolled && g.Relay != "":
		return s.tunnelOf(snap, g.Relay) // which is itself reached at its tunnel: see checkRelay
	case enrolled:
		return g.Tunnel
	case name == s.gateway:
		return s.tunnel()
	}
	return ""
}
