package client

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// API calls the control plane's HTTP API as one person. It is safe for concurrent use.
type API struct {
	base *url.URL
	http *http.Client
	// pinned is the certificate that a fingerprint matched, set by the first answer.
	pinned chan *x509.Certificate

	mu      sync.Mutex // guards what follows
	token   string     // access token, or what a client session gives
	profile *Profile   // whose session is renewed when that is due; nil: none is
}

const (
	apiTimeout   = 30 * time.Second
	maxAPIAnswer = 16 << 20 // bytes
)

// APIError is an answer that is no success. Detail is the server's sentence, which may be shown as it is.
type APIError struct {
	Status int
	Detail string
}

func (e *APIError) Error() string { return e.Detail }

// API gives the control plane of the profile, called as the person it belongs to. It renews the profile's session when
// that is due.
func (p *Profile) API() (*API, error) {
	api, err := p.plainAPI()
	if err == nil && p.Refresh != "" {
		api.profile = p
	}
	return api, err
}

// plainAPI is API that renews nothing.
func (p *Profile) plainAPI() (*API, error) {
	api, err := newAPI(p.Server, Trust{CA: p.ServerCA})
	if err != nil {
		return nil, err
	}
	api.token = p.Bearer()
	return api, nil
}

func newAPI(server string, trust Trust) (*API, error) {
	base, err := parseServer(server)
	if err != nil {
		return nil, err
	}
	pinned := make(chan *x509.Certificate, 1)
	config, err := trust.config(base.Hostname(), func(root *x509.Certificate) {
		select {
		case pinned <- root:
		default: // kept from an earlier connection
		}
	})
	if err != nil {
		return nil, err
	}
	return &API{
		base:   base,
		pinned: pinned,
		http: &http.Client{
			Timeout: apiTimeout,
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true,
				TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: time.Minute,
			},
			// A redirect would carry the proof of who one is to an address that nobody named.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close ends idle connections.
func (a *API) Close() { a.http.CloseIdleConnections() }

// Call sends in as JSON (nil for no body) and decodes the answer into out (nil to ignore it). path begins with "/api/".
// An answer that is no success is an *APIError.
func (a *API) Call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		content, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(content)
	}
	request, err := http.NewRequestWithContext(ctx, method, a.base.String()+path, body)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	a.authenticate(request)
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := a.http.Do(request)
	if err != nil {
		return fmt.Errorf("call %s: %w", a.base.Host, explainCall(withoutURL(err)))
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAPIAnswer+1))
	if err != nil {
		return fmt.Errorf("read answer of %s: %w", a.base.Host, err)
	}
	if len(content) > maxAPIAnswer {
		return fmt.Errorf("read answer of %s: more than %d bytes", a.base.Host, maxAPIAnswer)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return refused(response, content)
	}
	if out != nil {
		if err := json.Unmarshal(content, out); err != nil {
			return fmt.Errorf("read answer of %s: is this a Sallyport server? %w", a.base.Host, err)
		}
	}
	return nil
}

func (a *API) authenticate(request *http.Request) {
	request.Header.Set("Accept", "application/json")
	if token := a.bearer(request.Context()); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
}

// bearer says who calls. A session that cannot be renewed just now is shown as it is: the server says what is wrong.
func (a *API) bearer(ctx context.Context) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.profile == nil || !a.profile.RenewalDue(time.Now()) {
		return a.token
	}
	if renewed, err := a.profile.Renew(ctx); err == nil {
		a.profile, a.token = renewed, renewed.Bearer()
	}
	return a.token
}

// withoutURL takes net/http's wrapping off, which repeats the whole URL.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// explainCall says what to do about a server whose TLS cannot be trusted, or that speaks none.
func explainCall(err error) error {
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("%w; if the server has a certificate of its own, ask your admin for its authority and sign in with --ca FILE or --ca-sha256", err)
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%w; ask your admin for the server's address: this port is open without TLS", err)
	}
	return err
}

// refused reads the server's sentence: problem details (RFC 9457), or {"error": "..."}.
func refused(response *http.Response, content []byte) *APIError {
	if location := response.Header.Get("Location"); response.StatusCode/100 == 3 && location != "" {
		return &APIError{response.StatusCode, "the server sent us elsewhere; sign in at that address if it is right: " + location}
	}
	var problem struct {
		Detail string `json:"detail"`
		Title  string `json:"title"`
		Error  string `json:"error"`
	}
	_ = json.Unmarshal(content, &problem) // what is no JSON leaves it empty
	for _, sentence := range []string{problem.Detail, problem.Error, problem.Title} {
		if sentence = printable(sentence); sentence != "" {
			return &APIError{response.StatusCode, sentence}
		}
	}
	return &APIError{response.StatusCode, "the server answered " + response.Status}
}

// printable keeps a foreign sentence from steering the terminal, and bounds it.
func printable(s string) string {
	const limit = 1000
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "..."
	}
	return strings.TrimSpace(s)
}
