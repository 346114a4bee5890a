package access

import (
	"crypto/x509"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"time"
)

// What certificates say stands in URIs (RFC 5280, section 4.2.1.6): sallyport://user/NAME, sallyport://mfa/TIME and
// sallyport://token/ID for a user, sallyport://gateway/NAME for a gateway.
const certificateScheme = "sallyport"

// UserOf names the user of a certificate that the control plane issued; its chain must have been verified.
func UserOf(cert *x509.Certificate) (string, error) {
	if name := uriPath(cert, "user"); name != "" {
		return name, nil
	}
	return "", errors.New("the certificate names no user")
}

// GatewayOf names the gateway of a certificate that the control plane issued; its chain must have been verified.
func GatewayOf(cert *x509.Certificate) (string, error) {
	if name := uriPath(cert, "gateway"); name != "" {
		return name, nil
	}
	return "", errors.New("the certificate names no gateway")
}

// TokenOf is the ID of the access token by which the certificate was had; empty: it was had otherwise.
func TokenOf(cert *x509.Certificate) string { return uriPath(cert, "token") }

// MFAOf is when the certificate's user last proved themselves with a passkey; zero: never.
func MFAOf(cert *x509.Certificate) time.Time {
	t, err := time.Parse(time.RFC3339, uriPath(cert, "mfa"))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func uriPath(cert *x509.Certificate, host string) string {
	for _, u := range cert.URIs {
		if u.Scheme == certificateScheme && u.Host == host {
			return strings.TrimPrefix(u.Path, "/")
		}
	}
	return ""
}

// UserURIs are the names of a person's certificate; mfa is zero when no passkey was used.
func UserURIs(user string, mfa time.Time) []*url.URL {
	uris := []*url.URL{{Scheme: certificateScheme, Host: "user", Path: "/" + user}}
	if !mfa.IsZero() {
		uris = append(uris, &url.URL{Scheme: certificateScheme, Host: "mfa", Path: "/" + mfa.UTC().Format(time.RFC3339)})
	}
	return uris
}

// TokenURI is what a certificate says that was had by an access token: it opens what the token opens, as long as it does.
func TokenURI(token string) *url.URL {
	return &url.URL{Scheme: certificateScheme, Host: "token", Path: "/" + token}
}

// GatewayURIs are the names of a gateway's certificate.
func GatewayURIs(gateway string) []*url.URL {
	return []*url.URL{{Scheme: certificateScheme, Host: "gateway", Path: "/" + gateway}}
}

// IssuedAt reads from the serial number when the control plane issued a certificate, to the microsecond; NotBefore lies
// earlier, and holds whole seconds only.
func IssuedAt(cert *x509.Certificate) time.Time { return SerialTime(cert.SerialNumber) }

// SerialTime is IssuedAt of a certificate of which the serial number alone is known.
func SerialTime(serial *big.Int) time.Time {
	us := new(big.Int).Rsh(serial, 64)
	if !us.IsInt64() {
		return time.Time{}
	}
	return time.UnixMicro(us.Int64()).UTC()
}
