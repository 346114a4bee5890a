package admin_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Every route, called by everybody: the levels in the table of routes are what is enforced.
func TestWhoMayCallWhat(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.must(root, "POST", "/roles", object{"name": "auditors", "auditor": true, "accounts": []string{}}, 201)
	p.must(root, "POST", "/roles", object{"name": "operators", "admin": true, "accounts": []string{}}, 201)
	for name, roles := range map[string][]string{"user": {}, "auditor": {"auditors"}, "operator": {"operators"}, "gone": {"operators"}} {
		p.must(root, "POST", "/users", object{"name": name, "roles": roles}, 201)
	}
	callers := map[string]who{"nobody": {}, "forged": {token: "sally_aaaa_bbbb"}}
	for _, name := range []string{"user", "auditor", "operator", "gone"} {
		callers[name] = who{token: p.issue(root, name)}
	}
	p.must(root, "POST", "/users/gone/suspend", nil, 200)

	admitted := map[string][]string{ // by level
		"anyone": {"nobody", "forged", "user", "auditor", "operator", "gone"},
		"user":   {"user", "auditor", "operator"},
		"reader": {"auditor", "operator"},
		"admin":  {"operator"},
	}
	for _, r := range routes {
		for name, caller := range callers {
			path := strings.NewReplacer("{name}", "nothing", "{id}", "nothing", "{statement}", "0199b1de-0000-7000-8000-00000000000a").Replace(r.path)
			ctx, cancel := context.WithCancel(t.Context())
			req, err := http.NewRequestWithContext(ctx, r.method, p.server.URL+"/api/v1"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if caller.token != "" {
				req.Header.Set("Authorization", "Bearer "+caller.token)
			}
			res, err := p.server.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			refused := res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden ||
				res.StatusCode == http.StatusTooManyRequests && name == "forged"
			cancel()
			res.Body.Close()
			want := true
			for _, n := range admitted[r.level] {
				if n == name {
					want = false
				}
			}
			if refused != want {
				t.Errorf("%s %s by %s: %d", r.method, r.path, name, res.StatusCode)
			}
		}
	}
}

// Browsers send the cookie along with whatever another site makes them send; that must change nothing.
func TestOtherSitesCannotUseTheCookie(t *testing.T) {
	p := newPlane(t)
	link, _, err := p.service.FirstStart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cookie := p.signIn(link)
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Secure {
		t.Errorf("cookie %v", cookie)
	}
	origin := strings.TrimSuffix(p.server.URL, "/")
	tests := []struct {
		name   string
		header http.Header
		status int
	}{
		{"nothing said", nil, 403},
		{"own header", http.Header{"X-Sallyport": {"1"}}, 201},
		{"own origin", http.Header{"Origin": {origin}}, 201},
		{"browser says same origin", http.Header{"Sec-Fetch-Site": {"same-origin"}}, 201},
		{"other origin", http.Header{"Origin": {"https://evil.example"}}, 403},
		{"other origin with the header", http.Header{"Origin": {"https://evil.example"}, "X-Sallyport": {"1"}}, 403},
		{"no origin, sandboxed", http.Header{"Origin": {"null"}}, 403},
		{"cross site", http.Header{"Sec-Fetch-Site": {"cross-site"}, "X-Sallyport": {"1"}}, 403},
		{"same site, other origin", http.Header{"Sec-Fetch-Site": {"same-site"}, "X-Sallyport": {"1"}}, 403},
		{"wrong header value", http.Header{"X-Sallyport": {"0"}}, 403},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := "user-" + string(rune('a'+i))
			r := p.call(who{cookie: cookie, header: tt.header}, "POST", "/users", object{"name": name})
			if r.StatusCode != tt.status {
				t.Fatalf("%d, want %d: %s", r.StatusCode, tt.status, r.body)
			}
			read := p.call(who{cookie: cookie}, "GET", "/users/"+name, nil)
			if (read.StatusCode == 200) != (tt.status == 201) {
				t.Errorf("the user: %d", read.StatusCode)
			}
		})
	}
	r := p.call(who{header: http.Header{"Origin": {"https://evil.example"}}}, "POST", "/sign-in", object{"token": "x"})
	if r.StatusCode != 403 {
		t.Errorf("another site signs people in: %d", r.StatusCode)
	}
}

