package admin_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/link"
)

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// raw makes a request at any path of the port for browsers and programs.
func (p *plane) raw(method, path string, header http.Header, body string) reply {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.server.URL+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	client := *p.server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		p.t.Fatal(err)
	}
	return reply{Response: res, body: b}
}

func writes(method string) bool { return method != "GET" }

func pathOf(path string) string {
	return strings.NewReplacer("{name}", "nothing", "{id}", "nothing").Replace(path)
}

// Every route that changes something, called by another site in a browser whose user is an admin.
func TestNoRouteTakesAnotherSitesRequest(t *testing.T) {
	p := newPlane(t)
	link, _, err := p.service.FirstStart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cookie := p.signIn(link)
	before := p.record.Durable()
	for _, r := range routes {
		if !writes(r.method) {
			continue
		}
		for _, header := range []http.Header{
			{"Origin": {"https://evil.example"}}, {"Origin": {"null"}}, {"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}},
			{"Origin": {"https://evil.example"}, "X-Sallyport": {"1"}, "Content-Type": {"text/plain"}},
		} {
			if got := p.call(who{cookie: cookie, header: header}, r.method, pathOf(r.path), object{}); got.StatusCode != 403 {
				t.Errorf("%s %s with %v: %d", r.method, r.path, header, got.StatusCode)
			}
		}
		if r.level == "anyone" {
			continue
		}
		if got := p.call(who{cookie: cookie}, r.method, pathOf(r.path), object{}); got.StatusCode != 403 {
			t.Errorf("%s %s without a word of where it is from: %d", r.method, r.path, got.StatusCode)
		}
	}
	if after := p.record.Durable(); after != before {
		t.Errorf("%d acts were recorded", after-before)
	}
	p.must(asBrowser(cookie), "GET", "/me", nil, 200)
}

// SCIM and /metrics are no part of the API's description; they have their own doors.
func TestWhoMayCallWhatElse(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.must(root, "POST", "/roles", object{"name": "auditors", "auditor": true, "accounts": []string{}}, 201)
	p.must(root, "POST", "/users", object{"name": "user"}, 201)
	p.must(root, "POST", "/users", object{"name": "auditor", "roles": []string{"auditors"}}, 201)
	d := newDirectory(p, root)
	p.must(root, "PUT", "/users/admin", object{"name": "admin", "roles": []string{"admins", "provisioners"}}, 200)
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	cookie := p.browser("admin").cookie
	_, narrowed := p.issueScoped(root, "okta", object{"from": []string{"127.0.0.0/8"}})
	callers := map[string]http.Header{
		"nobody": nil, "forged": bearer("sally_aaaa_bbbb"), "user": bearer(p.issue(root, "user")), "auditor": bearer(p.issue(root, "auditor")),
		"directory": bearer(d.token), "narrowed directory": bearer(narrowed),
		"an admin's browser": {"Cookie": {cookie.Name + "=" + cookie.Value}, "X-Sallyport": {"1"}, "Origin": {p.server.URL}},
	}
	for path, admitted := range map[string][]string{
		"/metrics":                       {"auditor", "an admin's browser"},
		"/scim/v2/Users":                 {"directory"},
		"/scim/v2/Groups":                {"directory"},
		"/scim/v2/ServiceProviderConfig": {"directory"},
		"/scim/v2/Users/nothing":         {"directory"},
		"/scim/v2/nothing":               {"directory"},
	} {
		for name, header := range callers {
			for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
				if path == "/metrics" && method != "GET" {
					continue
				}
				got := p.raw(method, path, header, "{}").StatusCode
				if refused := got == 401 || got == 403 || got == 429; refused == slices.Contains(admitted, name) {
					t.Errorf("%s %s by %s: %d", method, path, name, got)
				}
			}
		}
		p.pass(5 * time.Minute) // the forged ones must not limit the others
	}
}

