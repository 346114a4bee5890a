package access_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
)

func TestPolicyErrors(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		line       int
		problem    string // what it contains
	}{
		{"no Cedar", "permit (principal, action, resource)\nwhen { context.account = \"x\" };", 2, "this is no Cedar"},
		{"half a policy", "permit (principal", 1, "this is no Cedar"},
		{"action", "\n\nforbid (principal, action == Action::\"connect\", resource);", 3, `there is no action "connect"; the actions are Action::"open" and Action::"run"`},
		{"principal", `forbid (principal == Person::"a", action, resource);`, 1, "Person cannot stand here; what can: User, Group, Role"},
		{"resource", `forbid (principal, action, resource == Database::"a");`, 1, "Database cannot stand here; what can: Resource"},
		{"attribute", `forbid (principal, action, resource) when { context.acount == "x" };`, 1, "context has no acount; it has account, class, client"},
		{"attribute asked for", `forbid (principal, action, resource) when { context has acount };`, 1, "context has no acount"},
		{"what roles alone may ask", `forbid (principal, action, resource) when { context.instant > 0 };`, 1, "context has no instant"},
		{"label", `forbid (principal, action, resource) when { resource.labels.env == "prod" };`, 1, "resource.labels.env may be missing; ask for it first: resource.labels has env && ..."},
		{"label with a dash", `forbid (principal, action, resource) when { resource.labels["k8s.io/x"] == "prod" };`, 1, `resource.labels has "k8s.io/x" && ...`},
		{"tag", `forbid (principal, action, resource) when { resource.hasTag("env") };`, 1, "there are no tags"},
		{"passkey", `forbid (principal, action, resource) when { context.mfa_age > duration("1h") };`, 1, "context.mfa_age may be missing"},
		{"statement's facts on open", `forbid (principal, action, resource) when { context.class == "ddl" };`, 1, `context.class is known of statements only; write action == Action::"run"`},
		{"zone", `forbid (principal, action, resource) when { context.local["Europe/Berlim"].hour < 6 };`, 1, `there is no time zone "Europe/Berlim"`},
		{"clock", `forbid (principal, action, resource) when { context.local.UTC.hours < 6 };`, 1, "clocks have no hours; they have day, hour and minute"},
		{"nesting", "permit (principal, action, resource)\nwhen {\n" + strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200) + "};", 3, "nested deeper"},
		{"second policy", "permit (principal, action, resource);\npermit (principal, action, resource)\nwhen { context.x };", 2, "context has no x"},
		{"length", strings.Repeat(" ", 70_000), 1, "longer than 65536 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := world()
			s.Policies["p"] = access.Policy{Name: "p", Text: tt.text}
			_, err := access.Compile(s)
			var wrong *access.PolicyError
			if !errors.As(err, &wrong) {
				t.Fatalf("got %v", err)
			}
			if wrong.Policy != "p" || wrong.Line != tt.line || !strings.Contains(wrong.Problem, tt.problem) {
				t.Errorf("got %v; want line %d: %s", err, tt.line, tt.problem)
			}
		})
	}
}

func TestCompileNamesTheRole(t *testing.T) {
	for want, r := range map[string]access.Role{
		`role dba: when: there is no time zone "Mars"; write one such as Europe/Berlin, or none for UTC`:                      {When: []access.Window{{From: "09:00", To: "10:00", Zone: "Mars"}}},
		`role dba: when: "9:00" is no time of the day; write HH:MM, from 00:00 to 24:00`:                                      {When: []access.Window{{From: "9:00", To: "10:00"}}},
		`role dba: when: "monday" is no day; the days are mon, tue, wed, thu, fri, sat and sun`:                               {When: []access.Window{{Days: []string{"monday"}, From: "09:00", To: "10:00"}}},
		`role dba: from: "10.0.0.0/33" is no network; write it as 10.0.0.0/8 or 2001:db8::/32`:                                {From: []string{"10.0.0.0/33"}},
		`role dba: statements: "a.b.c" is no pattern; write NAME, SCHEMA.NAME, /PATH or HOST:PORT, with * for any characters`: {Statements: &access.StatementRules{Tables: []string{"a.b.c"}}},
		`role dba: statements: "a..c" is no pattern; write COLUMN or TABLE.COLUMN, with * for any characters`:                 {Statements: &access.StatementRules{DenyColumns: []string{"a..c"}}},
		`role dba: when: a window cannot begin at 24:00; write 00:00 of the next day`:                                         {When: []access.Window{{From: "24:00", To: "10:00"}}},
		`role dba: when: there is no time zone "Local"; write one such as Europe/Berlin, or none for UTC`:                     {When: []access.Window{{From: "09:00", To: "10:00", Zone: "Local"}}},
	} {
		r.Name = "dba"
		_, err := access.Compile(world(r))
		if err == nil {
			t.Errorf("no error; want %s", want)
			continue
		}
		if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Error(diff)
		}
	}
}

