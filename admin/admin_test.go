package admin_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"filippo.io/age"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/ca"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/test/storetest"
)

// plane is a control plane under test, with a server in front.
type plane struct {
	t         *testing.T
	service   *admin.Service
	record    *record
	gateway   *sessions
	directory *gateway.Directory
	secrets   *secrets
	server    *httptest.Server
	log       *bytes.Buffer

	mu    sync.Mutex
	clock time.Time
}

func (p *plane) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock = p.clock.Add(10 * time.Microsecond) // time never stands still
	return p.clock
}

// pass lets time go by.
func (p *plane) pass(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock = p.clock.Add(d)
}

func newPlane(t *testing.T) *plane {
	t.Helper()
	return newPlaneWith(t, func(*admin.Config) {})
}

// newPlaneWith lets the test change what the service is made of.
func newPlaneWith(t *testing.T, change func(*admin.Config)) *plane {
	t.Helper()
	p := &plane{t: t, record: newRecord(), gateway: &sessions{}, secrets: &secrets{values: map[string]creds.Secret{}},
		log: &bytes.Buffer{}, clock: time.Now()}
	where := storetest.SQLite(t)
	if strings.HasPrefix(t.Name(), "TestOnPostgres/") {
		where = storetest.SharedPostgres(t).Config(t)
	}
	st, err := store.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	config := admin.Config{
		Store: st, Journal: p.record, Searcher: p.record, Secrets: p.secrets, Sealer: ca.NewAgeSealer(identity),
		UI: fstest.MapFS{
			"index.html":         {Data: []byte("<title>Sallyport</title>")},
			"assets/app-1a2b.js": {Data: []byte("export {}")},
			"favicon.svg":        {Data: []byte("<svg/>")},
		},
		Log:     slog.New(slog.NewTextHandler(p.log, nil)),
		Gateway: "gw-1", Tunnel: func() string { return "gw.acme.com:7443" }, Now: p.now,
		Protocols: protocols(),
	}
	p.directory = gateway.NewDirectory(gateway.Options{Now: p.now, Used: func(id string, at time.Time) { p.service.NoteTokenUse(id, at) }})
	p.directory.SetSessions(p.gateway)
	config.Sessions = p.directory
	change(&config)
	p.service, err = admin.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	p.server = httptest.NewServer(p.service.Handler())
	t.Cleanup(func() {
		p.server.Close()
		p.service.Close()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// who is how a request proves its caller.
type who struct {
	token  string
	cookie *http.Cookie
	header http.Header
}

// reply is a request's answer.
type reply struct {
	*http.Response
	body []byte
}

func (r reply) decode(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal(r.body, into); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
}

func (r reply) detail(t *testing.T) string {
	t.Helper()
	if ct := r.Header.Get("Content-Type"); ct != "application/problem+json" {
		t.Fatalf("status %d is no problem but %q: %s", r.StatusCode, ct, r.body)
	}
	var p struct {
		Status int
		Detail string
	}
	r.decode(t, &p)
	if p.Status != r.StatusCode {
		t.Errorf("problem says %d, status is %d", p.Status, r.StatusCode)
	}
	return p.Detail
}

// call makes a request below /api/v1.
func (p *plane) call(w who, method, path string, body any) reply {
	p.t.Helper()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			p.t.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.server.URL+"/api/v1"+path, in)
	if err != nil {
		p.t.Fatal(err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range w.header {
		req.Header[k] = v
	}
	if w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token)
	}
	if w.cookie != nil {
		req.AddCookie(w.cookie)
	}
	res, err := p.server.Client().Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return reply{Response: res, body: b}
}

// must is call whose status has to be as wanted.
func (p *plane) must(w who, method, path string, body any, status int) reply {
	p.t.Helper()
	r := p.call(w, method, path, body)
	if r.StatusCode != status {
		p.t.Fatalf("%s %s: %d, want %d: %s", method, path, r.StatusCode, status, r.body)
	}
	return r
}

type object = map[string]any

// start makes the first admin and gives a token of theirs.
func (p *plane) start() who {
	p.t.Helper()
	link, created, err := p.service.FirstStart(p.t.Context())
	if err != nil || !created {
		p.t.Fatal(created, err)
	}
	cookie := p.signIn(link)
	return who{token: p.issue(who{cookie: cookie, header: http.Header{"X-Sallyport": {"1"}}}, "admin")}
}

func (p *plane) signIn(link string) *http.Cookie {
	p.t.Helper()
	token, ok := bytes.CutPrefix([]byte(link), []byte("/sign-in#"))
	if !ok {
		p.t.Fatalf("link %q", link)
	}
	r := p.must(who{}, "POST", "/sign-in", object{"token": string(token)}, 200)
	if len(r.Cookies()) != 1 {
		p.t.Fatalf("cookies %v", r.Cookies())
	}
	return r.Cookies()[0]
}

// issue makes a token for the user.
func (p *plane) issue(w who, user string) string {
	p.t.Helper()
	var t struct{ Token string }
	p.must(w, "POST", "/tokens", object{"user": user, "expires": p.now().Add(24 * time.Hour)}, 201).decode(p.t, &t)
	return t.Token
}

// addOrders adds the resource orders-db, the role developers and the user alice who holds it.
func (p *plane) addOrders(w who) {
	p.t.Helper()
	p.must(w, "POST", "/credentials", object{"name": "orders-app", "source": "sealed"}, 201)
	p.must(w, "POST", "/resources", object{"name": "orders-db", "protocol": "postgres", "address": "127.0.0.1:5432",
		"database": "app", "labels": object{"env": "prod"}, "accounts": object{"app": "orders-app"}}, 201)
	p.must(w, "POST", "/roles", object{"name": "developers", "resources": []string{"orders-db"}, "accounts": []string{"app"},
		"groups": []string{"eng"}}, 201)
	p.must(w, "POST", "/users", object{"name": "alice@acme.com", "groups": []string{"eng"}}, 201)
}

func (p *plane) identify(user, token string) error {
	_, err := p.directory.IdentifyToken(p.t.Context(), user, access.TokenProof{Token: token})
	return err
}

func causeOf(err error) access.Cause {
	var d *access.Denial
	if errors.As(err, &d) {
		return d.Cause
	}
	return ""
}

func TestFirstStartThenEveryday(t *testing.T) {
	p := newPlane(t)
	w := p.start()
	p.addOrders(w)
	if _, created, err := p.service.FirstStart(t.Context()); created || err != nil {
		t.Errorf("a second first start: %v %v", created, err)
	}
	alice := p.issue(w, "alice@acme.com")
	id, err := p.directory.IdentifyToken(t.Context(), "alice@acme.com", access.TokenProof{Token: alice})
	if err != nil {
		t.Fatal(err)
	}
	g, err := p.directory.Authorize(t.Context(), access.Ask{Identity: id, Resource: "orders-db", Account: ""})
	if err != nil {
		t.Fatal(err)
	}
	if g.Account != "app" || g.Role != "developers" || g.Credential.Source != "sealed" || g.Resource.Address != "127.0.0.1:5432" {
		t.Errorf("grant %+v", g)
	}
	var mine struct {
		Items []struct {
			Name, Tunnel string
			Accounts     []string
		}
	}
	p.must(who{token: alice}, "GET", "/resources/mine", nil, 200).decode(t, &mine)
	if len(mine.Items) != 1 || mine.Items[0].Name != "orders-db" || mine.Items[0].Tunnel != "gw.acme.com:7443" || mine.Items[0].Accounts[0] != "app" {
		t.Errorf("mine %+v", mine)
	}
}