// A token for one resource was stolen: it opens that, and is no way to sign its user out, to ask or to approve.
func TestNarrowTokensChangeNothing(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	other := p.issue(root, "admin")
	id, _, _ := strings.Cut(strings.TrimPrefix(other, "sally_"), "_")
	_, value := p.issueScoped(root, "admin", object{"resources": []string{"orders-db"}})
	before := p.record.Durable()
	for _, r := range routes {
		certifies := r.path == "/certificates" || r.path == "/certificates/ssh" // which are as narrow as the token
		if !writes(r.method) || r.level == "anyone" || certifies {
			continue
		}
		path := strings.NewReplacer("{name}", "nothing", "{id}", id).Replace(r.path)
		if got := p.call(who{token: value}, r.method, path, object{}); got.StatusCode != 403 {
			t.Errorf("%s %s: %d %s", r.method, r.path, got.StatusCode, got.body)
		}
	}
	if after := p.record.Durable(); after != before {
		t.Errorf("%d acts were recorded", after-before)
	}
	p.must(who{token: other}, "GET", "/users", nil, 200)
}

// What a role asks of those who open resources it asks of those who use its rights here.
func TestAdminRoleAsksForAPasskeyAndAPlace(t *testing.T) {
	p := onLocalhost(t)
	root := p.start()
	for name, more := range map[string]object{"stepped": {"mfa": "15m"}, "placed": {"from": []string{"192.0.2.0/24"}}} {
		role := object{"name": name, "admin": true, "accounts": []string{}}
		for k, v := range more {
			role[k] = v
		}
		p.must(root, "POST", "/roles", role, 201)
		p.must(root, "POST", "/users", object{"name": name, "roles": []string{name}}, 201)
	}
	for _, w := range []who{{token: p.issue(root, "stepped")}, p.browser("stepped")} {
		if got := p.must(w, "GET", "/users", nil, 403).detail(t); !strings.Contains(got, "asks for a passkey used within the last 15m") {
			t.Errorf("without a passkey: %q", got)
		}
		p.must(w, "POST", "/users", object{"name": "mallory"}, 403)
	}
	w := p.browser("stepped")
	key := p.addPasskey(w)
	p.must(w, "POST", "/me/step-up", object{"credential": key.get(t, p.party(), p.challenge(w, "/me/step-up/challenge"))}, 200)
	p.must(w, "POST", "/users", object{"name": "bob"}, 201)
	p.pass(15*time.Minute + time.Second)
	p.must(w, "POST", "/users", object{"name": "carol"}, 403)

	placed := p.issue(root, "placed")
	if got := p.must(who{token: placed}, "GET", "/users", nil, 403).detail(t); !strings.Contains(got, "192.0.2.0/24 only") {
		t.Errorf("from elsewhere: %q", got)
	}
	if got := p.from("192.0.2.7:1", "GET", "/users", placed); got != 200 {
		t.Errorf("from there: %d", got)
	}
}

// from makes a request that comes from the address, whatever its headers say.
func (p *plane) from(addr, method, path, token string) int {
	p.t.Helper()
	r := httptest.NewRequestWithContext(p.t.Context(), method, "/api/v1"+path, strings.NewReader("{}"))
	r.RemoteAddr = addr
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	for _, h := range []string{"X-Forwarded-For", "X-Real-Ip", "True-Client-Ip", "Forwarded"} {
		r.Header.Set(h, fmt.Sprintf("198.51.100.%d", p.record.Durable()%250))
	}
	w := httptest.NewRecorder()
	p.service.Handler().ServeHTTP(w, r)
	return w.Code
}

