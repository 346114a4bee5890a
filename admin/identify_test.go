package admin_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
)

func TestIdentifyToken(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	p.must(root, "POST", "/users", object{"name": "bob"}, 201)
	const alice = "alice@acme.com"
	token := p.issue(root, alice)
	flipped := token[:len(token)-2] + "aa"
	if flipped == token {
		flipped = token[:len(token)-2] + "bb"
	}
	tests := []struct {
		name, user, token string
		cause             access.Cause
	}{
		{"right", alice, token, ""},
		{"another's", "bob", token, access.BadCredentials},
		{"wrong secret", alice, flipped, access.BadCredentials},
		{"no secret", alice, token[:strings.LastIndex(token, "_")+1], access.BadCredentials},
		{"empty", alice, "", access.BadCredentials},
		{"no user", "", token, access.BadCredentials},
		{"unknown user", "eve", token, access.BadCredentials},
		{"not a token", alice, "hunter2", access.BadCredentials},
	}
	sentences := map[string]bool{}
	for _, tt := range tests {
		err := p.identify(tt.user, tt.token)
		if got := causeOf(err); got != tt.cause || (err == nil) != (tt.cause == "") {
			t.Errorf("%s: %v", tt.name, err)
		}
		var d *access.Denial
		if errors.As(err, &d) {
			sentences[d.Sentence] = true
		}
	}
	if len(sentences) != 1 {
		t.Errorf("refusals can be told apart: %v", sentences)
	}
	for range 20 {
		_ = p.identify(alice, "wrong")
	}
	if got := causeOf(p.identify(alice, "wrong")); got != access.RateLimited {
		t.Errorf("after many failures: %q", got)
	}
	if err := p.identify(alice, token); err != nil {
		t.Errorf("the right token was locked out: %v", err)
	}
	if got := causeOf(p.identify("bob", "wrong")); got != access.BadCredentials {
		t.Errorf("another user: %q", got)
	}
	p.pass(25 * time.Hour)
	if got := causeOf(p.identify(alice, token)); got != access.Expired {
		t.Errorf("a day later: %q", got)
	}
	if got := causeOf(p.identify(alice, "wrong")); got != access.BadCredentials {
		t.Errorf("the limit lasts: %q", got)
	}
}

// TestRefusalsDoNotTellWhoIsKnown: whether a name is a user's cannot be seen from what wrong tokens are answered, however many.
func TestRefusalsDoNotTellWhoIsKnown(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.must(root, "POST", "/users", object{"name": "bob"}, 201)
	for range 20 {
		_ = p.identify("nobody", "wrong")
	}
	const tries = 12 // the limit is within
	answers := map[string][]string{}
	for _, user := range []string{"bob", "eve", "mallory"} {
		for range tries {
			answers[user] = append(answers[user], p.identify(user, "wrong").Error())
		}
	}
	for _, unknown := range []string{"eve", "mallory"} {
		if diff := cmp.Diff(answers["bob"], answers[unknown]); diff != "" {
			t.Errorf("bob and %s can be told apart: %s", unknown, diff)
		}
	}
	if first, last := answers["bob"][0], answers["bob"][tries-1]; first == last {
		t.Errorf("the limit was not reached: %q", last)
	}
}

func TestLocalSocket(t *testing.T) {
	p := newPlane(t)
	path := filepath.Join(t.TempDir(), "admin.sock")
	l, err := admin.ListenLocal(path)
	if err != nil {
		t.Fatal(err)
	}
	server := p.service.LocalServer()
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	if _, err := admin.ListenLocal(path); err == nil {
		t.Error("a second server took the socket")
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	res, err := c.Post("http://local/api/v1/users", "application/json", strings.NewReader(`{"name":"bob"}`))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	events, _ := p.record.since(0)
	if res.StatusCode != 201 || len(events) != 1 || !strings.HasPrefix(events[0].User, "local:") {
		t.Errorf("%d, events %v", res.StatusCode, events)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	// The same handler behind anything but the socket lets nobody in.
	other := &http.Server{Handler: p.service.LocalHandler()}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { done <- other.Serve(tcp) }()
	res, err = http.Get("http://" + tcp.Addr().String() + "/api/v1/users")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 403 {
		t.Errorf("by TCP: %d", res.StatusCode)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	<-done
}

func TestWebAndErrors(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	var problem struct {
		Detail           string
		Position, Length *int
	}
	p.must(root, "GET", "/audit/events?q=user:(", nil, 400).decode(t, &problem)
	if problem.Position == nil || *problem.Position != 5 || *problem.Length != 1 || problem.Detail == "" {
		t.Errorf("problem %+v", problem)
	}
	p.must(root, "GET", "/audit/events?cursor=bad", nil, 400)
	p.must(root, "GET", "/audit/events/none", nil, 404)
	p.must(root, "GET", "/nothing", nil, 404)
	p.must(root, "POST", "/users", object{"name": "x", "bogus": 1}, 422)
	if r := p.must(root, "PUT", "/credentials/none/secret", object{"password": []string{"hunter2"}}, 422); strings.Contains(string(r.body), "hunter2") {
		t.Errorf("the refusal repeats the secret: %s", r.body)
	}
	for path, want := range map[string]struct {
		status      int
		cache, body string
	}{
		"/":                   {200, "no-cache", "<title>"},
		"/audit?q=x":          {200, "no-cache", "<title>"},
		"/assets/app-1a2b.js": {200, "public, max-age=31536000, immutable", "export"},
		"/assets/gone.js":     {404, "", ""},
		"/favicon.svg":        {200, "no-cache", "<svg"},
	} {
		res, err := p.server.Client().Get(p.server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != want.status || want.status == 200 && res.Header.Get("Cache-Control") != want.cache || !strings.Contains(string(body), want.body) {
			t.Errorf("%s: %d %q %q", path, res.StatusCode, res.Header.Get("Cache-Control"), body)
		}
		if !strings.Contains(res.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, res.Header)
		}
	}
}

func TestPaging(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	for _, name := range []string{"a", "b", "c"} {
		p.must(root, "POST", "/users", object{"name": name}, 201)
	}
	var names []string
	cursor := ""
	for {
		var l struct {
			Items []struct{ Name string }
			Next  string
		}
		p.must(root, "GET", "/users?limit=2&cursor="+cursor, nil, 200).decode(t, &l)
		for _, i := range l.Items {
			names = append(names, i.Name)
		}
		if cursor = l.Next; cursor == "" {
			break
		}
	}
	if got := strings.Join(names, " "); got != "a admin b c" {
		t.Errorf("names %q", got)
	}
	p.must(root, "GET", "/users?limit=1001", nil, 422)
}
