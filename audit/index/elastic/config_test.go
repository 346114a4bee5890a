package elastic

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestValidateNamesTheKey(t *testing.T) {
	many := 17
	good := []string{"https://search-1.internal:9200"}
	for want, c := range map[string]Config{
		"":                 {URLs: good},
		"urls: is empty":   {},
		"urls[0]: is no":   {URLs: []string{"search-1:9200"}},
		"urls[1]: must":    {URLs: []string{good[0], "https://u:p@h:9200"}},
		"urls[0]: must":    {URLs: []string{"https://h:9200/?a=b"}},
		"prefix:":          {URLs: good, Prefix: "Sally"},
		"password_file:":   {URLs: good, PasswordFile: "f"},
		"api_key_file:":    {URLs: good, APIKeyFile: "f", Username: "u"},
		"timeout:":         {URLs: good, Timeout: -1},
		"shards:":          {URLs: good, Shards: -1},
		"replicas:":        {URLs: good, Replicas: &many},
		"retention:":       {URLs: good, Retention: time.Hour},
		"bulk_bytes:":      {URLs: good, BulkBytes: 5},
		"refresh_interval": {URLs: good, RefreshInterval: time.Hour},
	} {
		err := c.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
}

// TestClientAsksTheNextNode: one node is away, one is behind a proxy that says so, the third answers.
func TestClientAsksTheNextNode(t *testing.T) {
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	defer proxy.Close()
	asked := 0
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, pass, _ := r.BasicAuth(); user != "sally" || pass != "s3cret" {
			t.Errorf("user %q, password %q", user, pass)
		}
		asked++
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, proxy.URL, http.StatusFound)
		case "/denied":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			if _, err := w.Write([]byte(`{}`)); err != nil {
				t.Error(err)
			}
		}
	}))
	defer node.Close()
	c, err := newClient(Config{URLs: []string{away.URL, proxy.URL, node.URL + "/"}, Username: "sally", PasswordFile: password}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for range 2 {
		if err := c.ask(context.Background(), http.MethodGet, "/", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.ask(context.Background(), http.MethodGet, "/moved", nil, nil); !hasStatus(err, http.StatusFound) {
		t.Errorf("a redirect: %v", err)
	}
	err = c.ask(context.Background(), http.MethodGet, "/denied", nil, nil)
	if !hasStatus(err, http.StatusUnauthorized) || !strings.Contains(err.Error(), "not accepted") {
		t.Errorf("not accepted: %v", err)
	}
	if asked != 4 {
		t.Errorf("the node was asked %d times, want 4", asked)
	}
}