// Guessing is limited by the network that it comes from, whatever a header says, and whichever of its addresses somebody uses
// who has an IPv6 network of their own.
func TestGuessesAreCountedByNetwork(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	for name, addr := range map[string]func(int) string{
		"headers":        func(int) string { return "203.0.113.7:1" },
		"IPv6 addresses": func(n int) string { return fmt.Sprintf("[2001:db8:1:2:%x::%x]:1", n, n) },
		"mapped IPv4":    func(n int) string { return []string{"203.0.113.9:1", "[::ffff:203.0.113.9]:1"}[n%2] },
	} {
		last := 0
		for n := range 40 {
			last = p.from(addr(n), "GET", "/me", fmt.Sprintf("sally_%d_guess", n))
		}
		if last != 429 {
			t.Errorf("%s: %d after 40 guesses", name, last)
		}
		if got := p.from(addr(0), "GET", "/me", root.token); got != 200 {
			t.Errorf("%s: the right token from the same place: %d", name, got)
		}
	}
	if got := p.from("[2001:db8:1:3::1]:1", "GET", "/me", "sally_x_guess"); got != 401 {
		t.Errorf("a neighbour pays: %d", got)
	}
}

// Every answer tells browsers to run nothing that is not ours, to be framed nowhere, and to keep nothing.
func TestHeadersOfEveryAnswer(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	d := newDirectory(p, root)
	for _, path := range []string{"/", "/sign-in", "/users/x", "/nothing.js", "/assets/nothing", "/api/v1/me", "/api/v1/nothing", "/api/v1/openapi.json", "/scim/v2/Users", "/metrics"} {
		for _, token := range []string{"", root.token, d.token} {
			header := http.Header{"X-Forwarded-Proto": {"https"}}
			if token != "" {
				header.Set("Authorization", "Bearer "+token)
			}
			r := p.raw("GET", path, header, "")
			csp := r.Header.Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
				if !strings.Contains(csp, want) {
					t.Errorf("%s: policy %q lacks %s", path, csp, want)
				}
			}
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
				"Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": "max-age=31536000", "Access-Control-Allow-Origin": ""} {
				if got := r.Header.Get(name); got != want {
					t.Errorf("%s: %s %q, want %q", path, name, got, want)
				}
			}
			if cache := r.Header.Get("Cache-Control"); strings.HasPrefix(path, "/api/") && cache != "no-store" {
				t.Errorf("%s may be kept: %q", path, cache)
			}
		}
	}
	if r := p.raw("GET", "/", nil, ""); r.Header.Get("Strict-Transport-Security") != "" {
		t.Error("plain HTTP promises TLS")
	}
}

// Paths and names that want to be somewhere else are names like any other, or nothing.
func TestPathsLeadNowhereElse(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	for _, path := range []string{"/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd", "/assets/..%2f..%2f..%2fetc%2fpasswd",
		"/assets/../../../etc/passwd", "/%5c..%5c..%5cetc%5cpasswd", "/assets/%00", "//evil.example/x", "/\t/evil.example"} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", p.server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Opaque = "//" + req.URL.Host + strings.ReplaceAll(path, "\t", "%09")
		client := *p.server.Client()
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if strings.Contains(string(b), "root:") || strings.HasPrefix(res.Header.Get("Location"), "//") || strings.Contains(res.Header.Get("Location"), "evil.example") && !strings.HasPrefix(res.Header.Get("Location"), "/") {
			t.Errorf("%s: %d to %q: %.80s", path, res.StatusCode, res.Header.Get("Location"), b)
		}
	}
	for _, name := range []string{"..", "%2e%2e%2fusers", "a%2fb", "%0d%0aX-Evil:%20yes", strings.Repeat("x", 129)} {
		r := p.call(root, "GET", "/credentials/"+name, nil)
		if r.StatusCode < 300 || r.StatusCode >= 500 || r.Header.Get("X-Evil") != "" {
			t.Errorf("%s: %d %v", name, r.StatusCode, r.Header)
		}
	}
}

