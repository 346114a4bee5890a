package oidc

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	// maxWorkloadToken bounds a program's token, in bytes.
	maxWorkloadToken = 16 << 10
	// maxIssuers bounds the issuers whose keys are kept; rules are made by admins, so it is never reached in earnest.
	maxIssuers = 200
)

// Workloads proves programs by the tokens of other issuers. It asks the issuers that it is told to, and no other
// address inside a private network. It is safe for concurrent use.
type Workloads struct {
	now func() time.Time

	mu      sync.Mutex
	issuers map[string]*issuer
}

// issuer is one whose tokens prove programs; its fields but the client are guarded by mu.
type issuer struct {
	client *http.Client

	mu      sync.Mutex
	found   *oidc.Provider
	tried   time.Time
	trouble error
}

// NewWorkloads makes a Workloads; now is nil for time.Now.
func NewWorkloads(now func() time.Time) *Workloads {
	if now == nil {
		now = time.Now
	}
	return &Workloads{now: now, issuers: map[string]*issuer{}}
}

// CheckIssuer says what is wrong with an issuer's URL, in words for the person who gave it.
func CheckIssuer(issuer string) error { return checkIssuer(issuer) }

// IssuerOf reads which issuer a token claims to be of. Nothing is proven by it.
func IssuerOf(token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(token) > maxWorkloadToken || len(parts) != 3 {
		return "", fmt.Errorf("%w: it is no signed JWT", ErrUntrusted)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", fmt.Errorf("%w: it is no signed JWT", ErrUntrusted)
	}
	var claimed struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(payload, &claimed) != nil || claimed.Issuer == "" {
		return "", fmt.Errorf("%w: it names no issuer", ErrUntrusted)
	}
	return claimed.Issuer, nil
}

// Verified is what a token says once its issuer's signature is proven, and its times hold.
type Verified struct {
	Audience []string
	Expires  time.Time
	claims   map[string]any
}

// Claim is a claim's value as text: text as it is, numbers and truth values as JSON writes them. Others have none.
func (v *Verified) Claim(name string) (string, bool) {
	switch c := v.claims[name].(type) {
	case string:
		return c, true
	case bool:
		return strconv.FormatBool(c), true
	case json.Number:
		return c.String(), true
	}
	return "", false
}

// Verify checks a token's signature, issuer and times. The issuer is one that an admin named; audience and claims are
// the caller's to judge.
func (w *Workloads) Verify(ctx context.Context, issuerURL, token string) (*Verified, error) {
	provider, client, err := w.discover(ctx, issuerURL)
	if err != nil {
		return nil, err
	}
	verifier := provider.Verifier(&oidc.Config{SkipClientIDCheck: true, Now: func() time.Time { return w.now().Add(-skew) }})
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, client), requestTimeout)
	defer cancel()
	id, err := verifier.Verify(ctx, token)
	if err != nil {
		if _, late := errors.AsType[*oidc.TokenExpiredError](err); late {
			return nil, fmt.Errorf("%w: it has expired", ErrUntrusted)
		}
		return nil, unverified(err)
	}
	v := &Verified{Audience: id.Audience, Expires: id.Expiry}
	var raw json.RawMessage
	if err := id.Claims(&raw); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.UseNumber()
	if err := decoder.Decode(&v.claims); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	return v, nil
}

func (w *Workloads) discover(ctx context.Context, issuerURL string) (*oidc.Provider, *http.Client, error) {
	if err := checkIssuer(issuerURL); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	i, err := w.issuer(issuerURL)
	if err != nil {
		return nil, nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.found != nil {
		return i.found, i.client, nil
	}
	if i.trouble != nil && w.now().Sub(i.tried) < retryDiscovery {
		return nil, nil, i.trouble
	}
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, i.client), issuerURL)
	if err != nil {
		i.tried, i.trouble = w.now(), fmt.Errorf("%w: discover %s: %s", ErrUnavailable, issuerURL, inBrief(err))
		return nil, nil, i.trouble
	}
	i.found, i.trouble = found, nil
	return found, i.client, nil
}

func (w *Workloads) issuer(issuerURL string) (*issuer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i, ok := w.issuers[issuerURL]; ok {
		return i, nil
	}
	if len(w.issuers) >= maxIssuers {
		w.issuers = map[string]*issuer{} // they are found again
	}
	client, err := guardedClient(issuerURL)
	if err != nil {
		return nil, err
	}
	i := &issuer{client: client}
	w.issuers[issuerURL] = i
	return i, nil
}

// guardedClient reaches the issuer's own host wherever that is, and others, to which it may send us on, at public
// addresses alone: an issuer must not make this server look into the network it stands in. An issuer on loopback may
// send us on to loopback.
func guardedClient(issuerURL string) (*http.Client, error) {
	u, err := url.Parse(issuerURL)
	if err != nil {
		return nil, fmt.Errorf("%w: issuer: %w", ErrUntrusted, err)
	}
	home, local := hostPort(u), isLoopback(u.Hostname())
	free := &net.Dialer{Timeout: requestTimeout}
	// Control sees the address that a name was resolved to, so a name that means something else a moment later is seen too.
	guarded := &net.Dialer{Timeout: requestTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		return checkAddress(address, local)
	}}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: requestTimeout, IdleConnTimeout: time.Minute,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == home {
				return free.DialContext(ctx, network, address)
			}
			return guarded.DialContext(ctx, network, address)
		},
	}
	return &http.Client{Transport: bounded{transport}, Timeout: requestTimeout, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 3 {
			return errors.New("too many redirects")
		}
		if r.URL.Scheme != "https" && !local {
			return errors.New("redirected away from https")
		}
		return nil
	}}, nil
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// checkAddress refuses addresses that are not public.
func checkAddress(address string, loopback bool) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	ip := at.Addr().Unmap()
	if loopback && ip.IsLoopback() {
		return nil
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || isShared(ip) {
		return fmt.Errorf("the issuer sends us to %s, which is not a public address", ip)
	}
	return nil
}

// isShared says whether the address is of a network that is private by another name: carrier NAT (RFC 6598),
// translation of IPv4 (RFC 6052), benchmarks (RFC 2544), and what is reserved (RFC 1112).
func isShared(ip netip.Addr) bool {
	for _, network := range []string{"100.64.0.0/10", "64:ff9b::/96", "64:ff9b:1::/48", "198.18.0.0/15", "240.0.0.0/4", "0.0.0.0/8", "2002::/16"} {
		if netip.MustParsePrefix(network).Contains(ip) {
			return true
		}
	}
	return false
}
