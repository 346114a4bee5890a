package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/link"
)

const (
	dialTimeout = 5 * time.Second
	// answerTimeout bounds every request but the stream.
	answerTimeout = 10 * time.Second
	// maxAnswer bounds an answer but the stream's, in bytes.
	maxAnswer = 1 << 20
)

// refused is a control plane's answer that is an error, in its own words.
type refused struct {
	status int
	detail string
}

func (r *refused) Error() string { return r.detail }

// CheckServer says whether the text is a control plane's address: https://host:port.
func CheckServer(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Port() == "" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return fmt.Errorf("%q is no control plane's address; it looks like https://control.acme.com:7444, with the port of its listen.gateways", text)
	}
	return nil
}

func newHTTPClient(config *tls.Config) *http.Client {
	dialer := net.Dialer{Timeout: dialTimeout, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: persistent{dialer, dialAgain}.DialContext, TLSClientConfig: config, TLSHandshakeTimeout: dialTimeout,
			ResponseHeaderTimeout: answerTimeout, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 8,
		},
	}
}

// dialAgain is the time between two attempts of one dial.
const dialAgain = 300 * time.Millisecond

// persistent dials anew while earlier attempts are still under way, and takes the first that succeeds: TCP itself would
// try again after one second, three and seven, so that a link that works again would long not be noticed.
type persistent struct {
	dialer net.Dialer
	again  time.Duration
}

// DialContext has net.Dialer's form. Its time is the dialer's for all attempts together.
func (p persistent) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var tries sync.WaitGroup
	defer tries.Wait()
	ctx, cancel := context.WithTimeout(ctx, p.dialer.Timeout)
	defer cancel()
	type result struct {
		conn net.Conn
		err  error
	}
	results := make(chan result)
	try := func() {
		conn, err := p.dialer.DialContext(ctx, network, address)
		select {
		case results <- result{conn, err}:
		case <-ctx.Done():
			if conn != nil {
				_ = conn.Close()
			}
		}
	}
	again := time.NewTicker(p.again)
	defer again.Stop()
	for {
		tries.Go(try)
		select {
		case r := <-results:
			return r.conn, r.err
		case <-ctx.Done():
			return nil, fmt.Errorf("dial %s: %w", address, ctx.Err())
		case <-again.C:
		}
	}
}

// call is a request to a control plane.
type call struct {
	method, path string
	query        map[string]string
	body         *body         // nil: it brings none
	within       time.Duration // of the whole of it
}

// body is what a request brings.
type body struct {
	content  io.Reader
	length   int64
	kind     string // its media type
	encoding string // gzip, or empty
}

// do makes the request and decodes its answer into out, unless that is nil. An error answer is *refused.
func (c call) do(ctx context.Context, client *http.Client, server string, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.within)
	defer cancel()
	req, err := c.request(ctx, server)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask control plane: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusMultipleChoices {
		return refusalOf(res)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(out); err != nil {
		return errors.New("the control plane's answer cannot be read") // the cause may quote a secret
	}
	return nil
}

func (c call) request(ctx context.Context, server string) (*http.Request, error) {
	target := strings.TrimSuffix(server, "/") + c.path
	if len(c.query) > 0 {
		values := url.Values{}
		for name, value := range c.query {
			values.Set(name, value)
		}
		target += "?" + values.Encode()
	}
	if c.body == nil {
		return http.NewRequestWithContext(ctx, c.method, target, nil)
	}
	req, err := http.NewRequestWithContext(ctx, c.method, target, c.body.content)
	if err != nil {
		return nil, err
	}
	req.ContentLength = c.body.length
	req.Header.Set("Content-Type", c.body.kind)
	if c.body.encoding != "" {
		req.Header.Set("Content-Encoding", c.body.encoding)
	}
	return req, nil
}

// post sends a document and decodes the answer into out, unless that is nil. An error answer is *refused.
func post(ctx context.Context, client *http.Client, server, path string, in, out any) error {
	text, err := json.Marshal(in)
	if err != nil {
		return errors.New("encode request") // without the cause, which may quote a secret
	}
	sent := &body{content: bytes.NewReader(text), length: int64(len(text)), kind: "application/json"}
	return call{method: http.MethodPost, path: path, body: sent, within: answerTimeout}.do(ctx, client, server, out)
}

func refusalOf(res *http.Response) *refused {
	var problem struct {
		Detail string `json:"detail"`
	}
	_ = json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&problem) // then the status says it
	if problem.Detail == "" {
		problem.Detail = "the control plane answers " + res.Status
	}
	return &refused{status: res.StatusCode, detail: problem.Detail}
}

// Join makes a key, has it certified by the first of the control planes that answers, and keeps the identity in the
// directory, where it takes the place of an earlier one. What the directory holds of another control plane is removed.
func Join(ctx context.Context, dir string, servers []string, token link.JoinToken) (*Identity, error) {
	key, request, err := newKey()
	if err != nil {
		return nil, err
	}
	client := newHTTPClient(joinConfig(token))
	defer client.CloseIdleConnections()
	var answer link.Enrolled
	var errs []error
	for _, server := range servers {
		err := post(ctx, client, server, link.JoinPath, link.Enrol{Secret: token.SecretText(), Request: request}, &answer)
		if err == nil {
			id, err := enrolled(token, key, answer)
			if err != nil {
				return nil, err
			}
			if err := forget(dir); err != nil {
				return nil, err
			}
			return id, id.save(dir)
		}
		var said *refused
		if errors.As(err, &said) {
			return nil, said
		}
		errs = append(errs, fmt.Errorf("%s: %w", server, err))
	}
	return nil, fmt.Errorf("no control plane answers: %w", errors.Join(errs...))
}
