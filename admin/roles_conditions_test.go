package admin_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
)

func TestConditionsOfARole(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	role := func(conditions object) object {
		r := object{"name": "r", "resources": []string{"*"}, "accounts": []string{"app"}}
		for k, v := range conditions {
			r[k] = v
		}
		return r
	}
	for _, tt := range []struct {
		name       string
		conditions object
		words      string
	}{
		{"class", object{"statements": object{"classes": []string{"reed"}}}, `"reed" is no class`},
		{"table", object{"statements": object{"tables": []string{"a.b.c"}}}, "is no pattern"},
		{"file", object{"statements": object{"tables": []string{"/srv/a\nb"}}}, "is no pattern"},
		{"column", object{"statements": object{"deny_columns": []string{"a b"}}}, "is no pattern"},
		{"day", object{"when": []object{{"days": []string{"monday"}, "from": "09:00", "to": "17:00"}}}, `"monday" is no day`},
		{"time", object{"when": []object{{"from": "24:00", "to": "17:00"}}}, `"24:00" is no time of the day`},
		{"end", object{"when": []object{{"from": "09:00", "to": "25:00"}}}, `"25:00" is no time of the day`},
		{"empty window", object{"when": []object{{"from": "09:00", "to": "09:00"}}}, "is empty"},
		{"zone", object{"when": []object{{"from": "09:00", "to": "17:00", "zone": "Berlin"}}}, `no time zone "Berlin"`},
		{"local zone", object{"when": []object{{"from": "09:00", "to": "17:00", "zone": "Local"}}}, "name the time zone"},
		{"zone outside", object{"when": []object{{"from": "09:00", "to": "17:00", "zone": "../../etc/passwd"}}}, "no time zone"},
		{"network", object{"from": []string{"10.0.0.0/33"}}, "is no network"},
		{"mapped network", object{"from": []string{"::ffff:10.0.0.0/104"}}, "IPv4 written as IPv6"},
		{"session", object{"max_session": "-1h"}, "above zero"},
		{"mfa", object{"mfa": "9000h"}, "366 days"},
		{"approver", object{"request": object{"approvers": []string{"none"}, "approvals": 1}}, `no role "none"`},
		{"nobody approves", object{"request": object{"approvals": 1}}, "name the roles whose holders approve"},
		{"approvers without a number", object{"request": object{"approvers": []string{"admins"}}}, "say how many"},
		{"longest grant", object{"request": object{"max": "-1h"}}, "above zero"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := p.call(root, "POST", "/roles", role(tt.conditions))
			if r.StatusCode != 422 || !strings.Contains(string(r.body), strings.ReplaceAll(tt.words, `"`, `\"`)) {
				t.Errorf("%d %s", r.StatusCode, r.body)
			}
		})
	}
	whole := role(object{
		"statements": object{"classes": []string{"write", "READ", "read", "forward", "x11", "listen", "agent", "shell", "exec"},
			"tables": []string{"*.prod.internal:5432", "/srv/My Files/*.tar.gz", "public.*"}, "deny_columns": []string{"users.email"}, "max_rows": 10},
		"when": []object{{"days": []string{"fri", "Mon", "mon"}, "from": "22:00", "to": "06:00", "zone": "Europe/Berlin"}},
		"from": []string{"10.1.2.3/8", "192.168.1.1"}, "max_session": "480m", "mfa": "1h",
		"request": object{"approvers": []string{"admins", "r"}, "approvals": 2, "max": "90m"},
	})
	var got access.Role
	p.must(root, "PUT", "/roles/r", whole, 201).decode(t, &got)
	want := access.Role{Name: "r", Resources: []string{"*"}, Accounts: []string{"app"},
		Statements: &access.StatementRules{Classes: []string{"agent", "exec", "forward", "listen", "read", "shell", "write", "x11"},
			Tables: []string{"*.prod.internal:5432", "/srv/My Files/*.tar.gz", "public.*"}, DenyColumns: []string{"users.email"}, MaxRows: 10},
		When: []access.Window{{Days: []string{"mon", "fri"}, From: "22:00", To: "06:00", Zone: "Europe/Berlin"}},
		From: []string{"10.0.0.0/8", "192.168.1.1/32"}, MaxSession: access.Duration(8 * 3600e9), MFA: access.Duration(3600e9),
		Request: &access.RequestRule{Approvers: []string{"admins", "r"}, Approvals: 2, Max: access.Duration(5400e9)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var bare access.Role
	before, _ := p.record.since(0)
	p.must(root, "PUT", "/roles/r", whole, 200)
	if after, _ := p.record.since(0); len(after) != len(before) {
		t.Error("the same role again is recorded as a change")
	}
	p.must(root, "PUT", "/roles/r", role(object{"statements": object{}, "when": []object{}, "from": []string{}}), 200).decode(t, &bare)
	if bare.Statements != nil {
		t.Errorf("rules that restrict nothing are kept: %+v", bare.Statements)
	}
}

// A policy that is wrong is refused with its place, and leaves everything decidable.
func TestPolicyThatIsWrong(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	r := p.call(root, "POST", "/policies", object{"name": "p", "text": "permit(principal, action, resource);\nforbid(principal,"})
	if r.StatusCode != 422 || !strings.Contains(r.detail(t), "line") && !strings.Contains(r.detail(t), "2:") {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
	p.must(root, "POST", "/policies", object{"name": "p", "text": "  "}, 422)
	p.must(root, "POST", "/policies", object{"name": "off", "text": "nonsense", "disabled": true}, 422)
	p.must(root, "GET", "/me", nil, 200)
	p.must(root, "POST", "/policies", object{"name": "p", "text": `forbid(principal, action, resource) when { false };`}, 201)
	p.must(root, "DELETE", "/policies/p", nil, 204)
}
