package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/test/servers"
)

// oidcWorld is a server whose people sign in by a real identity provider, where Alice is of the developers.
func oidcWorld(t *testing.T) (*world, *servers.OIDCProvider) {
	t.Helper()
	provider := servers.StartOIDCProvider(t)
	secret := filepath.Join(t.TempDir(), "client-secret")
	config := filepath.Join(t.TempDir(), "sally.yaml")
	text := fmt.Sprintf("oidc:\n  issuer: %s\n  client_id: %s\n  client_secret_file: %s\n  name: Acme\n", provider.Issuer, provider.ClientID, secret)
	for file, content := range map[string]string{secret: provider.ClientSecret + "\n", config: text} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, "", "--config", config)
	w.admin("a-password-nobody-sees", append([]string{"credentials", "add", "orders-app"}, sealedCredential()...)...)
	w.admin("", "resources", "add", resource, "--protocol", "postgres", "--address", w.pg.Addr(), "--database", "postgres",
		"--ssl-mode", "disable", "--account", "app=orders-app")
	w.admin("", "roles", "add", "developers", "--resource", resource, "--account", "app", "--group", "developers")
	provider.Allow(t, "http://"+w.sally.Web+"/api/v1/sign-in/oidc/callback")
	provider.Put(t, "alice", servers.NewPerson(alice, "developers"))
	return w, provider
}

// terminal is a machine of Alice's on which sally login runs.
type terminal struct {
	w    *world
	home string
}

func (w *world) newTerminal() *terminal { return &terminal{w: w, home: w.t.TempDir()} }

func (m *terminal) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(m.w.ctx, m.w.sally.Bin, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + m.home, "XDG_CONFIG_HOME=" + filepath.Join(m.home, ".config"), "SALLY_KEYRING=off"}
	return cmd
}

// login runs sally login; meanwhile does what the person does, who reads what it prints until a line matches.
func (m *terminal) login(reads string, meanwhile func(match []string), args ...string) {
	t := m.w.t
	t.Helper()
	cmd := m.command(append([]string{"login", "--server", "http://" + m.w.sally.Web}, args...)...)
	var out bytes.Buffer
	cmd.Stdout = &out
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	lines := bufio.NewScanner(said)
	wanted := regexp.MustCompile(reads)
	for lines.Scan() {
		all.WriteString(lines.Text() + "\n")
		if match := wanted.FindStringSubmatch(lines.Text()); match != nil {
			meanwhile(match)
		}
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "Signed in at") {
		t.Fatalf("login: %v\n%s%s", err, all.String(), out.String())
	}
}

// asks runs a query at the resource through the tunnel, by what the sign-in left.
func (m *terminal) asks() error {
	p, err := client.NewStore(filepath.Join(m.home, ".config", "sallyport")).Active()
	if err != nil {
		return err
	}
	dialer, err := client.NewDialer(p, nil)
	if err != nil {
		return err
	}
	config, err := pgx.ParseConfig("host=tunnel user=app dbname=postgres sslmode=disable")
	if err != nil {
		return err
	}
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.Dial(ctx, resource, "") }
	conn, err := pgx.ConnectConfig(m.w.ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	var n int
	return conn.QueryRow(m.w.ctx, "SELECT count(*) FROM orders").Scan(&n)
}

