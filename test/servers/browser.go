package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// Browser is as much of a browser as signing in needs: it keeps cookies, follows redirects, and fills in forms.
type Browser struct {
	client *http.Client
	// Fields are what is typed into a form's fields, by their names.
	Fields map[string]string
}

// NewBrowser has no cookies yet. What it is given to type stands for the names that identity providers call it.
func NewBrowser(t testing.TB, login, password string) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{
		client: &http.Client{
			Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Fields: map[string]string{"login": login, "password": password},
	}
}

// Client is the browser's HTTP client, with its cookies. It follows no redirect.
func (b *Browser) Client() *http.Client { return b.client }

// page is an answer that is no redirect.
type page struct {
	address *url.URL
	status  int
	body    string
}

// Visit opens the address and fills in every form that it is shown, until it is led to an address that starts with
// until, which it gives without opening it; or, when until is empty, to a page without a form, whose text it gives.
func (b *Browser) Visit(ctx context.Context, address, until string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", address, err)
	}
	const maxSteps = 30
	for range maxSteps {
		if until != "" && strings.HasPrefix(request.URL.String(), until) && request.Method == http.MethodGet {
			return request.URL.String(), nil
		}
		shown, next, err := b.open(request)
		if err != nil {
			return "", err
		}
		if next == nil {
			if next, err = b.submit(ctx, shown); err != nil {
				return "", err
			}
		}
		if next == nil {
			if until == "" {
				return shown.body, nil
			}
			return "", fmt.Errorf("stuck at %s (%d):\n%s", shown.address, shown.status, shown.body)
		}
		request = next
	}
	return "", errors.New("too many pages")
}

// open makes the request; next is where its answer leads, if it is a redirect.
func (b *Browser) open(request *http.Request) (shown page, next *http.Request, err error) {
	response, err := b.client.Do(request)
	if err != nil {
		return page{}, nil, fmt.Errorf("open %s: %w", request.URL, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return page{}, nil, fmt.Errorf("read %s: %w", request.URL, err)
	}
	if to, err := response.Location(); err == nil {
		next, err := http.NewRequestWithContext(request.Context(), http.MethodGet, to.String(), nil)
		return page{}, next, err
	}
	return page{address: request.URL, status: response.StatusCode, body: string(body)}, nil, nil
}

// submit fills in the page's first form; nil when it has none.
func (b *Browser) submit(ctx context.Context, shown page) (*http.Request, error) {
	root, err := html.Parse(strings.NewReader(shown.body))
	if err != nil {
		return nil, fmt.Errorf("read page %s: %w", shown.address, err)
	}
	form := find(root, "form")
	if form == nil {
		return nil, nil //nolint:nilnil // a page without a form leads nowhere
	}
	values := url.Values{}
	for n := range form.Descendants() {
		name := attribute(n, "name")
		if n.Type != html.ElementNode || name == "" || attribute(n, "name") == "abort" {
			continue
		}
		value := attribute(n, "value")
		if typed, ok := b.Fields[name]; ok && attribute(n, "type") != "hidden" {
			value = typed
		}
		values.Set(name, value)
	}
	to, err := shown.address.Parse(attribute(form, "action"))
	if err != nil {
		return nil, fmt.Errorf("read form of %s: %w", shown.address, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), strings.NewReader(values.Encode()))
	if err != nil {
		return nil, fmt.Errorf("submit form of %s: %w", shown.address, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return request, nil
}

func find(root *html.Node, tag string) *html.Node {
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == tag {
			return n
		}
	}
	return nil
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}