// A forbid that goes wrong when it is evaluated forbids. Cedar would leave it out.
func TestABrokenForbidForbids(t *testing.T) {
	s := world(dba(func(*access.Role) {}))
	s.Policies["sum"] = access.Policy{Text: `forbid (principal, action == Action::"open", resource) when { context.account + 1 == 2 };`}
	d := denied(t, compile(t, s), askOrders("app"))
	if d.Cause != access.ForbiddenBy || !strings.HasPrefix(d.Sentence, "policy sum (line 1) could not be judged, so you may not open orders-db as app; tell an admin: ") {
		t.Errorf("%+v", d)
	}
	// A permit that goes wrong permits nothing, and is in nobody's way.
	s.Policies["sum"] = access.Policy{Text: `permit (principal, action == Action::"open", resource) when { context.account + 1 == 2 };`}
	if p := permit(t, s, nil); p.Policy != "role:dba" {
		t.Errorf("by %s", p.Policy)
	}
}

func TestForbidWins(t *testing.T) {
	s := world(dba(func(r *access.Role) { r.Accounts = []string{"app", "readonly"} }))
	s.Policies["freeze"] = access.Policy{Text: `
		@reason("production is frozen until Monday; ask in #releases")
		forbid (principal, action == Action::"open", resource)
		when { resource.labels has env && resource.labels.env == "prod" && context.account == "app" }
		unless { principal in Role::"oncall" || context.local["Europe/Berlin"].day == "mon" };`}
	e := compile(t, s)
	want := access.Denial{Cause: access.ForbiddenBy, Sentence: "policy freeze does not let you open orders-db as app: production is frozen until Monday; ask in #releases"}
	if diff := cmp.Diff(want, denied(t, e, askOrders("app"))); diff != "" {
		t.Error(diff)
	}
	if p, err := e.Authorize(askOrders("")); err != nil || p.Account != "readonly" {
		t.Errorf("without an account: %q, %v; want the one that is not forbidden", p.Account, err)
	}
	if diff := cmp.Diff([]string{"readonly"}, e.Accounts(alice(), "orders-db", noon())); diff != "" {
		t.Errorf("accounts: %s", diff)
	}
}

// Whatever the text of a policy, compiling it says yes or no, and so does deciding by it.
func FuzzPolicy(f *testing.F) {
	for _, h := range vocabulary() {
		f.Add(h.text)
	}
	f.Add(`@reason("x") forbid (principal is User in Group::"g", action in [Action::"open"], resource is Resource) when { if true then 1 == 1 else false };`)
	f.Add(`permit(principal,action,resource) when { context.client.isInRange(ip("10.0.0.0/8")) };`)
	f.Add(`permit(principal,action,resource) when { !!!!true && -1 < 9223372036854775807 };`)
	s := world(dba(func(*access.Role) {}))
	f.Fuzz(func(t *testing.T, text string) {
		s.Policies["p"] = access.Policy{Name: "p", Text: text}
		e, err := access.Compile(s)
		if err != nil {
			var wrong *access.PolicyError
			if !errors.As(err, &wrong) || wrong.Line < 1 || wrong.Problem == "" {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		e.NextChange(noon())
		p, err := e.Authorize(askOrders(""))
		if err == nil {
			if ruling, denied := p.Judge(&access.Statement{Class: "read", Tables: []string{"orders"}}); ruling.Policy == "" && denied == nil {
				t.Fatal("a statement runs by nothing")
			}
		}
		if _, err := e.Explain(askOrders("app"), nil); err != nil {
			t.Fatal(err)
		}
	})
}
