package admin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is told of access is what the engine decides, and nothing is told of what one may not know.
func TestAccessIsTold(t *testing.T) {
	d := newDesk(t)
	d.must(d.root, "PUT", "/roles/oncall", object{"name": "oncall", "resources": []string{"orders-db", "other-db"}, "accounts": []string{"app"}, "mfa": "1h"}, 201)
	d.must(d.root, "PUT", "/users/eve", object{"name": "eve", "roles": []string{"oncall"}}, 200)
	d.must(d.root, "POST", "/grants", object{"user": "eve", "role": "readers", "resource": "orders-db", "until": d.now().Add(time.Hour)}, 201)

	type open struct{ Resource, Account, Role, Cause string }
	access := func(user string) (list []open) {
		var l struct{ Items []open }
		d.must(d.by["aude"], "GET", "/users/"+user+"/access", nil, 200).decode(t, &l)
		return l.Items
	}
	want := []open{{"orders-db", "app", "", "needs_mfa"}, {"orders-db", "ro", "readers", ""}, {"other-db", "app", "", "needs_mfa"}}
	if diff := cmp.Diff(want, access("eve")); diff != "" {
		t.Errorf("eve may open: %s", diff)
	}
	want = []open{{"orders-db", "app", "", "needs_request"}, {"orders-db", "ro", "", "needs_request"}}
	if diff := cmp.Diff(want, access("bob")); diff != "" {
		t.Errorf("bob may open: %s", diff)
	}
	d.must(d.root, "POST", "/users/eve/suspend", nil, 200)
	if got := access("eve"); len(got) != 0 {
		t.Errorf("suspended, eve may open %v", got)
	}

	var held struct {
		Items []struct {
			User      string
			Suspended bool
			ByName    bool `json:"by_name"`
			Groups    []string
		}
	}
	d.must(d.by["aude"], "GET", "/roles/oncall/holders", nil, 200).decode(t, &held)
	if len(held.Items) != 1 || held.Items[0].User != "eve" || !held.Items[0].ByName || !held.Items[0].Suspended {
		t.Errorf("holders of oncall: %+v", held.Items)
	}
	d.must(d.by["aude"], "GET", "/roles/writers/holders", nil, 200).decode(t, &held)
	if len(held.Items) != 2 || held.Items[0].User != "bob" || !cmp.Equal(held.Items[0].Groups, []string{"eng"}) {
		t.Errorf("holders of writers: %+v", held.Items)
	}
	for _, path := range []string{"/users/eve/access", "/roles/oncall/holders"} {
		d.must(d.by["bob"], "GET", path, nil, 403)
	}
	d.must(d.root, "GET", "/users/nobody/access", nil, 404)
	d.must(d.root, "GET", "/roles/none/holders", nil, 404)
}

// Those who ask learn what they may ask for and no more; those who decide learn what the role gives, and not who holds it.
func TestOffersAndWhatIsGiven(t *testing.T) {
	d := newDesk(t)
	var offers struct {
		Items []struct {
			Role, Longest string
			Approvals     int
			Resources     []struct {
				Name     string
				Accounts []string
			}
		}
	}
	d.must(d.by["bob"], "GET", "/requests/offers", nil, 200).decode(t, &offers)
	if len(offers.Items) != 2 || offers.Items[1].Role != "writers" || offers.Items[1].Approvals != 2 || offers.Items[1].Longest != "4h" {
		t.Fatalf("offers %+v", offers.Items)
	}
	if r := offers.Items[1].Resources; len(r) != 1 || r[0].Name != "orders-db" || !cmp.Equal(r[0].Accounts, []string{"app"}) {
		t.Errorf("writers would give %+v", r)
	}
	d.must(d.by["eve"], "GET", "/requests/offers", nil, 200).decode(t, &offers)
	if len(offers.Items) != 0 {
		t.Errorf("eve is offered %+v", offers.Items)
	}

	r := d.ask("bob", object{"resource": "orders-db", "role": "writers"}, 201)
	gives := func(user string) string { return string(d.must(d.by[user], "GET", "/requests/"+r.ID, nil, 200).body) }
	if body := gives("alice"); !strings.Contains(body, `"gives"`) || strings.Contains(body, `"groups"`) {
		t.Errorf("alice decides on %s", body)
	}
	if body := gives("bob"); strings.Contains(body, `"gives"`) {
		t.Errorf("bob reads %s", body)
	}
}

func TestPolicyErrorsNameTheirLine(t *testing.T) {
	d := newDesk(t)
	var p struct {
		Line   int
		Errors []struct{ Location string }
	}
	text := "// one\n// two\nforbid (principal, action, resource) when { nonsense };"
	d.must(d.root, "POST", "/policies", object{"name": "wrong", "text": text}, 422).decode(t, &p)
	if p.Line != 3 || len(p.Errors) != 1 || p.Errors[0].Location != "body.text" {
		t.Errorf("%+v", p)
	}
}
