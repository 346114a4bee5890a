package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/link"
)

// TestAnsweredSecretsAreNotKeptOnes: what was told before is used only while the control plane does not answer.
func TestAnsweredSecretsAreNotKeptOnes(t *testing.T) {
	answer := func(http.ResponseWriter) {}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }))
	defer server.Close()
	say := func(credential string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			_ = json.NewEncoder(w).Encode(link.Secret{Credential: credential, Username: "app", Password: "told"})
		}
	}
	status := func(code int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(code) }
	}
	p := newPost(t, newControl(t))
	p.link.client.Store(server.Client())
	p.link.server.Store(&server.URL)
	for _, tt := range []struct {
		name   string
		answer func(http.ResponseWriter)
		opens  bool
		words  string
	}{
		{"told", say("orders-app"), true, ""},
		{"broken", status(http.StatusInternalServerError), true, ""},
		{"refused", status(http.StatusForbidden), false, "does not open"},
		{"another credential", say("orders-new"), false, "by another one meanwhile"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer = tt.answer
			lease, err := p.link.Secrets().Fetch(t.Context(), creds.Request{Credential: access.Credential{Name: "orders-app"}, Resource: "orders-db"})
			var unavailable *creds.Unavailable
			switch {
			case tt.opens && (err != nil || lease.Secret.Password != "told"):
				t.Errorf("%v, %v", lease, err)
			case !tt.opens && (!errors.As(err, &unavailable) || !strings.Contains(unavailable.Sentence, tt.words)):
				t.Errorf("%v, want %q", err, tt.words)
			}
		})
	}
}
