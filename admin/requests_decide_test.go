package admin_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
)

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
