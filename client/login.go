package client

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// SignIn is what a sign-in needs: a server, and either an access token or a one-time link's token.
type SignIn struct {
	Profile string // name of the profile to make; empty derives it from the server's host
	Server  string
	Trust   Trust
	Token   string // access token, sally_<id>_<secret>
	Link    string // the part of a sign-in link after "#"
	Passkey bool   // for InBrowser: the page is to ask for a passkey, so that roles which want one are open
}

var accessToken = regexp.MustCompile(`^sally_[A-Za-z0-9]+_[A-Za-z0-9_-]+$`)

// LooksLikeToken says whether s has the form of an access token.
func LooksLikeToken(s string) bool { return accessToken.MatchString(s) }

// ParseLink takes a one-time sign-in link (https://host/sign-in#token) apart into the server's base URL and the token.
// Errors never repeat the link.
func ParseLink(link string) (server, token string, err error) {
	u, err := url.Parse(link)
	if err != nil || u.Hostname() == "" || u.Fragment == "" || !strings.HasSuffix(u.Path, "/sign-in") {
		return "", "", errors.New("this is no sign-in link, which looks like https://sally.acme.com/sign-in#SECRET")
	}
	token = u.Fragment
	base := url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimSuffix(u.Path, "/sign-in")}
	return base.String(), token, nil
}

// Do signs in: it proves who the person is, makes a key that never leaves this machine, and has the server certify
// it. It returns the profile without saving it.
func (s SignIn) Do(ctx context.Context) (*Profile, error) {
	if (s.Token == "") == (s.Link == "") {
		return nil, errors.New("sign in with an access token or a sign-in link, and with one of them only")
	}
	if s.Token != "" && !LooksLikeToken(s.Token) {
		return nil, errors.New("that is no access token: it has the form sally_<id>_<secret>")
	}
	return s.with(func(api *API, p *Profile) error {
		if s.Link != "" {
			return openSession(ctx, api, p, map[string]any{"link": s.Link})
		}
		api.token, p.Token = s.Token, s.Token
		return certify(ctx, api, p)
	})
}

// with makes the profile of a sign-in at the server, which prove fills.
func (s SignIn) with(prove func(*API, *Profile) error) (*Profile, error) {
	api, err := newAPI(s.Server, s.Trust)
	if err != nil {
		return nil, err
	}
	defer api.Close()
	p := &Profile{Name: s.Profile, Server: api.base.String(), ServerCA: s.Trust.CA}
	if p.Name == "" {
		p.Name = profileNameOf(api.base)
	}
	if err := prove(api, p); err != nil {
		return nil, err
	}
	select {
	case root := <-api.pinned:
		p.ServerCA = certificatePEM(root)
	default:
	}
	return p, nil
}

// certify makes a key pair and fills p with the certificate that the server gives for it.
func certify(ctx context.Context, api *API, p *Profile) error {
	key, public, err := newKey()
	if err != nil {
		return err
	}
	var answer certificateAnswer
	if err := api.Call(ctx, http.MethodPost, "/api/v1/certificates", map[string]string{"public_key": public}, &answer); err != nil {
		return fmt.Errorf("get certificate: %w", err)
	}
	return p.takeCertificate(api, key, answer)
}

// takeCertificate fills p with the certificate for the key.
func (p *Profile) takeCertificate(api *API, key *ecdsa.PrivateKey, answer certificateAnswer) error {
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	certificate, err := checkCertificate(answer.Certificate, answer.CA, key.Public())
	if err != nil {
		return fmt.Errorf("get certificate: %w", err)
	}
	p.Tunnel, err = tunnelAddress(answer.Tunnel, api.base.Hostname())
	if err != nil {
		return fmt.Errorf("get certificate: %w", err)
	}
	p.Certificate, p.CA = answer.Certificate, answer.CA
	p.SSHHosts, p.SSHHostsOther = printable(answer.SSHHosts), printable(answer.SSHOther)
	p.Key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	p.User, p.Expires = certificate.Subject.CommonName, certificate.NotAfter.UTC()
	return nil
}

// checkCertificate makes sure that the certificate is for our key and that the authority issued it, so that a mix-up
// shows at sign-in and not at the first connection.
func checkCertificate(certificate, ca string, public crypto.PublicKey) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(certificate))
	if block == nil {
		return nil, errors.New("the server's answer holds no certificate")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse certificate: %w", err)
	}
	if own, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || !own.Equal(public) {
		return nil, errors.New("the certificate is not for our key")
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(ca)) {
		return nil, errors.New("the server's answer holds no authority for its gateways")
	}
	// Dates are left out: the clock of this machine may be off, and the gateway judges by its own.
	_, err = leaf.Verify(x509.VerifyOptions{
		Roots: roots, CurrentTime: leaf.NotBefore, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, fmt.Errorf("verify certificate: %w", err)
	}
	return leaf, nil
}

// tunnelAddress completes the gateway's address: without a host it is the server's own.
func tunnelAddress(address, serverHost string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return "", fmt.Errorf("the gateway's address %q is not host:port", printable(address))
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = serverHost
	}
	return net.JoinHostPort(host, port), nil
}

// profileNameOf derives a profile's name from the server's host and port.
func profileNameOf(base *url.URL) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, strings.ToLower(base.Host))
	return strings.TrimLeft(name, "._-")
}
