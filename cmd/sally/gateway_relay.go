package main

import (
	"crypto/tls"

	"golang.org/x/sync/errgroup"

	"github.com/sallyport/sallyport/proxy"
)

// serveRelay serves the clients that come through the gateway to which this one dials out. It ends with the gateway's
// Shutdown.
func (g *gatewayProcess) serveRelay(run *errgroup.Group) {
	relay := proxy.NewRelayListener(func() (string, *tls.Config, error) { return g.link.RelayTarget(g.gatewayConfig.Relay) }, g.log)
	run.Go(func() error { return relay.Run() })
	run.Go(func() error { return g.gateway.ServeTunnel(relay) })
}
