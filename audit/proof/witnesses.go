package proof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// FileWitness keeps checkpoints in a file, which should lie on another machine's disk.
type FileWitness struct {
	Path string
	// Append keeps all checkpoints, each followed by an empty line; otherwise the file holds the newest alone.
	Append bool
}

// Name implements Witness.
func (w FileWitness) Name() string { return w.Path }

// Send implements Witness. The checkpoint is on disk when it returns.
func (w FileWitness) Send(_ context.Context, signed string) error {
	if !w.Append {
		if err := replaceFile(w.Path, []byte(signed)); err != nil {
			return fmt.Errorf("write witness: %w", err)
		}
		return syncDir(filepath.Dir(w.Path))
	}
	f, err := os.OpenFile(w.Path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("write witness: %w", err)
	}
	_, err = f.WriteString(signed + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write witness: %w", err)
	}
	return nil
}

// WebhookWitness posts checkpoints to a URL, as text/plain. Any 2xx answer says that it was kept.
type WebhookWitness struct {
	url           string
	authorization string
	client        *http.Client
}

// NewWebhookWitness makes a witness. authorization is the value of that header; empty sends none. A client of nil is a
// new one; redirects are not followed in any case.
func NewWebhookWitness(address, authorization string, client *http.Client) (*WebhookWitness, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("witness %.200q: give a URL such as https://witness.acme.com/sallyport", address)
	}
	c := http.Client{}
	if client != nil {
		c = *client
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &WebhookWitness{url: address, authorization: authorization, client: &c}, nil
}

// Name implements Witness: the URL without what may be secret in it.
func (w *WebhookWitness) Name() string {
	u, err := url.Parse(w.url)
	if err != nil {
		return "webhook"
	}
	return u.Scheme + "://" + u.Host + u.Path
}

// Send implements Witness.
func (w *WebhookWitness) Send(ctx context.Context, signed string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, strings.NewReader(signed))
	if err != nil {
		return errors.New("the request cannot be made")
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	if w.authorization != "" {
		req.Header.Set("Authorization", w.authorization)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL, which may hold a secret
		}
		return fmt.Errorf("post checkpoint: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection is used again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("post checkpoint: the witness answered %s", resp.Status)
	}
	return nil
}
