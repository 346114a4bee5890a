package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// tokens is the answer of a token endpoint.
type tokens struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
}

// Exchange spends the code that a browser came back with and says who signed in.
func (p *Provider) Exchange(ctx context.Context, redirect, code, nonce, verifier string) (Person, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return Person{}, err
	}
	t, err := p.token(ctx, found, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect}, "code_verifier": {verifier},
	})
	if err != nil {
		return Person{}, err
	}
	id, err := p.verify(ctx, found, t)
	if err != nil {
		return Person{}, err
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return Person{}, fmt.Errorf("%w: its nonce is not that of this sign-in", ErrUntrusted)
	}
	return p.person(ctx, found, t, id, "")
}

// Refresh asks whether a sign-in still holds, by its refresh token, and says who the subject is now. The person's
// Refresh is the token for the next time. The old one may be good for nothing, whatever comes back but ErrUnavailable.
func (p *Provider) Refresh(ctx context.Context, refresh, subject string) (Person, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return Person{}, err
	}
	t, err := p.token(ctx, found, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
	if err != nil {
		return Person{}, err
	}
	if t.Refresh == "" {
		t.Refresh = refresh // RFC 6749, section 6: the old one goes on
	}
	var id *oidc.IDToken // which a refresh need not bring
	if t.ID != "" {
		if id, err = p.verify(ctx, found, t); err != nil {
			return Person{Refresh: t.Refresh}, err
		}
	}
	person, err := p.person(ctx, found, t, id, subject)
	person.Refresh = t.Refresh
	return person, err
}

// verify checks the ID token: signature, issuer, audience, times.
func (p *Provider) verify(ctx context.Context, found *discovered, t tokens) (*oidc.IDToken, error) {
	if t.ID == "" {
		return nil, fmt.Errorf("%w: there is no ID token in its answer", ErrUntrusted)
	}
	id, err := found.verifier.Verify(oidc.ClientContext(ctx, p.client), t.ID)
	if err != nil {
		return nil, unverified(err)
	}
	if id.Subject == "" {
		return nil, fmt.Errorf("%w: it names no subject", ErrUntrusted)
	}
	if id.IssuedAt.After(p.now().Add(skew)) {
		return nil, fmt.Errorf("%w: it was issued in the future; are the clocks right?", ErrUntrusted)
	}
	var party struct {
		Authorized string `json:"azp"`
	}
	if err := id.Claims(&party); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	// OpenID Connect Core, section 3.1.3.7, steps 4 and 5.
	if party.Authorized != "" && party.Authorized != p.config.ClientID || party.Authorized == "" && len(id.Audience) > 1 {
		return nil, fmt.Errorf("%w: it was issued for another client", ErrUntrusted)
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(t.Access); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUntrusted, err)
		}
	}
	return id, nil
}

// unverified tells a token that is bad from keys that could not be had, which say nothing of the token. go-oidc has no
// error of its own for that.
func unverified(err error) error {
	if strings.Contains(err.Error(), "fetching keys") {
		return fmt.Errorf("%w: %s", ErrUnavailable, inBrief(err))
	}
	return fmt.Errorf("%w: %s", ErrUntrusted, inBrief(err))
}

// inBrief is an error of go-oidc's without most of the foreign page that it may quote.
func inBrief(err error) string {
	const limit = 300 // bytes
	text := err.Error()
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "..."
	}
	return text
}

// token makes a request to the token endpoint.
func (p *Provider) token(ctx context.Context, found *discovered, form url.Values) (tokens, error) {
	var t tokens
	err := p.post(ctx, found, found.Endpoint().TokenURL, form, &t)
	if err == nil && t.Access == "" {
		err = fmt.Errorf("%w: its answer holds no token", ErrUnavailable)
	}
	return t, err
}

// post sends the form with the client's proof and decodes the answer. Errors hold no more of the provider's answer than
// its error code (RFC 6749, section 5.2).
func (p *Provider) post(ctx context.Context, found *discovered, endpoint string, form url.Values, out any) error {
	form.Set("client_id", p.config.ClientID)
	if p.secret != "" && found.post {
		form.Set("client_secret", p.secret)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	if p.secret != "" && !found.post {
		request.SetBasicAuth(url.QueryEscape(p.config.ClientID), url.QueryEscape(p.secret)) // RFC 6749, section 2.3.1
	}
	response, err := p.client.Do(request)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, withoutURL(err))
	}
	defer response.Body.Close()
	decoder := json.NewDecoder(response.Body)
	if response.StatusCode != http.StatusOK {
		var refusal struct {
			Error string `json:"error"`
		}
		_ = decoder.Decode(&refusal) // what is no JSON is no refusal
		return refusalOf(response.StatusCode, refusal.Error)
	}
	if err := decoder.Decode(out); err != nil {
		return fmt.Errorf("%w: its answer is no JSON", ErrUnavailable)
	}
	return nil
}

