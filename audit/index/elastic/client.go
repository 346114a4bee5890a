package elastic

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

const (
	maxAnswer       = 512 << 20 // bytes
	maxErrorBody    = 64 << 10
	idleConnections = 8
)

// client speaks HTTP to the cluster's nodes: to one until it cannot be reached, then to the next.
type client struct {
	urls []string
	http *http.Client
	auth func() (string, error) // the Authorization header; "" for none
	at   atomic.Uint32          // index of the node that answered last
}

// statusError is an answer of the cluster that is no success.
type statusError struct {
	status int
	kind   string // the cluster's own word, such as "index_not_found_exception"
	reason string
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("cluster answers %d", e.status)
	switch e.status {
	case http.StatusUnauthorized:
		text += ": user, password or API key are not accepted"
	case http.StatusForbidden:
		text += ": the account may not do this (docs/elasticsearch.md lists what it needs), or the index is blocked"
	case http.StatusTooManyRequests:
		text += ": it is overloaded"
	}
	if e.kind != "" {
		text += ": " + e.kind
	}
	if e.reason != "" {
		text += ": " + e.reason
	}
	return text
}

func hasStatus(err error, status int) bool {
	var answer *statusError
	return errors.As(err, &answer) && answer.status == status
}

func newClient(c Config) (*client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = idleConnections
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %s holds no certificate in PEM", c.CAFile)
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	cl := &client{auth: c.authorization}
	for _, u := range c.URLs {
		cl.urls = append(cl.urls, strings.TrimSuffix(u, "/"))
	}
	cl.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // credentials go to the configured nodes alone
	}}
	return cl, nil
}

// authorization reads the secret anew each time, so that a changed one needs no restart.
func (c Config) authorization() (string, error) {
	secret := func(file, env string) (string, error) {
		if file == "" {
			return os.Getenv(env), nil
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read secret: %w", err)
		}
		return strings.TrimSpace(string(b)), nil
	}
	if c.Username != "" {
		password, err := secret(c.PasswordFile, PasswordEnv)
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+password)), err
	}
	key, err := secret(c.APIKeyFile, APIKeyEnv)
	if key == "" || err != nil {
		return "", err
	}
	return "ApiKey " + key, nil
}

func (c *client) close() { c.http.CloseIdleConnections() }

// unavailable says that err is about a cluster that is away, starting or overloaded, and not about the request.
func unavailable(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return false
	}
	var answer *statusError
	var network net.Error
	return errors.As(err, &answer) && (answer.ofProxy() || answer.status == http.StatusTooManyRequests) || errors.As(err, &network)
}

// ask sends body, as JSON unless it is bytes already, and decodes the answer into into, which may be nil. An answer that
// is no success is a *statusError.
func (c *client) ask(ctx context.Context, method, path string, body, into any) error {
	var payload []byte
	contentType := "application/json"
	switch body := body.(type) {
	case nil:
	case []byte:
		payload, contentType = body, "application/x-ndjson"
	default:
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
	}
	var err error
	for range c.urls {
		at := c.at.Load()
		err = c.askNode(ctx, c.urls[int(at)%len(c.urls)], method, path, contentType, payload, into)
		var answer *statusError
		if err == nil || ctx.Err() != nil || errors.As(err, &answer) && !answer.ofProxy() {
			return err
		}
		c.at.CompareAndSwap(at, at+1)
	}
	return err
}

// ofProxy says that the node, or what stands before it, is away.
func (e *statusError) ofProxy() bool {
	return e.status == http.StatusBadGateway || e.status == http.StatusServiceUnavailable || e.status == http.StatusGatewayTimeout
}

func (c *client) askNode(ctx context.Context, node, method, path, contentType string, payload []byte, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, node+path, bytes.NewReader(payload))
	if err != nil {
		return fmt.Errorf("ask cluster: %w", err)
	}
	header, err := c.auth()
	if err != nil {
		return err
	}
	if header != "" {
		r.Header.Set("Authorization", header)
	}
	if len(payload) > 0 {
		r.Header.Set("Content-Type", contentType)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return fmt.Errorf("ask cluster: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return readError(answer)
	}
	if into == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
	} else {
		err = json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(into)
	}
	if err != nil {
		return fmt.Errorf("read cluster's answer: %w", err)
	}
	return nil
}

func readError(answer *http.Response) error {
	e := &statusError{status: answer.StatusCode}
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxErrorBody))
	if err != nil {
		return e
	}
	var body struct {
		Error failure `json:"error"`
	}
	if json.Unmarshal(b, &body) == nil {
		e.kind, e.reason = body.Error.Type, body.Error.String()
	}
	return e
}

// failure is how the cluster tells of one.
type failure struct {
	Type     string   `json:"type"`
	Reason   string   `json:"reason"`
	CausedBy *failure `json:"caused_by"`
}

const maxReason = 300 // bytes

// String is the reason with its innermost cause, shortened: a cluster may repeat a document in it, so it is for a Trouble
// or an error, never for the log.
func (f failure) String() string {
	text := f.Reason
	for c := f.CausedBy; c != nil; c = c.CausedBy {
		if c.CausedBy == nil && c.Reason != "" && c.Reason != text {
			text += ": " + c.Reason
		}
	}
	return strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
}

// within is ctx with at most the time that a request outside of searches may take.
func (ix *Index) within(ctx context.Context, more time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, ix.config.Timeout+more)
}
