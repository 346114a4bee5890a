package admin_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
)

const goodPassword = "correct horse battery staple"

// breakGlass makes alice, who may sign in by password.
func breakGlass(t *testing.T) (p *plane, root who) {
	t.Helper()
	p = newPlane(t)
	root = p.start()
	p.addOrders(root)
	p.must(root, "PUT", "/users/alice@acme.com/password", object{"password": goodPassword}, 204)
	return p, root
}

// knock tries to sign in by password.
func (p *plane) knock(w who, user, password string) reply {
	p.t.Helper()
	return p.call(w, "POST", "/sign-in/password", object{"user": user, "password": password})
}

func TestSignInByPassword(t *testing.T) {
	p, root := breakGlass(t)
	r := p.knock(who{}, "alice@acme.com", goodPassword)
	if r.StatusCode != 200 || len(r.Cookies()) != 2 {
		t.Fatalf("%d, cookies %v: %s", r.StatusCode, r.Cookies(), r.body)
	}
	if r.Header.Get("Httponly") != "" {
		t.Error("a cookie's field is a header")
	}
	for _, c := range r.Cookies() {
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
			t.Errorf("cookie %v", c)
		}
	}
	var me struct {
		User string
		MFA  time.Time
	}
	w := asBrowser(r.Cookies()[0])
	p.must(w, "GET", "/me", nil, 200).decode(t, &me)
	if me.User != "alice@acme.com" || !me.MFA.IsZero() {
		t.Errorf("signed in as %+v", me)
	}
	if !strings.Contains(p.log.String(), "level=WARN") || strings.Contains(p.log.String(), goodPassword) {
		t.Errorf("log: %s", p.log)
	}
	events, _ := p.record.since(0)
	if last := events[len(events)-1]; last.Action != "sign_in.password" || last.Verdict != audit.Allow || last.Target != "alice@acme.com" {
		t.Errorf("recorded %+v", last)
	}
	for _, e := range events {
		if strings.Contains(e.Before+e.After+e.Reason, "argon2") || strings.Contains(e.Before+e.After+e.Reason, goodPassword) {
			t.Errorf("the record holds a secret: %+v", e)
		}
	}

	// A new password ends what the old one opened; none at all, too.
	p.must(root, "PUT", "/users/alice@acme.com/password", object{"password": "another horse battery"}, 204)
	p.must(w, "GET", "/me", nil, 401)
	if r := p.knock(who{}, "alice@acme.com", goodPassword); r.StatusCode != 401 {
		t.Errorf("the old password: %d", r.StatusCode)
	}
	w = asBrowser(p.knock(who{}, "alice@acme.com", "another horse battery").Cookies()[0])
	var list struct{ Items []struct{ User string } }
	p.must(root, "GET", "/passwords", nil, 200).decode(t, &list)
	if len(list.Items) != 1 || list.Items[0].User != "alice@acme.com" {
		t.Errorf("passwords %+v", list)
	}
	p.must(root, "DELETE", "/users/alice@acme.com/password", nil, 204)
	p.must(root, "DELETE", "/users/alice@acme.com/password", nil, 404)
	p.must(w, "GET", "/me", nil, 401)
	if r := p.knock(who{}, "alice@acme.com", "another horse battery"); r.StatusCode != 401 {
		t.Errorf("a removed password: %d", r.StatusCode)
	}
}

func TestPasswordOfSuspendedUser(t *testing.T) {
	p, root := breakGlass(t)
	w := asBrowser(p.knock(who{}, "alice@acme.com", goodPassword).Cookies()[0])
	p.must(root, "POST", "/users/alice@acme.com/suspend", nil, 200)
	p.must(w, "GET", "/me", nil, 401)
	if r := p.knock(who{}, "alice@acme.com", goodPassword); r.StatusCode != 403 || len(r.Cookies()) != 0 {
		t.Errorf("%d, cookies %v", r.StatusCode, r.Cookies())
	}
}

func TestPasswordsThatAreRefused(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	p.must(root, "POST", "/users", object{"name": "etl", "kind": "service_account"}, 201)
	for password, why := range map[string]string{
		"elevenchars":           "at least 12 characters",
		"äöüäöüäöüäö":           "at least 12 characters", // 11 characters, 22 bytes
		"abababababababab":      "repeats",
		"my-name-is-Alice-ok":   "user's name",
		"Sallyport-is-great":    "guessed first",
		"aLICE@acme.com-123456": "user's name",
	} {
		if got := p.must(root, "PUT", "/users/alice@acme.com/password", object{"password": password}, 422).detail(t); !strings.Contains(got, why) {
			t.Errorf("%q: %q", password, got)
		}
	}
	p.must(root, "PUT", "/users/etl/password", object{"password": goodPassword}, 409)
	p.must(root, "PUT", "/users/nobody/password", object{"password": goodPassword}, 404)
	for _, e := range func() []audit.Event { events, _ := p.record.since(0); return events }() {
		if strings.HasPrefix(e.Action, "passwords.") {
			t.Errorf("recorded %+v", e)
		}
	}
}