// refusalOf tells a refusal of the person from one of this server, of which the person's sign-in says nothing.
func refusalOf(status int, code string) error {
	switch code {
	case "invalid_grant", "access_denied", "expired_token", "interaction_required", "login_required", "consent_required":
		return fmt.Errorf("%w: %s", ErrRefused, code)
	case "authorization_pending":
		return ErrPending
	case "slow_down":
		return ErrSlowDown
	case "invalid_client", "unauthorized_client", "invalid_request", "unsupported_grant_type", "invalid_scope":
		return fmt.Errorf("%w: it does not take this server's configuration: %s", ErrUnavailable, code)
	}
	return fmt.Errorf("%w: it answered %d", ErrUnavailable, status)
}

// withoutURL takes net/http's wrapping off, which repeats the whole URL.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// Device is a sign-in that a person makes on another device (RFC 8628, section 3.2).
type Device struct {
	Code         string // secret: who has it gets what the person confirms
	UserCode     string
	Page         string // where the person types the user code
	PageWithCode string // the same with the code filled in; empty: the provider has none
	Interval     time.Duration
	Expires      time.Time
}

// Bounds of what a provider may say of a device sign-in.
const (
	minInterval    = time.Second
	maxInterval    = time.Minute
	maxDeviceTime  = 30 * time.Minute
	deviceInterval = 5 * time.Second // where it does not say
)

// BeginDevice asks the provider for a code that the person types there.
func (p *Provider) BeginDevice(ctx context.Context) (Device, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return Device{}, err
	}
	endpoint := found.Endpoint().DeviceAuthURL
	if endpoint == "" {
		return Device{}, fmt.Errorf("%w: it has no device sign-in", ErrRefused)
	}
	var answer struct {
		Code         string `json:"device_code"`
		UserCode     string `json:"user_code"`
		Page         string `json:"verification_uri"`
		PageGoogle   string `json:"verification_url"` // what Google calls it
		PageWithCode string `json:"verification_uri_complete"`
		ExpiresIn    int64  `json:"expires_in"`
		Interval     int64  `json:"interval"`
	}
	if err := p.post(ctx, found, endpoint, url.Values{"scope": {strings.Join(found.scopes, " ")}}, &answer); err != nil {
		return Device{}, err
	}
	if answer.Page == "" {
		answer.Page = answer.PageGoogle
	}
	if answer.Code == "" || answer.UserCode == "" || !isWebPage(answer.Page) {
		return Device{}, fmt.Errorf("%w: its answer to a device sign-in is incomplete", ErrUnavailable)
	}
	if !isWebPage(answer.PageWithCode) {
		answer.PageWithCode = ""
	}
	interval := deviceInterval
	if answer.Interval > 0 {
		interval = min(max(time.Duration(answer.Interval)*time.Second, minInterval), maxInterval)
	}
	return Device{
		Code: answer.Code, UserCode: answer.UserCode, Page: answer.Page, PageWithCode: answer.PageWithCode, Interval: interval,
		Expires: p.now().Add(min(max(time.Duration(answer.ExpiresIn)*time.Second, time.Minute), maxDeviceTime)),
	}, nil
}

func isWebPage(page string) bool {
	u, err := url.Parse(page)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http")
}

// PollDevice asks once whether the person has signed in: ErrPending and ErrSlowDown say not yet, ErrRefused never.
func (p *Provider) PollDevice(ctx context.Context, code string) (Person, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return Person{}, err
	}
	t, err := p.token(ctx, found, url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {code},
	})
	if err != nil {
		return Person{}, err
	}
	id, err := p.verify(ctx, found, t)
	if err != nil {
		return Person{}, err
	}
	return p.person(ctx, found, t, id, "")
}

// userInfo asks the provider for the claims that are not in the ID token.
func (p *Provider) userInfo(ctx context.Context, found *discovered, t tokens) (*oidc.UserInfo, error) {
	source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: t.Access, TokenType: t.Type})
	info, err := found.UserInfo(oidc.ClientContext(ctx, p.client), source)
	if err != nil {
		return nil, fmt.Errorf("%w: ask for user info: %s", ErrUnavailable, inBrief(withoutURL(err)))
	}
	return info, nil
}