// approve is what the page /sign-in/terminal does when the person confirms.
func (w *world) approve(b *servers.Browser, fragment string) {
	t := w.t
	t.Helper()
	q, err := url.ParseQuery(fragment)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(q.Get("port"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"challenge": q.Get("challenge"), "port": port, "state": q.Get("state"), "name": q.Get("name")})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(w.ctx, http.MethodPost, "http://"+w.sally.Web+"/api/v1/sign-in/client/approve", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Sallyport", "1")
	response, err := b.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var out struct{ Redirect string }
	text, err := io.ReadAll(response.Body)
	if err != nil || json.Unmarshal(text, &out) != nil || out.Redirect == "" {
		t.Fatalf("approve: %s %s (%v)", response.Status, text, err)
	}
	if page, err := b.Visit(w.ctx, out.Redirect, ""); err != nil || !strings.Contains(page, "signed in") {
		t.Fatalf("the terminal's page: %v\n%s", err, page)
	}
}

func TestPersonSignsInATerminalByTheirBrowser(t *testing.T) {
	w, provider := oidcWorld(t)
	m := w.newTerminal()
	m.login(`^  http://\S+/sign-in/terminal#(\S+)$`, func(match []string) {
		b := servers.NewBrowser(t, "alice", "any")
		start := "http://" + w.sally.Web + "/api/v1/sign-in/oidc?return_to=" + url.QueryEscape("/sign-in/terminal#"+match[1])
		if back, err := b.Visit(w.ctx, start, "http://"+w.sally.Web+"/sign-in/terminal"); err != nil || !strings.HasSuffix(back, match[1]) {
			t.Fatalf("came back to %s: %v", back, err)
		}
		w.approve(b, match[1])
	}, "--browser")
	if err := m.asks(); err != nil {
		t.Fatal(err)
	}
	w.find("user:"+alice+" action:sign_in", 2) // in the browser, and in the terminal

	store := client.NewStore(filepath.Join(m.home, ".config", "sallyport"))
	renew := func() error {
		p, err := store.Active()
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Renew(w.ctx)
		return err
	}
	if err := renew(); err != nil {
		t.Fatal(err)
	}
	if err := m.asks(); err != nil {
		t.Fatalf("after the renewal: %v", err)
	}
	if out, err := m.command("ls").CombinedOutput(); err != nil || !strings.Contains(string(out), resource) {
		t.Errorf("sally ls: %v\n%s", err, out)
	}
	provider.Remove(t, "alice")
	if err := w.refusedWithin(renew); err == nil {
		t.Error("renewed although the provider no longer knows her")
	}
	if err := m.asks(); err == nil {
		t.Error("her certificate still opens the resource")
	}
}

// refusedWithin renews until that is refused: the provider is not asked again at once after it was.
func (w *world) refusedWithin(renew func() error) (err error) {
	w.eventually("the provider is asked, and refuses", func() bool { err = renew(); return err != nil })
	return err
}

func TestPersonSignsInOnAnotherDevice(t *testing.T) {
	w, _ := oidcWorld(t)
	m := w.newTerminal()
	m.login(`^  (http://\S+)$`, func(match []string) {
		if _, err := servers.NewBrowser(t, "alice", "any").Visit(w.ctx, match[1], ""); err != nil {
			t.Fatal(err)
		}
	}, "--device")
	if err := m.asks(); err != nil {
		t.Fatal(err)
	}
	if out, err := m.command("logout").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.find("user:"+alice+" action:sign_out", 1)
}

func TestJobOfACISystemSignsIn(t *testing.T) {
	w := newWorld(t, "")
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	ci := newCI(t)
	w.local(http.MethodPut, "/users/shop-ci", map[string]any{"name": "shop-ci", "kind": "service_account", "roles": []string{"developers"},
		"workloads": []map[string]any{{"issuer": ci.URL, "audience": "sallyport", "claims": map[string]string{"sub": "repo:acme/shop:*"}}}})
	m := w.newTerminal()
	file := filepath.Join(m.home, "token")
	login := func(subject string) (string, error) {
		if err := os.WriteFile(file, []byte(ci.token(t, subject)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := m.command("login", "--server", "http://"+w.sally.Web, "--workload", "--workload-token-file", file).CombinedOutput()
		return string(out), err
	}
	if out, err := login("repo:evil/shop:ref"); err == nil {
		t.Errorf("another repository's job came in: %s", out)
	}
	if out, err := login("repo:acme/shop:ref:refs/heads/main"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := m.asks(); err != nil {
		t.Fatal(err)
	}
}

// local calls the server's API by its local socket.
func (w *world) local(method, path string, in any) {
	w.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	socket := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(w.sally.DataDir, "admin.sock"))
	}}}
	request, err := http.NewRequestWithContext(w.ctx, method, "http://sally.local/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := socket.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err != nil || response.StatusCode/100 != 2 {
		w.t.Fatalf("%s %s: %s %s (%v)", method, path, response.Status, text, err)
	}
}

// ci is a CI system that gives its jobs tokens.
type ci struct {
	*httptest.Server
	key *rsa.PrivateKey
}

func newCI(t *testing.T) *ci {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := &ci{key: key}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var document any = map[string]any{"issuer": c.URL, "jwks_uri": c.URL + "/keys", "authorization_endpoint": c.URL + "/a", "token_endpoint": c.URL + "/t",
			"id_token_signing_alg_values_supported": []string{"RS256"}}
		if r.URL.Path == "/keys" {
			document = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "RS256", Use: "sig"}}}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(document)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *ci) token(t *testing.T, subject string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: c.key}, new(jose.SignerOptions).WithHeader("kid", "k"))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{"iss": c.URL, "aud": "sallyport", "sub": subject, "exp": time.Now().Add(time.Hour).Unix()})
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