// Guessing gets slower and slower; the owner, in a browser that they have used before, is not kept out by it.
func TestGuessingLocksOutTheGuesser(t *testing.T) {
	p, _ := breakGlass(t)
	owner := who{}
	for _, c := range p.knock(who{}, "alice@acme.com", goodPassword).Cookies() {
		if c.Name == "sallyport-browser" {
			owner.cookie = c
		}
	}
	judged, turned := 0, 0
	for range 60 {
		switch r := p.knock(who{}, "alice@acme.com", "wrong horse battery"); r.StatusCode {
		case 401:
			judged++
		case 429:
			turned++
			p.pass(time.Second)
		default:
			t.Fatalf("%d: %s", r.StatusCode, r.body)
		}
	}
	if judged < 5 || judged > 12 {
		t.Errorf("%d of 60 guesses in a minute were judged", judged)
	}
	if r := p.knock(who{}, "alice@acme.com", goodPassword); r.StatusCode != 429 {
		t.Errorf("a stranger with the password in the midst of it: %d", r.StatusCode)
	}
	if r := p.knock(owner, "alice@acme.com", goodPassword); r.StatusCode != 200 {
		t.Errorf("the owner is locked out: %d %s", r.StatusCode, r.body)
	}
	reasons := p.denials("sign_in.password")
	if len(reasons) != judged || !slices.ContainsFunc(reasons, func(r string) bool { return strings.Contains(r, "were not judged") }) {
		t.Errorf("%d judged, %d turned away, recorded %q", judged, turned, reasons)
	}

	// The owner's browser is slowed down as well when it guesses, and by nobody else.
	for range 10 {
		p.knock(owner, "alice@acme.com", "wrong horse battery")
	}
	if r := p.knock(owner, "alice@acme.com", goodPassword); r.StatusCode != 429 {
		t.Errorf("a known browser that guesses: %d", r.StatusCode)
	}
	p.pass(10 * time.Minute)
	if r := p.knock(who{}, "alice@acme.com", goodPassword); r.StatusCode != 200 {
		t.Errorf("when the attack is over: %d %s", r.StatusCode, r.body)
	}
}

// A browser is known for the user who signed in from it, not for others.
func TestKnownBrowserIsKnownForItsUser(t *testing.T) {
	p, root := breakGlass(t)
	p.must(root, "PUT", "/users/admin/password", object{"password": goodPassword}, 204)
	var alices who
	for _, c := range p.knock(who{}, "alice@acme.com", goodPassword).Cookies() {
		if c.Name == "sallyport-browser" {
			alices.cookie = c
		}
	}
	for range 8 {
		p.knock(who{}, "admin", "wrong horse battery")
	}
	if r := p.knock(alices, "admin", goodPassword); r.StatusCode != 429 {
		t.Errorf("alice's browser goes around admin's wait: %d", r.StatusCode)
	}
}

// What was typed as a name may be a password, and is recorded only when it is a user's name.
func TestUnknownNamesAreNotRecorded(t *testing.T) {
	p, _ := breakGlass(t)
	p.knock(who{}, goodPassword, "x")
	events, _ := p.record.since(0)
	last := events[len(events)-1]
	if last.Action != "sign_in.password" || last.Verdict != audit.Deny || last.Target != "" || strings.Contains(last.Reason, goodPassword) {
		t.Errorf("recorded %+v", last)
	}
	wrong, unknown := p.knock(who{}, "alice@acme.com", "x").detail(t), p.knock(who{}, "nobody", "x").detail(t)
	none := p.knock(who{}, "admin", "x").detail(t)
	if wrong != unknown || wrong != none {
		t.Errorf("answers differ: %q, %q, %q", wrong, unknown, none)
	}
}

// A user without a password, and one who does not exist, cost as much time as a wrong password. The fastest tries are
// compared, taken by turns until they agree: a busy machine makes single tries slower, and never faster.
func TestUnknownUsersTakeAsLong(t *testing.T) {
	p, _ := breakGlass(t)
	fastest := map[string]time.Duration{"alice@acme.com": time.Hour, "admin": time.Hour, "nobody": time.Hour}
	agree := func() bool {
		least, most := time.Hour, time.Duration(0)
		for _, d := range fastest {
			least, most = min(least, d), max(most, d)
		}
		return least > most*7/10
	}
	for round := 0; round < 3 || !agree(); round++ {
		if round == 40 {
			t.Fatalf("wrong password, none, no such user: %v", fastest)
		}
		p.pass(25 * time.Hour) // no wait
		for user := range fastest {
			begin := time.Now()
			if r := p.knock(who{}, user, "wrong horse battery"); r.StatusCode != 401 {
				t.Fatalf("%s: %d %s", user, r.StatusCode, r.body)
			}
			fastest[user] = min(fastest[user], time.Since(begin))
		}
	}
}
