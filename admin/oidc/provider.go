package oidc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// What a provider's answer, or its silence, means.
var (
	// ErrUnavailable says that the provider did not answer, or not as one does. Nothing is known of the person.
	ErrUnavailable = errors.New("the identity provider is not available")
	// ErrRefused says that the provider refused: the code or token it is about is good for nothing more.
	ErrRefused = errors.New("the identity provider refused")
	// ErrUntrusted says that what came is not a proof: it was made by another, for another, or is too old.
	ErrUntrusted = errors.New("the identity provider's token proves nothing here")
	// ErrPending says that the person has not yet signed in on another device.
	ErrPending = errors.New("the sign-in is still pending")
	// ErrSlowDown is ErrPending to one who asks too often: they must wait 5 seconds longer each time (RFC 8628, section 3.5).
	ErrSlowDown = errors.New("the sign-in is still pending, and is asked about too often")
)

const (
	// requestTimeout bounds one request to the provider.
	requestTimeout = 10 * time.Second
	// maxAnswer bounds an answer's body, in bytes.
	maxAnswer = 1 << 20
	// retryDiscovery is how long a failed discovery is not tried again.
	retryDiscovery = 2 * time.Second
	// skew is how far the provider's clock and ours may be apart.
	skew = time.Minute
)

// Provider is one identity provider. It is discovered when it is first needed, and again until that succeeds, so a
// server starts while its provider is away. It is safe for concurrent use.
type Provider struct {
	config Config
	secret string
	client *http.Client
	now    func() time.Time

	mu      sync.Mutex
	found   *discovered
	tried   time.Time // when discovery last failed
	trouble error     // how
}

// discovered is what the provider says of itself.
type discovered struct {
	*oidc.Provider
	verifier *oidc.IDTokenVerifier
	scopes   []string
	post     bool // the client's secret goes into the body of requests, not into a header
}

// New makes a provider; it asks nothing of it yet. env is the client's secret where no file holds it. now is nil for
// time.Now.
func New(c Config, env string, now func() time.Time) (*Provider, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	secret, err := c.secret(env)
	if err != nil {
		return nil, err
	}
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		ForceAttemptHTTP2: true, TLSHandshakeTimeout: requestTimeout, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 4,
	}
	client := &http.Client{Transport: bounded{transport}, Timeout: requestTimeout}
	return &Provider{config: c.withDefaults(), secret: secret, client: client, now: now}, nil
}

// Name is what the sign-in page calls the provider.
func (p *Provider) Name() string { return p.config.Name }

// Issuer is the provider's URL, which with a subject names a person.
func (p *Provider) Issuer() string { return p.config.Issuer }

// RedirectURL is where the configuration says that the provider sends people back to; empty: it does not say.
func (p *Provider) RedirectURL() string { return p.config.RedirectURL }

// CreatesUsers says whether a first sign-in makes a user.
func (p *Provider) CreatesUsers() bool { return p.config.Creates() }

// Close ends idle connections.
func (p *Provider) Close() { p.client.CloseIdleConnections() }

// discover reads the provider's configuration, once. Its errors wrap ErrUnavailable.
func (p *Provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if now := p.now(); p.trouble != nil && now.Sub(p.tried) < retryDiscovery {
		return nil, p.trouble
	}
	found, err := p.ask(ctx)
	if err != nil {
		p.tried, p.trouble = p.now(), fmt.Errorf("%w: discover %s: %s", ErrUnavailable, p.config.Issuer, inBrief(err))
		return nil, p.trouble
	}
	p.found, p.trouble = found, nil
	return found, nil
}

func (p *Provider) ask(ctx context.Context) (*discovered, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.config.Issuer)
	if err != nil {
		return nil, err
	}
	var more struct {
		Scopes      []string `json:"scopes_supported"`
		AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, err
	}
	scopes := p.config.Scopes
	if len(scopes) == 0 {
		scopes = []string{oidc.ScopeOpenID}
		for _, wanted := range []string{"profile", "email", "groups", oidc.ScopeOfflineAccess} {
			if slices.Contains(more.Scopes, wanted) {
				scopes = append(scopes, wanted)
			}
		}
	}
	return &discovered{
		Provider: provider, scopes: scopes,
		verifier: provider.Verifier(&oidc.Config{ClientID: p.config.ClientID, Now: p.leniently}),
		// Without a word from the provider, a header is what it must take (OpenID Connect Discovery, section 3).
		post: len(more.AuthMethods) > 0 && !slices.Contains(more.AuthMethods, "client_secret_basic"),
	}, nil
}

// leniently is the time by which a token must not have ended.
func (p *Provider) leniently() time.Time { return p.now().Add(-skew) }

// AuthURL is where a browser is sent to sign in. State and nonce come back with the answer; verifier is kept for
// Exchange, and the provider sees its hash alone (PKCE, RFC 7636).
func (p *Provider) AuthURL(ctx context.Context, redirect, state, nonce, verifier string) (string, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	config := oauth2.Config{ClientID: p.config.ClientID, Endpoint: found.Endpoint(), RedirectURL: redirect, Scopes: found.scopes}
	options := []oauth2.AuthCodeOption{oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)}
	if p.config.Prompt != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", p.config.Prompt))
	}
	return config.AuthCodeURL(state, options...), nil
}

// bounded keeps an answer from being larger than maxAnswer.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxAnswer), response.Body}
	return response, nil
}
