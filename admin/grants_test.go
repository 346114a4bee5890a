package admin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
)

func TestGrants(t *testing.T) {
	d := newDesk(t)
	until := d.now().Add(time.Hour)
	var g access.Grant
	d.must(d.root, "POST", "/grants", object{"user": "eve", "role": "writers", "resource": "orders-db", "until": until, "reason": "incident"}, 201).decode(t, &g)
	if g.ID == "" || g.From.IsZero() || len(g.By) != 1 || g.By[0] != "admin" {
		t.Errorf("grant %+v", g)
	}
	same := object{"user": "eve", "role": "writers", "resource": "orders-db", "until": until, "reason": "incident"}
	acts := len(d.acts("grants."))
	d.must(d.root, "PUT", "/grants/"+g.ID, same, 200)
	if n := len(d.acts("grants.")); n != acts {
		t.Errorf("the same again recorded %d acts", n-acts)
	}
	d.must(d.root, "PUT", "/grants/by-hand", same, 201)
	for _, tt := range []struct {
		change object
		words  string
	}{
		{object{"user": "nobody"}, "no user"}, {object{"role": "none"}, "no role"}, {object{"resource": "other-db"}, "does not cover"},
		{object{"account": "ro"}, "does not give the account"}, {object{"until": d.now().Add(-time.Hour)}, "before it begins"},
		{object{"until": d.now().Add(400 * 24 * time.Hour)}, "366 days"}, {object{"resource": "", "account": "app"}, "name the resource"},
		{object{"from": d.now().Add(-2 * time.Hour), "until": d.now().Add(-time.Hour)}, "is past"},
	} {
		body := object{}
		for _, o := range []object{same, tt.change} {
			for k, v := range o {
				body[k] = v
			}
		}
		if r := d.call(d.root, "POST", "/grants", body); r.StatusCode != 422 || !strings.Contains(r.detail(t), tt.words) {
			t.Errorf("%v: %d %s", tt.change, r.StatusCode, r.body)
		}
	}
	if r := d.call(d.root, "PUT", "/grants/"+g.ID, object{"user": "bob", "role": "writers", "until": until}); r.StatusCode != 422 {
		t.Errorf("given to another: %d", r.StatusCode)
	}
	active := func() int {
		var l struct{ Items []access.Grant }
		d.must(d.root, "GET", "/grants?active=true&user=eve", nil, 200).decode(t, &l)
		return len(l.Items)
	}
	if n := active(); n != 2 {
		t.Errorf("%d active", n)
	}
	d.pass(time.Hour)
	if n := active(); n != 0 {
		t.Errorf("%d active after their end", n)
	}
	d.must(d.root, "PUT", "/grants/"+g.ID, same, 200) // as it was: nothing to refuse
}
