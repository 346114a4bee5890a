package client_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/client"
)

const (
	goodToken = "sally_abc_S3cret-value"
	goodLink  = "one-time"
)

// controlPlane stands for the server's API.
type controlPlane struct {
	*httptest.Server
	tls    *authority // issued its HTTPS certificate
	people *authority

	mu              sync.Mutex
	session, before string // hashes of the client session's present and former secret
	renewals        int
	loseAnswer      bool // of the next renewal
}

func startControlPlane(t *testing.T) *controlPlane {
	t.Helper()
	c := &controlPlane{tls: newAuthority(t, "https"), people: newAuthority(t, "people")}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/sign-in/client/session", func(w http.ResponseWriter, r *http.Request) {
		var in sessionRequest
		if json.NewDecoder(r.Body).Decode(&in) != nil || in.Link+in.Code != goodLink {
			problem(w, http.StatusUnauthorized, "that link was used already\x1b[2J")
			return
		}
		c.mu.Lock()
		c.session = in.Next
		c.mu.Unlock()
		c.certify(w, in.PublicKey)
	})
	mux.HandleFunc("POST /api/v1/sign-in/client/renew", c.renew)
	mux.HandleFunc("POST /api/v1/certificates", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			PublicKey string `json:"public_key"`
		}
		if json.NewDecoder(r.Body).Decode(&in) != nil || !c.known(r) {
			problem(w, http.StatusUnauthorized, "the token is unknown or has ended")
			return
		}
		c.certify(w, in.PublicKey)
	})
	mux.HandleFunc("GET /api/v1/resources/mine", func(w http.ResponseWriter, r *http.Request) {
		if !c.known(r) {
			problem(w, http.StatusUnauthorized, "the token is unknown or has ended")
			return
		}
		answer(w, map[string]any{"items": []map[string]any{
			{"name": "orders-db", "protocol": "postgres", "database": "app", "accounts": []string{"reader", "writer"}},
			{"name": "a-db", "protocol": "postgres", "accounts": []string{"reader"}},
		}})
	})
	mux.HandleFunc("GET /api/v1/elsewhere", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://evil.test/", http.StatusTemporaryRedirect)
	})
	c.Server = httptest.NewUnstartedServer(mux)
	c.TLS = &tls.Config{Certificates: []tls.Certificate{c.tls.server("127.0.0.1")}}
	c.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are this test's aim
	c.StartTLS()
	t.Cleanup(c.Close)
	return c
}

// sessionRequest is what opens or renews a client session.
type sessionRequest struct {
	Link      string `json:"link"`
	Code      string `json:"code"`
	Refresh   string `json:"refresh"`
	Next      string `json:"next"`
	PublicKey string `json:"public_key"`
}

// renew rotates the session's secret; the same renewal again is answered again.
func (c *controlPlane) renew(w http.ResponseWriter, r *http.Request) {
	var in sessionRequest
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		problem(w, http.StatusBadRequest, "no JSON")
		return
	}
	c.mu.Lock()
	c.renewals++
	hash := hexSum("sallysession_" + hexSum("sallyport client session\x00"+in.Refresh))
	switch {
	case hash == c.session:
		c.session, c.before = in.Next, hash
	case hash == c.before && in.Next == c.session:
	default:
		c.mu.Unlock()
		problem(w, http.StatusUnauthorized, "this session is over; run: sally login")
		return
	}
	lost := c.loseAnswer
	c.loseAnswer = false
	c.mu.Unlock()
	if lost {
		panic(http.ErrAbortHandler)
	}
	c.certify(w, in.PublicKey)
}

func (c *controlPlane) certify(w http.ResponseWriter, publicKey string) {
	block, _ := pem.Decode([]byte(publicKey))
	if block == nil {
		problem(w, http.StatusBadRequest, "no public key")
		return
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	end := hour()
	answer(w, map[string]any{
		"certificate": c.people.user("alice@acme.com", public, end), "ca": c.people.pem(), "expires": end, "tunnel": ":7443",
		"session_expires": end.Add(11 * time.Hour),
	})
}

func (c *controlPlane) known(r *http.Request) bool {
	bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	c.mu.Lock()
	defer c.mu.Unlock()
	return bearer == goodToken || c.session != "" && hexSum(bearer) == c.session
}

func hexSum(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func (c *controlPlane) fingerprint() string {
	sum := sha256.Sum256(c.tls.cert.Raw)
	return "SHA256:" + strings.ToUpper(hex.EncodeToString(sum[:]))
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "detail": detail})
}

