package admin_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/audit"
)

// told is an admin event without what differs from run to run.
func told(e audit.Event) string {
	s := string(e.Type) + " " + string(e.Verdict) + " " + e.User + " " + e.Action + " " + e.Target
	if e.Before != "" {
		s += " before"
	}
	if e.After != "" {
		s += " after"
	}
	return s
}

func TestEveryActIsRecorded(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	begin := int(p.record.Durable())
	p.addOrders(root)
	p.must(root, "PUT", "/credentials/orders-app/secret", object{"password": "hunter2"}, 204)
	p.must(root, "PUT", "/users/alice@acme.com", object{"name": "alice@acme.com", "groups": []string{"eng"}}, 200) // the same again
	p.must(root, "PUT", "/users/alice@acme.com", object{"name": "alice@acme.com", "groups": []string{"eng", "sre"}}, 200)
	p.must(root, "PUT", "/users/bob", object{"name": "bob"}, 201)
	p.gateway.open = []access.LiveSession{{ID: "s1", User: "alice@acme.com", Resource: "orders-db", Account: "app"}}
	p.must(root, "DELETE", "/sessions/s1?reason=maintenance", nil, 204)
	p.must(root, "POST", "/users/bob/suspend", nil, 200)
	p.must(root, "POST", "/users/bob/reinstate", nil, 200)
	p.must(root, "DELETE", "/users/bob", nil, 204)
	p.must(root, "POST", "/users", object{"name": "alice@acme.com"}, 409) // refused: nothing happens
	events, _ := p.record.since(begin)
	var got []string
	for _, e := range events {
		if e.Action == "receipts.create" {
			e.Target = "ID"
		}
		got = append(got, told(e))
		if e.Gateway != "gw-1" || e.Entrance != "api" || e.ClientAddr == "" {
			t.Errorf("scope %+v", e.Scope)
		}
		if strings.Contains(e.Before+e.After, "hunter2") {
			t.Errorf("%s holds the secret", e.Action)
		}
	}
	want := []string{
		"admin allow admin credentials.create orders-app after",
		"admin allow admin resources.create orders-db after",
		"admin allow admin roles.create developers after",
		"admin allow admin users.create alice@acme.com after",
		"admin allow admin credentials.secret orders-app after",
		"admin allow admin users.update alice@acme.com before after",
		"admin allow admin users.create bob after",
		"admin allow admin sessions.kill s1 before after",
		"admin allow admin users.suspend bob before after",
		"admin allow admin receipts.create ID after",
		"admin allow admin users.reinstate bob before after",
		"admin allow admin users.delete bob before",
		"admin allow admin receipts.create ID after",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"s1: maintenance"}, p.gateway.said); diff != "" {
		t.Error(diff)
	}
	if got := p.secrets.values["orders-app"].Password; got != "hunter2" {
		t.Errorf("stored %q", got)
	}
	if strings.Contains(p.log.String(), "hunter2") {
		t.Error("the log holds the secret")
	}
}

// Without a record nothing is done.
func TestUnrecordedActsAreRefused(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	link, _, err := p.service.SignInLink(t.Context(), "admin")
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(link, "#")
	alice := p.issue(root, "alice@acme.com")
	p.gateway.open = []access.LiveSession{{ID: "s1", User: "alice@acme.com", Resource: "orders-db", Account: "app"}}

	p.record.breakDown(true)
	for _, r := range []struct {
		method, path string
		body         any
	}{
		{"POST", "/users", object{"name": "bob"}},
		{"PUT", "/users/alice@acme.com", object{"name": "alice@acme.com"}},
		{"DELETE", "/users/alice@acme.com", nil},
		{"POST", "/users/alice@acme.com/suspend", nil},
		{"POST", "/tokens", object{"user": "alice@acme.com"}},
		{"PUT", "/credentials/orders-app/secret", object{"password": "x"}},
		{"DELETE", "/sessions/s1", nil},
		{"POST", "/sign-in/links", object{"user": "admin"}},
		{"POST", "/sign-in", object{"token": secret}},
	} {
		res := p.call(root, r.method, r.path, r.body)
		if res.StatusCode != 503 || !strings.Contains(res.detail(t), "nothing was done") {
			t.Errorf("%s %s: %d %s", r.method, r.path, res.StatusCode, res.body)
		}
	}
	if _, _, err := p.service.SignInLink(t.Context(), "admin"); !errors.Is(err, audit.ErrUnavailable) {
		t.Errorf("link: %v", err)
	}
	p.record.breakDown(false)
	p.must(root, "GET", "/users/bob", nil, 404)
	if err := p.identify("alice@acme.com", alice); err != nil {
		t.Errorf("alice after a refused suspension: %v", err)
	}
	if len(p.gateway.open) != 1 || len(p.secrets.values) != 0 {
		t.Errorf("sessions %v, secrets %d", p.gateway.open, len(p.secrets.values))
	}
	p.must(who{}, "POST", "/sign-in", object{"token": secret}, 200) // the link was not used up
}

// spentMeanwhile is a record during whose writing somebody else spends the one-time secret.
type spentMeanwhile struct {
	*record
	spend func()
}

func (r *spentMeanwhile) AwaitDurable(ctx context.Context, seq uint64) error {
	if r.spend != nil {
		spend := r.spend
		r.spend = nil
		spend()
	}
	return r.record.AwaitDurable(ctx, seq)
}

// A sign-in that came too late is on the record once as begun, and once as come to nothing.
func TestASignInThatComesTooLateIsRecordedOnce(t *testing.T) {
	var kept *store.Store
	meanwhile := &spentMeanwhile{}
	p := newPlaneWith(t, func(c *admin.Config) {
		kept, meanwhile.record = c.Store, c.Journal.(*record)
		c.Journal = meanwhile
	})
	root := p.start()
	for _, request := range []func(token string) reply{
		func(token string) reply { return p.call(who{}, "POST", "/sign-in", object{"token": token}) },
		func(token string) reply {
			return p.call(who{}, "POST", "/sign-in/client/session", object{"link": token, "next": strings.Repeat("a", 64), "public_key": "x"})
		},
	} {
		var link struct{ Path string }
		p.must(root, "POST", "/sign-in/links", object{"user": "admin"}, 201).decode(t, &link)
		_, token, _ := strings.Cut(link.Path, "#")
		begin, _ := p.record.since(0)
		meanwhile.spend = func() {
			if _, err := kept.SpendOneTime(t.Context(), store.SignInLink, access.HashSecret(token), p.now()); err != nil {
				t.Error(err)
			}
		}
		if r := request(token); r.StatusCode != 401 {
			t.Errorf("%d %s", r.StatusCode, r.body)
		}
		events, _ := p.record.since(len(begin))
		if len(events) != 2 || events[0].Verdict != audit.Allow || events[1].Verdict != audit.Deny || events[1].Target != "admin" {
			t.Errorf("recorded: %+v", events)
		}
	}
}
