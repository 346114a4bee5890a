package admin

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// site is the address under which the browser reached this server, as it says itself.
type site struct {
	host string // with the port, if it is not the scheme's
	tls  bool
}

// Resolve is called by huma with the request.
func (at *site) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	at.host, at.tls = r.Host, overTLS(r)
	return nil
}

func (at site) origin() string {
	if at.tls {
		return "https://" + at.host
	}
	return "http://" + at.host
}

// CheckURL says whether the text can be Config.URL.
func CheckURL(text string) error {
	_, err := parseURL(text)
	return err
}

// parseURL checks the UI's public address; nil for none.
func parseURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("url: want the address of the web UI alone, such as https://sally.acme.com")
	}
	if u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
		u.Host = u.Hostname() // as browsers write it
	}
	return u, nil
}

// relyingParty is what passkeys are bound to (WebAuthn, section 5.4.2): the host of the configured address. Without one
// it is localhost, where the browser is there: a name that no other machine can take. Every error is a *refusal that
// says which address to open instead.
func (s *Service) relyingParty(at site) (*webauthn.WebAuthn, error) {
	id, origin := s.accounts.passkeyHost(at)
	if id == "" {
		return nil, s.accounts.noPasskeysAt(at)
	}
	must := true
	party, err := webauthn.New(&webauthn.Config{
		RPID: id, RPDisplayName: "Sallyport", RPOrigins: []string{origin},
		RPTopOriginVerificationMode: protocol.TopOriginExplicitVerificationMode, // never in another site's frame
		AttestationPreference:       protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &must, ResidentKey: protocol.ResidentKeyRequirementRequired,
			UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil {
		return nil, s.accounts.noPasskeysAt(at)
	}
	return party, nil
}

// passkeysAt says whether passkeys can be used at the address.
func (a *accounts) passkeysAt(at site) bool {
	id, _ := a.passkeyHost(at)
	return id != ""
}

// passkeyHost is the relying party's ID and the one origin that counts; empty where passkeys cannot be used.
func (a *accounts) passkeyHost(at site) (id, origin string) {
	if a.url != nil {
		if !strings.EqualFold(a.url.Host, at.host) || net.ParseIP(a.url.Hostname()) != nil {
			return "", ""
		}
		return a.url.Hostname(), a.url.Scheme + "://" + a.url.Host
	}
	if strings.EqualFold(hostOf(at.host), "localhost") {
		return "localhost", at.origin()
	}
	return "", ""
}

// noPasskeysAt says what to do.
func (a *accounts) noPasskeysAt(at site) *refusal {
	const status = http.StatusUnprocessableEntity
	host := hostOf(at.host)
	ip := net.ParseIP(strings.Trim(host, "[]"))
	switch {
	case a.url != nil && net.ParseIP(a.url.Hostname()) != nil:
		return &refusal{status: status, sentence: "passkeys need a host name, and this server's url is an IP address; " +
			"an admin can change url in the server's configuration"}
	case a.url != nil:
		return &refusal{status: status, sentence: "passkeys work at " + a.url.Scheme + "://" + a.url.Host + " only; open that address"}
	case ip != nil && ip.IsLoopback():
		name := "localhost"
		if _, port, err := net.SplitHostPort(at.host); err == nil {
			name = net.JoinHostPort(name, port)
		}
		return &refusal{status: status, sentence: "passkeys need a host name, not an IP address; open " +
			(site{host: name, tls: at.tls}).origin() + " instead"}
	}
	return &refusal{status: status, sentence: "passkeys need to know this server's address; an admin can set url in its configuration, such as url: https://sally.acme.com"}
}
