package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/client"
)

// What the server said holds while it is away: a client program needs the protocol, and one of a cluster the nodes.
func TestResourcesWhileTheServerIsAway(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"items": [{"name": "cache", "protocol": "redis", "accounts": ["app"], "nodes": [{"name": "n1", "port": 20001}]}]}`))
	}))
	var said shared
	c := &connecting{profile: &client.Profile{Name: "here", Server: server.URL, Token: "t"}, troubles: troubles{err: &said}}
	asked, err := c.resources(t.Context(), []string{"cache"}, false)
	if err != nil || len(asked) != 1 || len(asked[0].Nodes) != 1 {
		t.Fatalf("%+v, %v", asked, err)
	}
	if _, err := c.resources(t.Context(), []string{"unknown"}, false); err == nil {
		t.Error("a resource that the server does not name is given")
	}
	server.Close()
	kept, err := c.resources(t.Context(), []string{"cache", "unknown"}, false)
	if diff := cmp.Diff(append(asked, client.Resource{Name: "unknown"}), kept); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if !strings.Contains(said.text.String(), "going on with what was known before") {
		t.Errorf("said: %s", said.text.String())
	}
}