func TestSignInByEachProofAndTrust(t *testing.T) {
	c := startControlPlane(t)
	for name, s := range map[string]client.SignIn{
		"token, authority":   {Token: goodToken, Trust: client.Trust{CA: c.tls.pem()}},
		"token, fingerprint": {Token: goodToken, Trust: client.Trust{Fingerprint: c.fingerprint()}},
		"link, authority":    {Link: goodLink, Trust: client.Trust{CA: c.tls.pem()}},
	} {
		t.Run(name, func(t *testing.T) {
			s.Server = c.URL + "/"
			p, err := s.Do(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if p.Server != c.URL || p.User != "alice@acme.com" || p.Tunnel != "127.0.0.1:7443" || p.ServerCA != c.tls.pem() {
				t.Errorf("server %s, user %s, tunnel %s", p.Server, p.User, p.Tunnel)
			}
			if p.Token != s.Token || (p.Refresh == "") != (s.Link == "") {
				t.Errorf("keeps token: %t, session: %t", p.Token != "", p.Refresh != "")
			}
			pair, err := p.KeyPair()
			if err != nil {
				t.Fatal(err)
			}
			if key, ok := pair.PrivateKey.(*ecdsa.PrivateKey); !ok || key.Curve.Params().Name != "P-256" {
				t.Errorf("key is %T", pair.PrivateKey)
			}
			if left := time.Until(p.Expires); left < 50*time.Minute || left > time.Hour {
				t.Errorf("expires in %v", left)
			}
			api, err := p.API()
			if err != nil {
				t.Fatal(err)
			}
			defer api.Close()
			got, err := api.Resources(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want := []client.Resource{
				{Name: "a-db", Protocol: "postgres", Accounts: []string{"reader"}},
				{Name: "orders-db", Protocol: "postgres", Database: "app", Accounts: []string{"reader", "writer"}},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSignInRefuses(t *testing.T) {
	c := startControlPlane(t)
	other := newAuthority(t, "other")
	leafOfOther := client.Trust{Fingerprint: strings.Repeat("ab", 32)}
	ours := client.Trust{CA: c.tls.pem()}
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for name, test := range map[string]struct {
		s    client.SignIn
		want string
	}{
		"unknown authority":    {client.SignIn{Server: c.URL, Token: goodToken}, "sign in with --ca FILE or --ca-sha256"},
		"no TLS there":         {client.SignIn{Server: strings.Replace(plain.URL, "http:", "https:", 1), Token: goodToken}, "open without TLS"},
		"another authority":    {client.SignIn{Server: c.URL, Token: goodToken, Trust: client.Trust{CA: other.pem()}}, "certificate"},
		"another fingerprint":  {client.SignIn{Server: c.URL, Token: goodToken, Trust: leafOfOther}, "pinned"},
		"bad fingerprint":      {client.SignIn{Server: c.URL, Token: goodToken, Trust: client.Trust{Fingerprint: "abc"}}, "64 hex"},
		"pinned, another host": {client.SignIn{Server: strings.Replace(c.URL, "127.0.0.1", "localhost", 1), Token: goodToken, Trust: client.Trust{Fingerprint: c.fingerprint()}}, "localhost"},
		"plain http":           {client.SignIn{Server: "http://sally.test", Token: goodToken}, "only https"},
		"no URL":               {client.SignIn{Server: "https://", Token: goodToken}, "not a URL"},
		"wrong token":          {client.SignIn{Server: c.URL, Token: "sally_abc_wrong", Trust: ours}, "the token is unknown or has ended"},
		"no token":             {client.SignIn{Server: c.URL, Token: "hunter2", Trust: ours}, "no access token"},
		"used link":            {client.SignIn{Server: c.URL, Link: "used", Trust: ours}, "that link was used already"},
		"no proof":             {client.SignIn{Server: c.URL, Trust: ours}, "one of them only"},
		"two proofs":           {client.SignIn{Server: c.URL, Token: goodToken, Link: goodLink, Trust: ours}, "one of them only"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := test.s.Do(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			for _, secret := range []string{"S3cret", "hunter2", goodLink, "\x1b"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows %q: %q", secret, err)
				}
			}
		})
	}
}

func TestAPIFollowsNoRedirect(t *testing.T) {
	c := startControlPlane(t)
	api, err := (&client.Profile{Server: c.URL, ServerCA: c.tls.pem(), Token: goodToken}).API()
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	err = api.Call(t.Context(), http.MethodGet, "/api/v1/elsewhere", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "https://evil.test/") {
		t.Fatal(err)
	}
}

func TestParseLink(t *testing.T) {
	server, token, err := client.ParseLink("https://sally.acme.com:8443/base/sign-in#tok-en_1")
	if err != nil || server != "https://sally.acme.com:8443/base" || token != "tok-en_1" {
		t.Errorf("%q %q %v", server, token, err)
	}
	for _, bad := range []string{"", "https://h/sign-in", "https://h/else#secret", "sign-in#secret", "https://h/%zz#secret"} {
		if _, _, err := client.ParseLink(bad); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestResourceURL(t *testing.T) {
	r := client.Resource{Name: "orders-db", Protocol: "postgres", Database: "my app", Accounts: []string{"r@x", "w"}}
	account, err := r.Account("")
	if err != nil || account != "r@x" {
		t.Fatalf("default account %q, %v", account, err)
	}
	if got, want := r.URL(account, 20001), "postgresql://r%40x@127.0.0.1:20001/my%20app?sslmode=disable"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, err := r.Account("postgres"); err == nil {
		t.Error("an account that is not theirs was taken")
	}
	if got := (client.Resource{Protocol: "later"}).URL("", 20001); got != "127.0.0.1:20001" {
		t.Error(got)
	}
}