func TestSecureCookieOverTLS(t *testing.T) {
	p := newPlane(t)
	link, _, err := p.service.FirstStart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(link, "#")
	forwarded := http.Header{"X-Forwarded-Proto": {"https"}}
	r := p.must(who{header: forwarded}, "POST", "/sign-in", object{"token": token}, 200)
	c := r.Cookies()[0]
	if c.Name != "__Host-sallyport" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie %v", c)
	}
	p.must(who{cookie: c, header: forwarded}, "GET", "/me", nil, 200)
	p.must(who{cookie: c}, "GET", "/me", nil, 401)
}

func TestSignInLink(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.must(root, "POST", "/users", object{"name": "alice"}, 201)
	p.must(root, "POST", "/users", object{"name": "etl", "kind": "service_account"}, 201)
	newLink := func(user string) string {
		t.Helper()
		var l struct {
			User, Path string
			Expires    time.Time
		}
		p.must(root, "POST", "/sign-in/links", object{"user": user}, 201).decode(t, &l)
		if l.User != user || !l.Expires.After(p.now().Add(23*time.Hour)) {
			t.Errorf("link %+v", l)
		}
		return l.Path
	}

	t.Run("works once", func(t *testing.T) {
		link := newLink("alice")
		cookie := p.signIn(link)
		var me struct {
			User           string
			Admin, Auditor bool
		}
		p.must(who{cookie: cookie}, "GET", "/me", nil, 200).decode(t, &me)
		if me.User != "alice" || me.Admin || me.Auditor {
			t.Errorf("me %+v", me)
		}
		_, token, _ := strings.Cut(link, "#")
		r := p.call(who{}, "POST", "/sign-in", object{"token": token})
		if r.StatusCode != 401 || !strings.Contains(r.detail(t), "used or expired") || len(r.Cookies()) > 0 {
			t.Errorf("second use: %d %s", r.StatusCode, r.body)
		}
	})
	t.Run("of two at once one gets in", func(t *testing.T) {
		_, token, _ := strings.Cut(newLink("alice"), "#")
		codes := make(chan int, 8)
		for range cap(codes) {
			go func() { codes <- p.call(who{}, "POST", "/sign-in", object{"token": token}).StatusCode }()
		}
		in := 0
		for range cap(codes) {
			if <-codes == 200 {
				in++
			}
		}
		if in != 1 {
			t.Errorf("%d got in", in)
		}
		p.pass(time.Minute) // the failures above must not limit what follows
	})
	t.Run("expires", func(t *testing.T) {
		_, token, _ := strings.Cut(newLink("alice"), "#")
		p.pass(24*time.Hour + time.Second)
		if r := p.call(who{}, "POST", "/sign-in", object{"token": token}); r.StatusCode != 401 {
			t.Errorf("expired: %d %s", r.StatusCode, r.body)
		}
	})
	t.Run("session ends", func(t *testing.T) {
		link, _, err := p.service.SignInLink(t.Context(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		cookie := p.signIn(link)
		w := who{cookie: cookie, header: http.Header{"X-Sallyport": {"1"}}}
		p.must(w, "GET", "/me", nil, 200)
		p.must(w, "POST", "/sign-out", nil, 204)
		p.must(w, "GET", "/me", nil, 401)

		link, _, err = p.service.SignInLink(t.Context(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		w.cookie = p.signIn(link)
		p.pass(12*time.Hour + time.Second)
		p.must(w, "GET", "/me", nil, 401)
	})
	t.Run("guesses are limited", func(t *testing.T) {
		p.pass(time.Hour)
		last := 0
		for range 40 {
			last = p.call(who{}, "POST", "/sign-in", object{"token": "guess"}).StatusCode
		}
		if last != 429 {
			t.Errorf("after 40 guesses: %d", last)
		}
	})
	if _, _, err := p.service.SignInLink(t.Context(), "etl"); err == nil {
		t.Error("a service account got a sign-in link")
	}
	if _, _, err := p.service.SignInLink(t.Context(), "nobody"); err == nil {
		t.Error("nobody got a sign-in link")
	}
}
