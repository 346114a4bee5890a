package oidc_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sallyport/sallyport/admin/oidc"
)

// hostile is a provider that answers whatever a test wants.
type hostile struct {
	*httptest.Server
	key    *rsa.PrivateKey
	token  func() string // the ID token that it gives
	info   map[string]any
	status int    // of the token endpoint; 0 means 200
	fails  string // its error code
	// keyless lets the keys not be had.
	keyless bool
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"issuer": h.URL, "authorization_endpoint": h.URL + "/auth", "token_endpoint": h.URL + "/token",
			"jwks_uri": h.URL + "/keys", "userinfo_endpoint": h.URL + "/info", "id_token_signing_alg_values_supported": []string{"none", "HS256", "RS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		if h.keyless {
			http.Error(w, "s3cr3t", http.StatusBadGateway)
			return
		}
		reply(w, 200, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		if h.status != 0 {
			reply(w, h.status, map[string]string{"error": h.fails, "error_description": "s3cr3t"})
			return
		}
		reply(w, 200, map[string]string{"access_token": "at", "token_type": "Bearer", "id_token": h.token()})
	})
	mux.HandleFunc("GET /info", func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, h.info) })
	h.Server = httptest.NewServer(mux)
	t.Cleanup(h.Close)
	return h
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func sign(t *testing.T, algorithm jose.SignatureAlgorithm, key any, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, new(jose.SignerOptions).WithHeader("kid", "k"))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// claims are those of a good token, with changes; nil takes a claim away.
func (h *hostile) claims(changes map[string]any) map[string]any {
	now := time.Now()
	c := map[string]any{"iss": h.URL, "aud": "sallyport", "sub": "u", "nonce": "n", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"email": "alice@acme.com", "email_verified": true, "groups": []string{"dba"}}
	maps.Copy(c, changes)
	for name, value := range c {
		if value == nil {
			delete(c, name)
		}
	}
	return c
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func TestOnlyAGoodTokenProvesAPerson(t *testing.T) {
	h := newHostile(t)
	another, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(changes map[string]any) func() string {
		return func() string { return sign(t, jose.RS256, h.key, h.claims(changes)) }
	}
	late := time.Now().Add(-2 * time.Minute).Unix()
	tooMany := make([]string, 1001)
	for i := range tooMany {
		tooMany[i] = strings.Repeat("g", i%200+1) + string(rune('a'+i/200))
	}
	for _, c := range []struct {
		name  string
		token func() string
		want  error // nil: it is good
	}{
		{"as it should be", signed(nil), nil},
		{"expired within the clocks' difference", signed(map[string]any{"exp": time.Now().Add(-20 * time.Second).Unix()}), nil},
		{"several audiences, authorized for us", signed(map[string]any{"aud": []string{"sallyport", "other"}, "azp": "sallyport"}), nil},
		{"no groups", signed(map[string]any{"groups": nil}), nil},
		{"of another issuer", signed(map[string]any{"iss": "https://evil.test"}), oidc.ErrUntrusted},
		{"for another client", signed(map[string]any{"aud": "other"}), oidc.ErrUntrusted},
		{"several audiences, authorized for nobody", signed(map[string]any{"aud": []string{"sallyport", "other"}}), oidc.ErrUntrusted},
		{"authorized for another", signed(map[string]any{"azp": "other"}), oidc.ErrUntrusted},
		{"of another sign-in", signed(map[string]any{"nonce": "other"}), oidc.ErrUntrusted},
		{"of no sign-in", signed(map[string]any{"nonce": nil}), oidc.ErrUntrusted},
		{"expired", signed(map[string]any{"exp": late}), oidc.ErrUntrusted},
		{"issued in the future", signed(map[string]any{"iat": time.Now().Add(time.Hour).Unix()}), oidc.ErrUntrusted},
		{"not valid yet", signed(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}), oidc.ErrUntrusted},
		{"about nobody", signed(map[string]any{"sub": nil}), oidc.ErrUntrusted},
		{"with the hash of another access token", signed(map[string]any{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), oidc.ErrUntrusted},
		{"address not verified", signed(map[string]any{"email_verified": false}), oidc.ErrUnverified},
		{"address not verified, as text", signed(map[string]any{"email_verified": "false"}), oidc.ErrUnverified},
		{"groups of another form", signed(map[string]any{"groups": map[string]string{"a": "b"}}), oidc.ErrUntrusted},
		{"too many groups", signed(map[string]any{"groups": tooMany}), oidc.ErrUntrusted},
		{"signed with another key", func() string { return sign(t, jose.RS256, another, h.claims(nil)) }, oidc.ErrUntrusted},
		{"signed with our secret", func() string { return sign(t, jose.HS256, []byte("0123456789abcdef0123456789abcdef"), h.claims(nil)) }, oidc.ErrUntrusted},
		{"signed with the public key as a secret", func() string { return sign(t, jose.HS256, h.key.N.Bytes(), h.claims(nil)) }, oidc.ErrUntrusted},
		{"not signed", func() string {
			return encode(t, map[string]string{"alg": "none", "kid": "k"}) + "." + encode(t, h.claims(nil)) + "."
		}, oidc.ErrUntrusted},
		{"no token", func() string { return "" }, oidc.ErrUntrusted},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.token, h.info = c.token, map[string]any{"sub": "u"}
			p := newProvider(t, oidc.Config{Issuer: h.URL, ClientID: "sallyport"}, "0123456789abcdef0123456789abcdef")
			who, err := p.Exchange(t.Context(), redirect, "code", "n", "v")
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err == nil && who.User != "alice@acme.com" {
				t.Errorf("signed in as %q", who.User)
			}
		})
	}
}

