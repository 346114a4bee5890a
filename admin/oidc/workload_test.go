package oidc_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/sallyport/sallyport/admin/oidc"
)

func TestWorkloadsTokenIsVerified(t *testing.T) {
	h := newHostile(t)
	w := oidc.NewWorkloads(nil)
	token := sign(t, jose.RS256, h.key, h.claims(map[string]any{"aud": "sally", "run": 7, "protected": true, "nested": map[string]any{}}))
	if issuer, err := oidc.IssuerOf(token); err != nil || issuer != h.URL {
		t.Fatalf("issuer %s, %v", issuer, err)
	}
	v, err := w.Verify(t.Context(), h.URL, token)
	if err != nil {
		t.Fatal(err)
	}
	for claim, want := range map[string]string{"sub": "u", "run": "7", "protected": "true"} {
		if got, ok := v.Claim(claim); !ok || got != want {
			t.Errorf("%s: %q", claim, got)
		}
	}
	if _, ok := v.Claim("nested"); ok {
		t.Error("an object was taken for text")
	}
	parts := strings.Split(token, ".")
	for name, bad := range map[string]string{
		"other claims":        parts[0] + "." + encode(t, h.claims(map[string]any{"sub": "admin"})) + "." + parts[2],
		"not signed":          encode(t, map[string]string{"alg": "none"}) + "." + parts[1] + ".",
		"signed with a guess": sign(t, jose.HS256, []byte("0123456789abcdef0123456789abcdef"), h.claims(nil)),
		"expired":             sign(t, jose.RS256, h.key, h.claims(map[string]any{"exp": 1})),
		"of another issuer":   sign(t, jose.RS256, h.key, h.claims(map[string]any{"iss": "https://evil.test"})),
	} {
		if _, err := w.Verify(t.Context(), h.URL, bad); !errors.Is(err, oidc.ErrUntrusted) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Verify(t.Context(), "http://10.0.0.1", token); !errors.Is(err, oidc.ErrUntrusted) {
		t.Errorf("issuer without TLS: %v", err)
	}
}

// An issuer that sends the server on into a private network is not followed.
func TestIssuerDoesNotLeadIntoThePrivateNetwork(t *testing.T) {
	for _, to := range []string{"http://10.1.2.3:1/", "http://169.254.169.254/latest/meta-data", "http://[fd00::1]:1/", "http://192.168.0.1:1/"} {
		server := httptest.NewServer(http.RedirectHandler(to, http.StatusFound))
		_, err := oidc.NewWorkloads(nil).Verify(t.Context(), server.URL, "a.b.c")
		server.Close()
		if !errors.Is(err, oidc.ErrUnavailable) || !strings.Contains(err.Error(), "not a public address") {
			t.Errorf("%s: %v", to, err)
		}
	}
}

func FuzzIssuerOf(f *testing.F) {
	f.Add("a.eyJpc3MiOiJ4In0.c")
	f.Add("..")
	f.Add(strings.Repeat("a", 20<<10))
	f.Fuzz(func(t *testing.T, token string) {
		if issuer, err := oidc.IssuerOf(token); (issuer == "") != (err != nil) {
			t.Errorf("issuer %q, %v", issuer, err)
		}
	})
}
