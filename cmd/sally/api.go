package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/sallyport/sallyport/client"
)

// apiSocket is the name of the local API's Unix socket in a data directory.
const apiSocket = "admin.sock"

// apiFlags say which server a command talks to, and as whom.
type apiFlags struct {
	server  string
	dataDir string
	given   func(flag string) bool // whether the flag itself was given, rather than the environment
}

// register adds the flags. Environment variables give their defaults.
func (a *apiFlags) register(fs *pflag.FlagSet) {
	a.given = fs.Changed
	fs.StringVar(&a.server, "server", os.Getenv("SALLY_SERVER"),
		"address of the server's API, such as https://sally.acme.com:7480 (env SALLY_SERVER; the token is in SALLY_TOKEN)")
	fs.StringVar(&a.dataDir, "data-dir", os.Getenv("SALLY_DATA_DIR"),
		"data directory of a server on this machine, reached by its local socket (env SALLY_DATA_DIR)")
}

// defaultDataDir is where a server keeps its data when nothing else is said.
func defaultDataDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "sallyport")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "sallyport"
	}
	return filepath.Join(home, ".local", "share", "sallyport")
}

// client chooses the server: --server (unless --data-dir alone was given as a flag), then the socket in --data-dir, then the socket in the default data directory,
// then the profile that `sally login` saved.
func (a *apiFlags) client() (*apiClient, error) {
	local := a.dataDir != "" && a.given("data-dir") && !a.given("server")
	if a.server != "" && !local {
		return a.remoteClient()
	}
	if a.dataDir != "" {
		path := filepath.Join(a.dataDir, apiSocket)
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("no server runs on data directory %s; start it with: sally server --data-dir %s", a.dataDir, a.dataDir)
		}
		return socketClient(path), nil
	}
	path := filepath.Join(defaultDataDir(), apiSocket)
	if _, err := os.Stat(path); err == nil {
		return socketClient(path), nil
	}
	p, err := client.LoadProfile()
	if errors.Is(err, client.ErrSignedOut) {
		return nil, errors.New("no server to talk to; log in with: sally login https://SERVER, or name one with --server or --data-dir")
	}
	if err == nil {
		p, err = renewed(context.Background(), p)
	}
	if err != nil {
		return nil, err
	}
	return newRemoteClient(p.Server, p.Bearer(), p.ServerCA)
}

// remoteClient talks to --server. The saved profile lends its proof and CA only when it is for that same server.
func (a *apiFlags) remoteClient() (*apiClient, error) {
	token, ca := os.Getenv("SALLY_TOKEN"), ""
	p, err := client.LoadProfile()
	switch {
	case err == nil && strings.TrimSuffix(p.Server, "/") == strings.TrimSuffix(a.server, "/"):
		ca = p.ServerCA
		if token == "" {
			if p, err = renewed(context.Background(), p); err != nil {
				return nil, err
			}
			token = p.Bearer()
		}
	case err != nil && token == "" && !errors.Is(err, client.ErrSignedOut):
		return nil, err
	}
	return newRemoteClient(a.server, token, ca)
}

// apiClient speaks to /api/v1 of one server.
type apiClient struct {
	base  string // without a slash at its end
	token string // says who makes the request; empty: the connection does
	http  *http.Client
}

// localBase stands in URLs for the server behind a local socket.
const localBase = "http://sally.local"

func socketClient(path string) *apiClient {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &apiClient{base: localBase, http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// newRemoteClient refuses to send a proof in the clear to anywhere but this machine.
func newRemoteClient(server, token, ca string) (*apiClient, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("server %q is no address; it looks like https://sally.acme.com:7480", server)
	}
	if u.Scheme == "http" && token != "" && !client.IsLoopback(u.Hostname()) {
		return nil, fmt.Errorf("refusing to send a proof of who you are to %s in the clear; use https", server)
	}
	tr := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		ResponseHeaderTimeout: time.Minute,
	}
	if ca != "" {
		tr.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !tr.TLSClientConfig.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			return nil, fmt.Errorf("the saved CA of %s holds no certificate; log in again with: sally login %s", server, server)
		}
	}
	return &apiClient{base: strings.TrimSuffix(server, "/"), token: token, http: &http.Client{Transport: tr}}, nil
}