func TestUserInfoOfAnotherPersonIsNotTaken(t *testing.T) {
	h := newHostile(t)
	h.token = func() string { return sign(t, jose.RS256, h.key, h.claims(map[string]any{"groups": nil})) }
	h.info = map[string]any{"sub": "another", "groups": []string{"admins"}}
	p := newProvider(t, oidc.Config{Issuer: h.URL, ClientID: "sallyport"}, "")
	if _, err := p.Exchange(t.Context(), redirect, "code", "n", "v"); !errors.Is(err, oidc.ErrUntrusted) {
		t.Errorf("got %v", err)
	}
	// What is signed counts, whatever the user info says.
	h.token = func() string {
		return sign(t, jose.RS256, h.key, h.claims(map[string]any{"groups": []string{"dba"}, "preferred_username": nil}))
	}
	h.info = map[string]any{"sub": "u", "groups": []string{"admins"}, "preferred_username": "alice"}
	p = newProvider(t, oidc.Config{Issuer: h.URL, ClientID: "sallyport", UserClaim: "preferred_username"}, "")
	who, err := p.Exchange(t.Context(), redirect, "code", "n", "v")
	if err != nil || who.User != "alice" || len(who.Groups) != 1 || who.Groups[0] != "dba" {
		t.Errorf("got %+v, %v", who, err)
	}
}

func TestWhatAProvidersErrorMeans(t *testing.T) {
	h := newHostile(t)
	for _, c := range []struct {
		status int
		code   string
		want   error
	}{
		{400, "invalid_grant", oidc.ErrRefused},
		{400, "access_denied", oidc.ErrRefused},
		{401, "invalid_client", oidc.ErrUnavailable}, // our configuration's fault, and no word on the person
		{400, "authorization_pending", oidc.ErrPending},
		{400, "slow_down", oidc.ErrSlowDown},
		{400, "", oidc.ErrUnavailable},
		{500, "server_error", oidc.ErrUnavailable},
		{503, "", oidc.ErrUnavailable},
	} {
		h.status, h.fails = c.status, c.code
		p := newProvider(t, oidc.Config{Issuer: h.URL, ClientID: "sallyport"}, "")
		_, err := p.Refresh(t.Context(), "token", "u")
		if !errors.Is(err, c.want) {
			t.Errorf("%d %s: got %v, want %v", c.status, c.code, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("the error repeats the provider's words: %v", err)
		}
	}
}

// That keys cannot be had says nothing of a token, and must end no session.
func TestKeysThatCannotBeHadAreTheProvidersAbsence(t *testing.T) {
	h := newHostile(t)
	h.keyless = true
	token := sign(t, jose.RS256, h.key, h.claims(nil))
	h.token = func() string { return token }
	p := newProvider(t, oidc.Config{Issuer: h.URL, ClientID: "sallyport"}, "")
	if _, err := p.Refresh(t.Context(), "token", "u"); !errors.Is(err, oidc.ErrUnavailable) || errors.Is(err, oidc.ErrUntrusted) {
		t.Errorf("a person: %v", err)
	}
	if _, err := oidc.NewWorkloads(nil).Verify(t.Context(), h.URL, token); !errors.Is(err, oidc.ErrUnavailable) || errors.Is(err, oidc.ErrUntrusted) {
		t.Errorf("a program: %v", err)
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	good := oidc.Config{Issuer: "https://login.acme.com", ClientID: "sallyport"}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*oidc.Config){
		"plain http":     func(c *oidc.Config) { c.Issuer = "http://login.acme.com" },
		"no issuer":      func(c *oidc.Config) { c.Issuer = "" },
		"a query":        func(c *oidc.Config) { c.Issuer += "?a=b" },
		"a user":         func(c *oidc.Config) { c.Issuer = "https://a:b@login.acme.com" },
		"no client":      func(c *oidc.Config) { c.ClientID = "" },
		"no openid":      func(c *oidc.Config) { c.Scopes = []string{"email"} },
		"a bad scope":    func(c *oidc.Config) { c.Scopes = []string{"openid", "a b"} },
		"a bad domain":   func(c *oidc.Config) { c.AllowedDomains = []string{"@acme.com"} },
		"a bad redirect": func(c *oidc.Config) { c.RedirectURL = "javascript:alert(1)" },
		"another prompt": func(c *oidc.Config) { c.Prompt = "none" },
	} {
		bad := good
		change(&bad)
		if bad.Validate() == nil {
			t.Errorf("%s: taken", name)
		}
	}
	missing := good
	missing.ClientSecretFile = t.TempDir() + "/none"
	if _, err := oidc.New(missing, "", nil); err == nil {
		t.Error("a secret's file that is not there: taken")
	}
}
