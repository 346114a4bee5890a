package admin_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/audit"
)

// request is an access request as the API answers it.
type request struct {
	access.Request
	MayDecide bool `json:"may_decide"`
	Active    bool
}

// desk is a control plane with people who ask and people who approve.
type desk struct {
	*plane
	root who
	by   map[string]who
	log  *lockedLog
}

// lockedLog is a log that may be read while it is written.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newDesk: bob and dora may ask for "writers", which two of "leads" approve; "readers" they get for a reason. alice,
// lea and lou are leads; dora is one, too.
func newDesk(t *testing.T) *desk {
	t.Helper()
	return newDeskWith(t, func(*admin.Config) {})
}

// newDeskWith lets the test change what the service is made of.
func newDeskWith(t *testing.T, change func(*admin.Config)) *desk {
	t.Helper()
	logged := &lockedLog{}
	p := newPlaneWith(t, func(c *admin.Config) {
		c.Log = slog.New(slog.NewTextHandler(logged, nil))
		change(c)
	})
	d := &desk{plane: p, root: p.start(), by: map[string]who{}, log: logged}
	d.root = d.token("admin")
	p.must(d.root, "POST", "/credentials", object{"name": "orders-app", "source": "sealed"}, 201)
	p.must(d.root, "POST", "/resources", object{"name": "orders-db", "protocol": "postgres", "address": "127.0.0.1:5432",
		"labels": object{"env": "prod"}, "accounts": object{"app": "orders-app", "ro": "orders-app"}}, 201)
	p.must(d.root, "POST", "/resources", object{"name": "other-db", "protocol": "postgres", "address": "127.0.0.1:5432",
		"accounts": object{"app": "orders-app"}}, 201)
	p.must(d.root, "POST", "/roles", object{"name": "leads", "accounts": []string{}}, 201)
	p.must(d.root, "POST", "/roles", object{"name": "auditors", "auditor": true, "accounts": []string{}}, 201)
	p.must(d.root, "POST", "/roles", object{"name": "writers", "labels": object{"env": "prod"}, "accounts": []string{"app"}, "groups": []string{"eng"},
		"request": object{"approvers": []string{"leads"}, "approvals": 2, "max": "4h"}}, 201)
	p.must(d.root, "POST", "/roles", object{"name": "readers", "resources": []string{"orders-db"}, "accounts": []string{"ro"}, "groups": []string{"eng"},
		"request": object{}}, 201)
	for name, u := range map[string]object{
		"bob": {"groups": []string{"eng"}}, "dora": {"groups": []string{"eng"}, "roles": []string{"leads"}}, "eve": {},
		"alice": {"roles": []string{"leads"}}, "lea": {"roles": []string{"leads"}}, "lou": {"roles": []string{"leads"}},
		"aude": {"roles": []string{"auditors"}},
	} {
		u["name"] = name
		p.must(d.root, "POST", "/users", u, 201)
		d.by[name] = d.token(name)
	}
	return d
}

// token is one that outlasts the requests.
func (d *desk) token(user string) who {
	d.t.Helper()
	var t struct{ Token string }
	d.must(d.root, "POST", "/tokens", object{"user": user, "expires": d.now().Add(240 * time.Hour)}, 201).decode(d.t, &t)
	return who{token: t.Token}
}

func (d *desk) ask(user string, body object, status int) request {
	d.t.Helper()
	if _, ok := body["reason"]; !ok {
		body["reason"] = "refund 1234 is stuck"
	}
	var r request
	d.must(d.by[user], "POST", "/requests", body, status).decode(d.t, &r)
	return r
}

// say lets somebody approve, deny or withdraw.
func (d *desk) say(user, verb, id string, status int) (request, reply) {
	d.t.Helper()
	re := d.must(d.by[user], "POST", "/requests/"+id+"/"+verb, object{}, status)
	var r request
	if status < 300 {
		re.decode(d.t, &r)
	}
	return r, re
}

func (d *desk) grants() map[string]access.Grant {
	d.t.Helper()
	var l struct{ Items []access.Grant }
	d.must(d.root, "GET", "/grants", nil, 200).decode(d.t, &l)
	byID := map[string]access.Grant{}
	for _, g := range l.Items {
		byID[g.ID] = g
	}
	return byID
}

// acts are the actions recorded about a target, oldest first.
func (d *desk) acts(action string) (found []audit.Event) {
	events, _ := d.record.since(0)
	for _, e := range events {
		if e.Type == audit.AdminAct && strings.HasPrefix(e.Action, action) {
			found = append(found, e)
		}
	}
	return found
}