// Bodies that are large, deep or endless are refused before they cost anything.
func TestHostileBodies(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	d := newDirectory(p, root)
	deep := strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000)
	for _, w := range []struct {
		path, token string
	}{{"/api/v1/sign-in", ""}, {"/api/v1/users", root.token}, {"/scim/v2/Users", d.token}} {
		for name, body := range map[string]string{"deep": deep, "large": `{"name":"` + strings.Repeat("x", 9<<20) + `"}`, "deep list": strings.Repeat("[", 200_000)} {
			r := httptest.NewRequestWithContext(t.Context(), "POST", w.path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			if w.token != "" {
				r.Header.Set("Authorization", "Bearer "+w.token)
			}
			answer := httptest.NewRecorder()
			p.service.Handler().ServeHTTP(answer, r)
			if answer.Code < 400 || answer.Code >= 500 {
				t.Errorf("%s to %s: %d %s", name, w.path, answer.Code, answer.Body)
			}
		}
	}
	var all struct{ Items []access.User }
	if p.must(root, "GET", "/users", nil, 200).decode(t, &all); len(all.Items) != 2 {
		t.Errorf("users %v", all.Items)
	}
}

// No port waits for ever for somebody who says nothing, or says it slowly.
func TestSlowClientsAreLetGo(t *testing.T) {
	p := newPlane(t)
	for name, s := range map[string]*http.Server{"web": p.service.Server(), "local": p.service.LocalServer(), "gateways": p.service.GatewayServer()} {
		if s.ReadHeaderTimeout <= 0 || s.ReadHeaderTimeout > 10*time.Second || s.ReadTimeout <= 0 || s.ReadTimeout > time.Minute || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= 0 || s.MaxHeaderBytes > 64<<10 {
			t.Errorf("%s: header %s, read %s, idle %s, %d bytes", name, s.ReadHeaderTimeout, s.ReadTimeout, s.IdleTimeout, s.MaxHeaderBytes)
		}
	}
}

// A gateway that serves many people can say so: if its report were refused it would be taken for dead, and close.
func TestReportOfManySessions(t *testing.T) {
	l := newLinkedPlane(t)
	id := l.join("gw-1")
	report := link.Report{Sessions: &link.Sessions{}}
	for i := range 5000 {
		report.Sessions.Open = append(report.Sessions.Open, access.LiveSession{ID: fmt.Sprintf("s%d", i), User: "alice@acme.com", Resource: "orders-db",
			Account: "app", ClientAddr: "10.0.0.7:50000", Started: time.Now()})
	}
	if status, answer := l.ask(&id.Certificate, "POST", link.ReportPath, report); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, answer)
	}
	var open struct{ Items []access.LiveSession }
	if l.must(l.root, "GET", "/sessions", nil, 200).decode(t, &open); len(open.Items) != 5000 {
		t.Errorf("%d sessions", len(open.Items))
	}
}

// A stolen gateway claims a session of another's, so that the order to kill it goes astray.
func TestStolenGatewayShieldsNoSession(t *testing.T) {
	l := newLinkedPlane(t)
	stolen := l.join("a-stolen")
	served := &sessions{}
	l.run(l.join("gw-2"), served)
	session := access.LiveSession{ID: "s1", User: "alice@acme.com", Resource: "orders-db", Account: "app"}
	served.set([]access.LiveSession{session})
	claim := func() {
		l.t.Helper()
		if status, answer := l.ask(&stolen.Certificate, "POST", link.ReportPath, link.Report{Sessions: &link.Sessions{Open: []access.LiveSession{session}}}); status != http.StatusNoContent {
			t.Fatalf("%d %s", status, answer)
		}
	}
	claim()
	eventually(l.t, "both claim it", func() bool {
		var open struct{ Items []access.LiveSession }
		l.must(l.root, "GET", "/sessions", nil, 200).decode(t, &open)
		return len(open.Items) == 2
	})
	l.must(l.root, "DELETE", "/sessions/s1", nil, 204)
	// It says that it has carried the order out.
	if status, _ := l.ask(&stolen.Certificate, "POST", link.ReportPath, link.Report{Sessions: &link.Sessions{}}); status != http.StatusNoContent {
		t.Fatal(status)
	}
	eventually(l.t, "the session is killed where it is", func() bool { return len(served.Sessions()) == 0 })
}
