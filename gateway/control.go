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

// post sends a document and decodes the answer into out, unless that is nil. An error answer is *refused.
func post(ctx context.Context, client *http.Client, server, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(server, "/")+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
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
