package client

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Trust says how the control plane's certificate is verified. The zero value means the system's roots.
type Trust struct {
	// CA is PEM; when set, only what chains to it is accepted.
	CA string
	// Fingerprint is the SHA-256 of a certificate (DER) in hex, colons and an upper-case form allowed. The server must
	// present that certificate in its chain, and its own certificate must chain to it.
	Fingerprint string
}

// parseServer gives the base URL in its plain form. Plain HTTP is accepted to loopback only, since a token or a
// sign-in link would be readable on the way.
func parseServer(server string) (*url.URL, error) {
	if !strings.Contains(server, "://") {
		server = "https://" + server
	}
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" {
		return nil, fmt.Errorf("server %q is not a URL such as https://sally.acme.com", server)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !IsLoopback(u.Hostname())) {
		return nil, fmt.Errorf("server %s://%s: only https is safe; plain http is for 127.0.0.1, ::1 and localhost",
			u.Scheme, u.Host)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("server %s://%s: give its base URL only", u.Scheme, u.Host)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

// IsLoopback says whether a host, as it stands in a URL, is this machine itself.
func IsLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// config gives the TLS configuration towards host. found is called with the pinned certificate once the server has
// presented it; it is never called without a fingerprint.
func (t Trust) config(host string, found func(*x509.Certificate)) (*tls.Config, error) {
	if t.CA != "" && t.Fingerprint != "" {
		return nil, errors.New("give --ca or --ca-sha256, not both")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(t.CA)) {
			return nil, errors.New("the server's authority (--ca): no certificate in it")
		}
	}
	if t.Fingerprint == "" {
		return config, nil
	}
	pin, err := parseFingerprint(t.Fingerprint)
	if err != nil {
		return nil, err
	}
	// The roots are known only once the chain is seen, so crypto/tls cannot verify it; VerifyConnection does, in full:
	// chain, dates and host name. It runs on every connection, resumed ones included.
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(state tls.ConnectionState) error {
		root, err := verifyPinned(state.PeerCertificates, host, pin)
		if err == nil {
			found(root)
		}
		return err
	}
	return config, nil
}

func parseFingerprint(text string) ([sha256.Size]byte, error) {
	var pin [sha256.Size]byte
	text = strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(text), "sha256:"), ":", "")
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(pin) {
		return pin, errors.New("the fingerprint (--ca-sha256) must be 64 hexadecimal digits")
	}
	return [sha256.Size]byte(raw), nil
}

// verifyPinned verifies the server's certificate with the one that has the pin as the only root, and returns that.
// The host is an argument because ConnectionState.ServerName is empty for an IP address.
func verifyPinned(chain []*x509.Certificate, host string, pin [sha256.Size]byte) (*x509.Certificate, error) {
	var root *x509.Certificate
	others := x509.NewCertPool()
	for _, certificate := range chain {
		if sha256.Sum256(certificate.Raw) == pin {
			root = certificate
			continue
		}
		others.AddCert(certificate)
	}
	if root == nil {
		return nil, errors.New("no certificate that the server presented has the pinned fingerprint")
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	_, err := chain[0].Verify(x509.VerifyOptions{
		DNSName: host, Roots: roots, Intermediates: others,
	})
	if err != nil {
		return nil, fmt.Errorf("verify server with the pinned certificate: %w", err)
	}
	return root, nil
}

func certificatePEM(certificate *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))
}