func TestWhatCannotBeAskedFor(t *testing.T) {
	d := newDesk(t)
	tests := []struct {
		name   string
		user   string
		body   object
		status int
		words  string
	}{
		{"several roles", "bob", object{"resource": "orders-db"}, 403, "readers, writers; say which one with --role"},
		{"nothing named", "bob", object{}, 403, "say which resource or which role"},
		{"not covered", "bob", object{"resource": "other-db"}, 403, "no role that you may ask for gives other-db; you may ask for: readers, writers"},
		{"no such resource reads the same", "bob", object{"resource": "none"}, 403, "no role that you may ask for gives none; you may ask for"},
		{"nobody's role", "eve", object{"resource": "orders-db"}, 403, "ask an admin"},
		{"a role that one does not hold", "eve", object{"role": "writers"}, 403, "ask an admin"},
		{"a role that is held for good", "alice", object{"role": "leads"}, 403, "ask an admin"},
		{"an account that the role does not give", "bob", object{"resource": "orders-db", "role": "writers", "account": "ro"}, 403, "gives the role writers as ro"},
		{"too long", "bob", object{"resource": "orders-db", "role": "writers", "duration": "5h"}, 422, "for 4h at most"},
		{"no time", "bob", object{"resource": "orders-db", "role": "writers", "duration": "-1h"}, 422, "such as 2h"},
		{"not a time", "bob", object{"resource": "orders-db", "role": "writers", "duration": "soon"}, 422, ""},
		{"no reason", "bob", object{"resource": "orders-db", "role": "writers", "reason": "  "}, 422, "say why"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, ok := tt.body["reason"]; !ok {
				tt.body["reason"] = "because"
			}
			r := d.call(d.by[tt.user], "POST", "/requests", tt.body)
			if r.StatusCode != tt.status || !strings.Contains(r.detail(t), tt.words) {
				t.Errorf("%d %s", r.StatusCode, r.body)
			}
		})
	}
	if r := d.call(d.by["bob"], "POST", "/requests", object{"resource": "orders-db", "role": "writers", "reason": "a"}); r.StatusCode != 201 {
		t.Fatalf("%s", r.body)
	}
	r := d.call(d.by["bob"], "POST", "/requests", object{"resource": "orders-db", "role": "writers", "reason": "b"})
	if r.StatusCode != 409 || !strings.Contains(r.detail(t), "asked for this already") {
		t.Errorf("asked twice: %d %s", r.StatusCode, r.body)
	}
	if n := len(d.acts("requests.")); n != 1 {
		t.Errorf("%d acts recorded, want 1", n)
	}
}

func TestWhoSeesWhichRequests(t *testing.T) {
	d := newDesk(t)
	bobs := d.ask("bob", object{"resource": "orders-db", "role": "writers"}, 201)
	doras := d.ask("dora", object{"resource": "orders-db", "role": "writers"}, 201)
	ids := func(user, query string) []string {
		t.Helper()
		var l struct{ Items []request }
		d.must(d.by[user], "GET", "/requests"+query, nil, 200).decode(t, &l)
		ids := []string{}
		for _, r := range l.Items {
			ids = append(ids, r.ID)
		}
		return ids
	}
	for _, tt := range []struct {
		user, query string
		want        []string
	}{
		{"bob", "", []string{bobs.ID}}, {"bob", "?scope=to_decide", []string{}}, {"eve", "", []string{}},
		{"dora", "", []string{doras.ID, bobs.ID}}, {"dora", "?scope=mine", []string{doras.ID}}, {"dora", "?scope=to_decide", []string{bobs.ID}},
		{"aude", "", []string{doras.ID, bobs.ID}}, {"aude", "?scope=to_decide", []string{}}, {"aude", "?user=bob", []string{bobs.ID}},
		{"alice", "?scope=to_decide&limit=1", []string{doras.ID}}, {"alice", "?scope=to_decide&cursor=" + doras.ID, []string{bobs.ID}},
	} {
		if diff := cmp.Diff(tt.want, ids(tt.user, tt.query)); diff != "" {
			t.Errorf("%s %s: %s", tt.user, tt.query, diff)
		}
	}
	d.must(d.by["eve"], "GET", "/requests/"+bobs.ID, nil, 404)
}

// A token that opens little must not be the way to more.
func TestNarrowTokensAndTheServersUserDoNotAsk(t *testing.T) {
	d := newDesk(t)
	r := d.ask("bob", object{"resource": "orders-db", "role": "writers"}, 201)
	var token struct{ Token string }
	d.must(d.root, "POST", "/tokens", object{"user": "alice", "scope": object{"resources": []string{"other-db"}}}, 201).decode(t, &token)
	re := d.must(who{token: token.Token}, "POST", "/requests/"+r.ID+"/approve", object{}, 403)
	if !strings.Contains(re.detail(t), "scope") {
		t.Errorf("%s", re.body)
	}
}
