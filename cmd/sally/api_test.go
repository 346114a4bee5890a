package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A server's words are shown to people at a terminal, which they must not be able to steer.
func TestServersWordsSteerNoTerminal(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"detail": "no\u001b[2J\u009b2J", "errors": [{"message": "a\rb", "location": "body.x\u0007"}]}`))
	}))
	defer server.Close()
	c, err := newRemoteClient(server.URL, "", "")
	if err != nil {
		t.Fatal(err)
	}
	err = c.do(t.Context(), http.MethodGet, "/users", nil, nil)
	if err == nil || err.Error() != "no?[2J?2J\n  x?: a?b" {
		t.Errorf("%q", err)
	}
}

func TestWebURL(t *testing.T) {
	for _, tt := range []struct {
		config  config
		address string
		want    string
	}{
		{config{URL: "https://sally.acme.com/"}, "0.0.0.0:0", "https://sally.acme.com"},
		{config{}, "127.0.0.1:0", "http://127.0.0.1:"},
		{config{}, "0.0.0.0:0", "http://localhost:"},
		{config{Hosts: []string{"gw.acme.com"}}, "0.0.0.0:0", "http://gw.acme.com:"},
	} {
		l, err := inherited{}.listen(t.Context(), "web", tt.address)
		if err != nil {
			t.Fatal(err)
		}
		s := server{config: tt.config}
		if got := s.webURL(listeners{"web": l}); !strings.HasPrefix(got, tt.want) || strings.Contains(got, "0.0.0.0") || strings.Contains(got, "[::]") {
			t.Errorf("%+v at %s: %s, want %s", tt.config.Hosts, tt.address, got, tt.want)
		}
		_ = l.Close()
	}
}