// do calls method on path, which is below /api/v1 and begins with a slash ("/users?limit=5"). in, unless nil, is
// sent as JSON; the answer is decoded into out unless that is nil. A refusal is an *apiError.
func (c *apiClient) do(ctx context.Context, method, path string, in, out any) error {
	_, err := c.doAt(ctx, method, path, "", in, out)
	return err
}

// read gets an object, and the revision that it has.
func (c *apiClient) read(ctx context.Context, path string, out any) (revision string, err error) {
	return c.doAt(ctx, http.MethodGet, path, "", nil, out)
}

// replace puts an object in the place of the one that was read; one that was changed meanwhile is left alone, with an error.
func (c *apiClient) replace(ctx context.Context, path, revision string, in, out any) error {
	_, err := c.doAt(ctx, http.MethodPut, path, revision, in, out)
	var refused *apiError
	if errors.As(err, &refused) && refused.Status == http.StatusPreconditionFailed {
		return fmt.Errorf("%w (look at what it is now, and repeat the command if it is right still)", err)
	}
	return err
}

// doAt is do where the object has to have the revision; empty: any. The answer tells the one that it has now.
func (c *apiClient) doAt(ctx context.Context, method, path, match string, in, out any) (revision string, err error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return "", fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	head := http.Header{"Accept": {"application/json"}}
	if match != "" {
		head.Set("If-Match", match)
	}
	res, err := c.send(ctx, method, path, body, head)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	revision = res.Header.Get("ETag")
	if out == nil || res.StatusCode == http.StatusNoContent {
		return revision, nil
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		return "", fmt.Errorf("decode answer of %s %s: %w", method, path, err)
	}
	return revision, nil
}

// maxStreamLine bounds one message of a stream, in bytes.
const maxStreamLine = 64 << 20

// stream reads server-sent events from path, below /api/v1, and calls emit with each one's data until emit fails,
// ctx ends or the server closes. The slice is emit's only while it runs.
func (c *apiClient) stream(ctx context.Context, path string, emit func(data []byte) error) error {
	res, err := c.send(ctx, http.MethodGet, path, nil, http.Header{"Accept": {"text/event-stream"}})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(make([]byte, 64<<10), maxStreamLine)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if !ok {
			continue
		}
		if err := emit(bytes.TrimPrefix(data, []byte(" "))); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("read stream %s: %w", path, err)
	}
	return nil
}

func (c *apiClient) send(ctx context.Context, method, path string, body io.Reader, head http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1"+path, body)
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header = head
	req.Header.Set("X-Sallyport", "1")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("reach server: %w", err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		defer res.Body.Close()
		return nil, readAPIError(res)
	}
	return res, nil
}

// apiError is a server's refusal (RFC 9457). Position and Length, in bytes, point into an audit query that could
// not be understood.
type apiError struct {
	Status   int    `json:"status"`
	Title    string `json:"title"`
	Detail   string `json:"detail"`
	Position *int   `json:"position"`
	Length   int    `json:"length"`
	Errors   []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`
}

func readAPIError(res *http.Response) error {
	e := &apiError{}
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil || json.Unmarshal(b, e) != nil {
		e = &apiError{Title: http.StatusText(res.StatusCode)}
	}
	e.Status = res.StatusCode
	return e
}

// Error is the server's own words, without what could steer a terminal.
func (e *apiError) Error() string {
	var b strings.Builder
	switch {
	case e.Detail != "":
		b.WriteString(plainCell(e.Detail))
	case e.Title != "":
		b.WriteString(plainCell(e.Title))
	default:
		fmt.Fprintf(&b, "the server answered %d", e.Status)
	}
	for _, d := range e.Errors {
		if d.Message == e.Detail {
			continue
		}
		fmt.Fprintf(&b, "\n  %s: %s", plainCell(strings.TrimPrefix(d.Location, "body.")), plainCell(d.Message))
	}
	return b.String()
}
