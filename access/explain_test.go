package access_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
)

func explained(t *testing.T) *access.Snapshot {
	s := world(analyst(access.StatementRules{Classes: []string{"read"}}),
		access.Role{Name: "dba", Resources: []string{"*"}, Accounts: []string{"*"}, Request: &access.RequestRule{}},
		access.Role{Name: "night", Resources: []string{"*"}, Accounts: []string{"*"}, When: []access.Window{{From: "22:00", To: "06:00"}}},
		access.Role{Name: "other", Resources: []string{"other-db"}, Accounts: []string{"*"}})
	s.Policies["freeze"] = access.Policy{Text: `forbid (principal, action, resource) when { context.account == "zadmin" };`}
	return s
}

func TestExplain(t *testing.T) {
	e := compile(t, explained(t))
	x, err := e.Explain(askOrders(""), &access.Statement{Class: "read"})
	if err != nil {
		t.Fatal(err)
	}
	want := access.Explanation{
		Allowed: true, Sentence: "alice may open orders-db as app by role:analyst, and run this statement by role:analyst",
		Account: "app", Policies: []string{"role:analyst"}, Role: "analyst",
		Considered: []access.Consideration{
			{Policy: "role:analyst", Effect: "permit", Applies: true, Why: "lets the session be opened and the statement run"},
			{Policy: "role:night", Effect: "permit", Why: "orders-db is open to you by role night from 22:00 to 06:00 UTC"},
			{Policy: "role:dba", Effect: "permit", Why: "must be asked for: sally access request orders-db --role dba --reason ..."},
			{Policy: "policy:freeze#1", Effect: "forbid", Why: "line 1: its conditions do not hold"},
		},
	}
	if diff := cmp.Diff(want, x); diff != "" {
		t.Error(diff)
	}
	if _, err := json.Marshal(x); err != nil {
		t.Error(err)
	}

	x, err = e.Explain(askOrders("zadmin"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if x.Allowed || x.Cause != access.ForbiddenBy || !cmp.Equal(x.Policies, []string{"policy:freeze#1"}) {
		t.Errorf("%+v", x)
	}
}

func TestPolicyTables(t *testing.T) {
	e := compile(t, explained(t))
	classify := func(protocol, text string) (access.Statement, error) {
		if protocol != "postgres" || text == "?" {
			return access.Statement{}, errors.New("not understood")
		}
		return access.Statement{Class: strings.Fields(text)[0], Understood: true}, nil
	}
	failures := e.Test([]access.Case{
		{User: "alice", Resource: "orders-db", Want: "allow"},
		{User: "alice", Resource: "orders-db", Want: "allow", By: "role:analyst", Statement: "read x"},
		{User: "alice", Resource: "orders-db", Want: "deny", By: "role:analyst", Statement: "write x"},
		{User: "alice", Resource: "orders-db", Want: "deny", By: "statement_denied", Statement: "write x"},
		{User: "alice", Resource: "orders-db", Account: "zadmin", Want: "deny", By: "policy:freeze#1"},
		{User: "alice", Resource: "orders-db", Account: "readonly", At: noon().Add(11 * time.Hour), Want: "allow", By: "role:night"},
		{User: "bob", Resource: "orders-db", Want: "deny", By: "bad_credentials"},

		{Name: "wrong", User: "alice", Resource: "orders-db", Want: "deny"},
		{User: "alice", Resource: "orders-db", Want: "allow", Statement: "write x"},
		{User: "alice", Resource: "orders-db", Want: "allow", By: "role:night"},
		{User: "alice", Resource: "orders-db", Want: "maybe"},
		{User: "alice", Resource: "orders-db", Want: "allow", Statement: "?"},
		{User: "alice", Resource: "orders-db", Want: "allow", From: "home"},
	}, noon(), classify)
	var got []string
	for _, f := range failures {
		got = append(got, f.Problem)
	}
	want := []string{
		"allowed, but should be denied: alice may open orders-db as app by role:analyst",
		"denied, but should be allowed: role analyst lets read statements run, and this one is write; ask for a role that lets it",
		"decided by role:analyst, but should be by role:night: alice may open orders-db as app by role:analyst",
		`want is "maybe"; write allow or deny`,
		"statement: not understood",
		`from: "home" is no address; write one such as 10.1.2.3`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(failures) > 0 && (failures[0].Number != 8 || failures[0].Case.Name != "wrong") {
		t.Errorf("the first failure is case %d", failures[0].Number)
	}
}
