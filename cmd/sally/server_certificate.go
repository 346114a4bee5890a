package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"

	"github.com/sallyport/sallyport/admin/ca"
	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/proxy"
)

// hostKeysDir is where the gateway's SSH host key is, within the data directory.
const hostKeysDir = "ssh"

// certificate gives the gateway's own certificate: the configured one, but for tunnels always one of Sallyport's CA,
// which is what local clients verify.
func (s *server) certificate() (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	own, err := s.admin.ServerCertificates(s.ownNames())
	if err != nil {
		return nil, fmt.Errorf("issue certificate: %w", err)
	}
	public := own
	if s.config.TLS.Certificate != "" {
		if public, err = loadCertificate(s.config.TLS); err != nil {
			return nil, err
		}
	}
	if s.config.TLS.Certificate != "" || !isLoopbackAddress(s.config.Listen.Web) {
		s.webTLS = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: public, NextProtos: []string{"h2", "http/1.1"}}
	}
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		for _, name := range hello.SupportedProtos {
			if name == proxy.TunnelALPN || name == proxy.RelayALPN {
				return own(hello)
			}
		}
		return public(hello)
	}, nil
}

// ownNames are those by which clients know this process's gateway.
func (s *server) ownNames() []string {
	return append([]string{client.GatewayName, "localhost", "127.0.0.1", "::1"}, s.config.Hosts...)
}

// openHostKeys opens the key by which SSH clients know the gateway, and which certify certifies.
func (s *server) openHostKeys(certify func(ctx context.Context, public string) (string, error)) (err error) {
	dir := s.path(hostKeysDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make directory of SSH host keys: %w", err)
	}
	o := gateway.HostKeyOptions{Dir: dir, Certify: certify, Counts: s.access.CountsSSHHost, Log: s.log}
	if s.sealed != nil { // a gateway elsewhere has no key to seal with
		o.Sealer = ca.NewAgeSealer(s.sealed.Identity())
	}
	if s.hostKeys, err = gateway.OpenHostKeys(o); err == nil {
		s.access.SetHostKeys(s.hostKeys)
	}
	return err
}

// certifyHostKey asks this process's own control plane.
func (s *server) certifyHostKey(ctx context.Context, public string) (string, error) {
	return s.admin.CertifySSHHost(ctx, s.config.Gateway, s.ownNames(), public)
}

// loadCertificate reads the configured certificate anew for each handshake, so that it can be renewed in place.
func loadCertificate(c certificateConfig) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	load := func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		return &pair, nil
	}
	_, err := load(nil)
	return load, err
}

func isLoopbackAddress(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
