package main

import (
	"crypto/tls"
	"net"
	"net/http"

	"golang.org/x/sync/errgroup"
)

// serveGateways runs the port for gateways, which speak to nothing else of this server.
func (s *server) serveGateways(run *errgroup.Group, l net.Listener) (*http.Server, error) {
	config, err := s.admin.GatewayTLS()
	if err != nil {
		return nil, err
	}
	return s.serveHTTP(run, s.admin.GatewayServer(), tls.NewListener(l, config)), nil
}
