package admin_test

import (
	"fmt"
	"log/slog"
	"slices"
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

func TestTwoApproveThenTheGrantBegins(t *testing.T) {
	d := newDesk(t)
	r := d.ask("bob", object{"resource": "orders-db", "role": "writers", "duration": "2h"}, 201)
	if r.Status != access.Pending || r.Role != "writers" || r.Approvals != 2 || r.Duration.String() != "2h" || r.Expires.Sub(r.Created) != 24*time.Hour {
		t.Fatalf("request %+v", r)
	}
	d.pass(time.Hour)
	one, _ := d.say("alice", "approve", r.ID, 200)
	if one.Status != access.Pending || len(one.Opinions) != 1 || one.MayDecide {
		t.Errorf("after one approval: %+v", one)
	}
	if len(d.grants()) != 0 {
		t.Fatal("granted by one of two")
	}
	before := d.now()
	two, _ := d.say("lea", "approve", r.ID, 200)
	g, ok := d.grants()[two.Grant]
	if two.Status != access.Approved || !ok || !two.Active {
		t.Fatalf("after two approvals: %+v, grants %v", two, d.grants())
	}
	if g.From.Before(before.Truncate(time.Microsecond)) || g.Until.Sub(g.From) != 2*time.Hour || !slices.Equal(g.By, []string{"alice", "lea"}) ||
		g.Request != r.ID || g.Resource != "orders-db" || g.User != "bob" {
		t.Errorf("grant %+v", g)
	}
	var told []string
	for _, e := range append(d.acts("requests."), d.acts("grants.")...) {
		told = append(told, fmt.Sprintf("%s %s before:%t after:%t", e.Action, e.User, e.Before != "", e.After != ""))
	}
	want := []string{"requests.create bob before:false after:true", "requests.approve alice before:true after:true",
		"requests.approve lea before:true after:true", "grants.create lea before:false after:true"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	_, late := d.say("lou", "approve", r.ID, 409)
	if !strings.Contains(late.detail(t), "approved already") {
		t.Errorf("a third approval: %s", late.body)
	}
}

func TestAReasonIsEnough(t *testing.T) {
	d := newDesk(t)
	r := d.ask("bob", object{"resource": "orders-db", "account": "ro"}, 201)
	if r.Status != access.Approved || r.Role != "readers" || !r.Active || r.Duration.String() != "1h" {
		t.Fatalf("%+v", r)
	}
	d.must(d.root, "DELETE", "/grants/"+r.Grant, nil, 204)
	var again request
	d.must(d.by["bob"], "GET", "/requests/"+r.ID, nil, 200).decode(t, &again)
	if again.Active {
		t.Error("active though the grant was revoked")
	}
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

func TestWhoMayDecide(t *testing.T) {
	d := newDesk(t)
	r := d.ask("dora", object{"resource": "orders-db", "role": "writers"}, 201)
	_, own := d.say("dora", "approve", r.ID, 403)
	if !strings.Contains(own.detail(t), "nobody decides on their own request") {
		t.Errorf("own approval: %s", own.body)
	}
	d.say("dora", "deny", r.ID, 403)
	d.say("bob", "approve", r.ID, 404) // who has no say in it does not learn that it is there
	d.say("eve", "deny", r.ID, 404)
	if _, re := d.say("aude", "approve", r.ID, 403); !strings.Contains(re.detail(t), "holders of these roles may: leads") {
		t.Errorf("auditor: %s", re.body)
	}
	if re := d.must(d.root, "POST", "/requests/"+r.ID+"/approve", object{}, 403); !strings.Contains(re.detail(t), "leads") {
		t.Errorf("admin: %s", re.body)
	}
	d.say("alice", "approve", r.ID, 200)
	if _, re := d.say("alice", "approve", r.ID, 409); !strings.Contains(re.detail(t), "approved this request already") {
		t.Errorf("twice: %s", re.body)
	}
	d.say("lea", "withdraw", r.ID, 403)
	denied, _ := d.say("lea", "deny", r.ID, 200)
	if denied.Status != access.Denied {
		t.Errorf("%+v", denied)
	}
	d.say("lou", "approve", r.ID, 409)
	d.say("dora", "withdraw", r.ID, 409)
	if len(d.grants()) != 0 {
		t.Error("a denied request led to a grant")
	}

	other := d.ask("bob", object{"resource": "orders-db", "role": "writers"}, 201)
	d.must(d.root, "POST", "/requests/"+other.ID+"/deny", object{"comment": "not now"}, 200)
	mine := d.ask("bob", object{"resource": "orders-db", "role": "writers"}, 201)
	if w, _ := d.say("bob", "withdraw", mine.ID, 200); w.Status != access.Withdrawn {
		t.Errorf("%+v", w)
	}
}

// What an approver role asks of those who use it, it asks of those who decide by it.
func TestApproversMeetWhatTheirRoleAsksFor(t *testing.T) {
	d := newDesk(t)
	r := d.ask("bob", object{"resource": "orders-db", "role": "writers"}, 201)
	leads := func(asks object) {
		t.Helper()
		asks["name"], asks["accounts"] = "leads", []string{}
		d.must(d.root, "PUT", "/roles/leads", asks, 200)
	}
	for _, tt := range []struct {
		asks object
		says string
	}{
		{object{"from": []string{"10.0.0.0/8"}}, "those who come from 10.0.0.0/8 only"},
		{object{"mfa": "1h"}, "a passkey used within the last 1h"},
	} {
		leads(tt.asks)
		var seen request
		d.must(d.by["alice"], "GET", "/requests/"+r.ID, nil, 200).decode(t, &seen)
		if seen.MayDecide {
			t.Errorf("%v: alice is told that she may decide", tt.asks)
		}
		for _, verb := range []string{"approve", "deny"} {
			if _, re := d.say("alice", verb, r.ID, 403); !strings.Contains(re.detail(t), tt.says) {
				t.Errorf("%v: %s: %s", tt.asks, verb, re.body)
			}
		}
	}
	leads(object{"from": []string{"127.0.0.0/8", "::1"}})
	if got, _ := d.say("alice", "approve", r.ID, 200); len(got.Opinions) != 1 {
		t.Errorf("from the right place: %+v", got)
	}
}

// What the request was made under may change before it is approved.
func TestApprovalGoesByThePresentRule(t *testing.T) {
	d := newDesk(t)
	writers := func(rule object) {
		d.must(d.root, "PUT", "/roles/writers", object{"name": "writers", "labels": object{"env": "prod"}, "accounts": []string{"app"},
			"groups": []string{"eng"}, "request": rule}, 200)
	}
	r := d.ask("bob", object{"resource": "orders-db", "role": "writers", "duration": "4h"}, 201)
	writers(object{"approvers": []string{"leads"}, "approvals": 1, "max": "1h"})
	got, _ := d.say("alice", "approve", r.ID, 200)
	if g := d.grants()[got.Grant]; got.Status != access.Approved || g.Until.Sub(g.From) != time.Hour {
		t.Errorf("under the stricter rule: %+v, grant %+v", got, g)
	}
	gone := d.ask("bob", object{"resource": "orders-db", "role": "writers", "duration": "1h"}, 201)
	d.must(d.root, "PUT", "/users/bob", object{"name": "bob"}, 200)
	if _, re := d.say("alice", "approve", gone.ID, 409); !strings.Contains(re.detail(t), "may no longer ask") {
		t.Errorf("%s", re.body)
	}
	d.must(d.root, "PUT", "/users/bob", object{"name": "bob", "groups": []string{"eng"}}, 200)
	d.must(d.root, "POST", "/users/bob/suspend", nil, 200)
	d.say("alice", "approve", gone.ID, 409)
	d.must(d.root, "POST", "/users/bob/reinstate", nil, 200)
	d.pass(24 * time.Hour)
	if _, re := d.say("alice", "approve", gone.ID, 409); !strings.Contains(re.detail(t), "lapsed") {
		t.Errorf("%s", re.body)
	}
	var l struct{ Items []request }
	d.must(d.by["alice"], "GET", "/requests?status=expired", nil, 200).decode(t, &l)
	if len(l.Items) != 1 || l.Items[0].ID != gone.ID || l.Items[0].Status != access.Lapsed {
		t.Errorf("lapsed: %+v", l.Items)
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

// Two who approve at the same moment are both counted, each once; one who clicks twice is counted once.
func TestApprovalsAtOnce(t *testing.T) {
	d := newDesk(t)
	for range 10 {
		r := d.ask("bob", object{"resource": "orders-db", "role": "writers"}, 201)
		codes := make(chan int, 8)
		var calls sync.WaitGroup
		for range 4 {
			for _, user := range []string{"alice", "lea"} {
				calls.Go(func() { codes <- d.call(d.by[user], "POST", "/requests/"+r.ID+"/approve", object{}).StatusCode })
			}
		}
		calls.Wait()
		close(codes)
		taken := 0
		for code := range codes {
			switch code {
			case 200:
				taken++
			case 409:
			default:
				t.Errorf("status %d", code)
			}
		}
		grants := d.grants()
		if taken != 2 || len(grants) != 1 {
			t.Fatalf("%d approvals taken, %d grants", taken, len(grants))
		}
		for id := range grants {
			d.must(d.root, "DELETE", "/grants/"+id, nil, 204)
		}
	}
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

func TestGroupMembers(t *testing.T) {
	d := newDesk(t)
	d.must(d.root, "POST", "/groups", object{"name": "eng"}, 201)
	var m struct {
		Known          bool
		Members, Roles []string
	}
	d.must(d.root, "GET", "/groups/eng/members", nil, 200).decode(t, &m)
	if !m.Known || !slices.Equal(m.Members, []string{"bob", "dora"}) || !slices.Equal(m.Roles, []string{"readers", "writers"}) {
		t.Errorf("%+v", m)
	}
	d.must(d.root, "GET", "/groups/none/members", nil, 404)
}
