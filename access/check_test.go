package access_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
)

// permit opens orders-db as app.
func permit(t testing.TB, s *access.Snapshot, change func(*access.Ask)) access.Permit {
	t.Helper()
	a := askOrders("app")
	if change != nil {
		change(&a)
	}
	p, err := compile(t, s).Authorize(a)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func analyst(r access.StatementRules) access.Role {
	return access.Role{Name: "analyst", Resources: []string{"*"}, Accounts: []string{"app"}, Statements: &r}
}

// read is an understood statement that reads.
func read(tables, columns []string) access.Statement {
	return access.Statement{Class: "read", Tables: tables, Columns: columns, Understood: true}
}

func TestStatementRules(t *testing.T) {
	l := func(names ...string) []string { return names }
	tests := []struct {
		name      string
		rules     access.StatementRules
		statement access.Statement
		sentence  string // empty: it may run
	}{
		{"no rule", access.StatementRules{}, access.Statement{Class: "other"}, ""},
		{"its class", access.StatementRules{Classes: l("read")}, access.Statement{Class: "read"}, ""},
		{"another class", access.StatementRules{Classes: l("read", "write")}, access.Statement{Class: "ddl"},
			"role analyst lets read, write statements run, and this one is ddl; ask for a role that lets it"},
		{"BEGIN always may", access.StatementRules{Classes: l("read"), Tables: l("orders")}, access.Statement{Class: "transaction"}, ""},
		{"SET always may", access.StatementRules{Classes: l("read"), Tables: l("orders")}, access.Statement{Class: "session"}, ""},

		{"its table", access.StatementRules{Tables: l("orders")}, read(l("orders"), nil), ""},
		{"a name is of every schema", access.StatementRules{Tables: l("orders")}, read(l("x.orders", "db.y.ORDERS"), nil), ""},
		{"one table of two", access.StatementRules{Tables: l("orders", "items")}, read(l("orders", "hr.salaries"), nil),
			"role analyst does not let hr.salaries be touched; it lets: orders, items"},
		{"its schema", access.StatementRules{Tables: l("public.*")}, read(l("public.orders"), nil), ""},
		{"no schema may be any schema", access.StatementRules{Tables: l("public.*")}, read(l("orders"), nil),
			"role analyst lets public.* be touched, and orders may be a table of another schema; write it with its schema"},
		{"any schema is no schema, too", access.StatementRules{Tables: l("*.orders")}, read(l("orders"), nil), ""},
		{"no table at all", access.StatementRules{Tables: l("orders")}, read(nil, nil), ""},
		{"not understood", access.StatementRules{Tables: l("orders")}, access.Statement{Class: "read", Tables: l("orders")},
			"role analyst restricts tables or columns, and it cannot be told which ones this statement touches; write it more plainly"},
		{"a quoted name is one name", access.StatementRules{Tables: l("public.*")}, read(l(`"public.orders"`), nil),
			`role analyst lets public.* be touched, and "public.orders" may be a table of another schema; write it with its schema`},

		{"a denied table", access.StatementRules{DenyTables: l("hr.*")}, read(l("public.orders", "hr.salaries"), nil),
			"role analyst does not let hr.salaries be touched (hr.*)"},
		{"what may be a denied table", access.StatementRules{DenyTables: l("hr.salaries")}, read(l("salaries"), nil),
			"role analyst does not let hr.salaries be touched, and salaries may be a table of that; write it with its schema"},
		{"another table", access.StatementRules{DenyTables: l("hr.salaries")}, read(l("public.salaries", "hr.people"), nil), ""},

		{"a denied column", access.StatementRules{DenyColumns: l("ssn")}, read(l("customers"), l("customers.id", "customers.SSN")),
			"role analyst does not let the column customers.SSN be named (ssn)"},
		{"all columns", access.StatementRules{DenyColumns: l("customers.ssn")}, read(l("customers"), l("customers.*")),
			"role analyst does not let customers.* be read, because customers.ssn may not be; name the columns that you need"},
		{"all columns of another table", access.StatementRules{DenyColumns: l("customers.ssn")}, read(l("customers", "orders"), l("orders.*", "customers.id")), ""},
		{"all columns of any table, where each may have it", access.StatementRules{DenyColumns: l("ssn")}, read(l("orders"), l("orders.*")),
			"role analyst does not let orders.* be read, because ssn may not be; name the columns that you need"},
		{"a column whose table is not told", access.StatementRules{DenyColumns: l("customers.ssn")}, read(l("orders", "customers"), l("ssn")),
			"role analyst does not let the column ssn be named (customers.ssn)"},
		{"a column of no known table", access.StatementRules{DenyColumns: l("customers.ssn")}, read(nil, l("ssn")),
			"role analyst does not let the column ssn be named (customers.ssn)"},
		{"a column of no such table", access.StatementRules{DenyColumns: l("customers.ssn")}, read(l("orders"), l("ssn")), ""},
		{"a pattern of columns", access.StatementRules{DenyColumns: l("customers.card_*")}, read(l("s.customers"), l("s.customers.card_no")),
			"role analyst does not let the column s.customers.card_no be named (customers.card_*)"},
		{"a column of another schema", access.StatementRules{DenyColumns: l("hr.people.born")}, read(l("shop.people"), l("shop.people.born")), ""},

		{"without WHERE", access.StatementRules{RequireWhere: true}, access.Statement{Class: "write", WholeTable: true},
			"role analyst does not let UPDATE or DELETE without WHERE run; add a condition"},
		{"with WHERE", access.StatementRules{RequireWhere: true}, access.Statement{Class: "write"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := permit(t, world(analyst(tt.rules)), nil)
			for _, time := range []string{"first", "remembered"} {
				ruling, denied := p.Judge(&tt.statement)
				if ruling.Policy != "role:analyst" {
					t.Errorf("%s: decided by %q", time, ruling.Policy)
				}
				sentence := ""
				if denied != nil {
					sentence = denied.Sentence
				}
				if diff := cmp.Diff(tt.sentence, sentence); diff != "" {
					t.Errorf("%s: %s", time, diff)
				}
			}
		})
	}
}

// Several roles for one account: each statement may run by any of them, with the rows that this one allows.
func TestRolesTogether(t *testing.T) {
	reader := access.Role{Name: "reader", Resources: []string{"*"}, Accounts: []string{"*"},
		Statements: &access.StatementRules{Classes: []string{"read"}, Tables: []string{"orders"}, MaxRows: 100}}
	bigReader := access.Role{Name: "big-reader", Resources: []string{"*"}, Accounts: []string{"*"},
		Statements: &access.StatementRules{Classes: []string{"read"}, Tables: []string{"items"}, MaxRows: 500}}
	writer := access.Role{Name: "writer", Resources: []string{"*"}, Accounts: []string{"*"},
		Statements: &access.StatementRules{Classes: []string{"write"}}}
	elsewhere := access.Role{Name: "elsewhere", Resources: []string{"*"}, Accounts: []string{"*"}, From: []string{"10.0.0.0/8"}}
	p := permit(t, world(reader, bigReader, writer, elsewhere), nil)
	if p.MaxRows != 0 {
		t.Errorf("the session's rows: %d", p.MaxRows)
	}
	for _, tt := range []struct {
		statement access.Statement
		want      access.Ruling
		runs      bool
	}{
		{read([]string{"orders"}, nil), access.Ruling{Policy: "role:reader", MaxRows: 100}, true},
		{read([]string{"items"}, nil), access.Ruling{Policy: "role:big-reader", MaxRows: 500}, true},
		{read(nil, nil), access.Ruling{Policy: "role:big-reader", MaxRows: 500}, true},
		{access.Statement{Class: "write"}, access.Ruling{Policy: "role:writer"}, true},
		{read([]string{"orders", "items"}, nil), access.Ruling{Policy: "role:big-reader"}, false}, // no role lets both be touched
		{access.Statement{Class: "ddl"}, access.Ruling{Policy: "role:big-reader"}, false},
	} {
		ruling, denied := p.Judge(&tt.statement)
		if (denied == nil) != tt.runs || ruling != tt.want {
			t.Errorf("%+v: %+v, %v", tt.statement, ruling, denied)
		}
	}
}

// A role that ends before the session does takes its statements with it at that moment.
func TestStatementsEndWithTheirRole(t *testing.T) {
	writer := access.Role{Name: "a-writer", Resources: []string{"*"}, Accounts: []string{"*"}, MaxSession: access.Duration(time.Hour)}
	reader := access.Role{Name: "reader", Resources: []string{"*"}, Accounts: []string{"*"}, Statements: &access.StatementRules{Classes: []string{"read"}}}
	p := permit(t, world(writer, reader), nil)
	for _, tt := range []struct {
		after time.Duration
		class string
		want  string
	}{
		{0, "write", "role:a-writer"}, {time.Hour - time.Microsecond, "write", "role:a-writer"},
		{time.Hour, "read", "role:reader"}, {time.Hour, "write", ""},
	} {
		ruling, denied := p.Judge(&access.Statement{Class: tt.class, Now: noon().Add(tt.after)})
		if denied != nil {
			ruling.Policy = ""
		}
		if ruling.Policy != tt.want {
			t.Errorf("%s after %v: by %q, want %q", tt.class, tt.after, ruling.Policy, tt.want)
		}
	}
}

func TestHandWrittenPoliciesOnStatements(t *testing.T) {
	s := world(analyst(access.StatementRules{Classes: []string{"read"}}))
	s.Policies["pii"] = access.Policy{Text: `
		@reason("personal data is read through the reporting views.")
		forbid (principal, action == Action::"run", resource)
		when { context.tables.contains("customers") && !(principal in Group::"dpo") };
		permit (principal == User::"alice", action == Action::"run", resource)
		when { context has fingerprint && ["f00d"].contains(context.fingerprint) };`}
	s.Policies["off"] = access.Policy{Text: `forbid (principal, action, resource);`, Disabled: true}
	s.Policies["elsewhere"] = access.Policy{Text: `forbid (principal, action == Action::"run", resource == Resource::"other-db");`}
	p := permit(t, s, nil)
	for _, tt := range []struct {
		name             string
		statement        access.Statement
		policy, sentence string
	}{
		{"reads", read([]string{"orders"}, nil), "role:analyst", ""},
		{"writes", access.Statement{Class: "write"}, "role:analyst", "role analyst lets read statements run, and this one is write; ask for a role that lets it"},
		{"writes what a policy permits", access.Statement{Class: "write", Fingerprint: "f00d"}, "policy:pii#2", ""},
		{"forbidden", read([]string{"Shop.Customers"}, nil), "policy:pii#1",
			"policy pii does not let you run this statement: personal data is read through the reporting views"},
		{"forbidden, whatever permits it", access.Statement{Class: "read", Tables: []string{"customers"}, Fingerprint: "f00d"}, "policy:pii#1",
			"policy pii does not let you run this statement: personal data is read through the reporting views"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ruling, denied := p.Judge(&tt.statement)
			sentence := ""
			if denied != nil {
				sentence = denied.Sentence
			}
			if diff := cmp.Diff([]string{tt.policy, tt.sentence}, []string{ruling.Policy, sentence}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A policy that opens a session lets nothing run in it: that is another action.
func TestOpeningIsNotRunning(t *testing.T) {
	s := world()
	s.Policies["in"] = access.Policy{Text: `permit (principal == User::"alice", action == Action::"open", resource);`}
	p := permit(t, s, nil)
	if p.Role != "" || p.Policy != "policy:in#1" {
		t.Errorf("role %q, policy %q", p.Role, p.Policy)
	}
	if _, denied := p.Judge(&access.Statement{Class: "read"}); denied == nil || denied.Cause != access.StatementDenied {
		t.Errorf("denied: %v", denied)
	}
}

func TestTokenNarrowsStatements(t *testing.T) {
	s := world(dba(func(*access.Role) {}))
	s.Tokens["t1"] = access.Token{ID: "t1", User: "alice", Scope: &access.Scope{Statements: []string{"read"}}}
	p := permit(t, s, func(a *access.Ask) { a.Identity.Token = "t1" })
	for class, runs := range map[string]bool{"read": true, "transaction": true, "write": false} {
		ruling, denied := p.Judge(&access.Statement{Class: class})
		if (denied == nil) != runs || !runs && (denied.Cause != access.OutOfScope || ruling.Policy != "token:t1/statements") {
			t.Errorf("%s: %q, %v", class, ruling.Policy, denied)
		}
	}
}

// What is remembered of one statement's outline says nothing of another whose tables or columns the patterns tell apart.
func TestOutlinesDiffer(t *testing.T) {
	p := permit(t, world(analyst(access.StatementRules{Tables: []string{"*"}, DenyTables: []string{"salaries"}, DenyColumns: []string{"ssn"}})), nil)
	fine := read([]string{"orders"}, []string{"id"})
	for _, s := range []access.Statement{read([]string{"salaries"}, nil), read([]string{"orders"}, []string{"ssn"}), {Class: "read"}} {
		if _, denied := p.Judge(&fine); denied != nil {
			t.Fatal(denied)
		}
		if _, denied := p.Judge(&s); denied == nil {
			t.Errorf("%+v may run", s)
		}
	}
}

// What is remembered is bounded, and never answers for another statement.
func TestManyStatements(t *testing.T) {
	p := permit(t, world(analyst(access.StatementRules{Tables: []string{"t*"}})), nil)
	for range 2 {
		for i := range 1000 {
			name := fmt.Sprint([]string{"t", "u"}[i%2], i)
			s := read([]string{name}, nil)
			if _, denied := p.Judge(&s); (denied == nil) != (i%2 == 0) {
				t.Fatalf("%s: %v", name, denied)
			}
		}
	}
}

// The caller may write over a statement's names: what is remembered must not change with them.
func TestRememberedNamesAreCopies(t *testing.T) {
	p := permit(t, world(analyst(access.StatementRules{Tables: []string{"orders"}})), nil)
	names := []string{"orders"}
	s := read(names, nil)
	if _, denied := p.Judge(&s); denied != nil {
		t.Fatal(denied)
	}
	names[0] = "salaries"
	if _, denied := p.Judge(&s); denied == nil {
		t.Error("salaries may be read")
	}
}

// A pipeline that names thousands of keys, other ones each time, is judged, and not remembered.
func TestLongListsAreNotKept(t *testing.T) {
	p := permit(t, world(analyst(access.StatementRules{Tables: []string{"k*"}})), nil)
	const statements, size = 64, 1 << 20
	before := heap()
	for i := range statements {
		s := read([]string{fmt.Sprintf("k%d%s", i, strings.Repeat("x", size))}, nil)
		if _, denied := p.Judge(&s); denied != nil {
			t.Fatal(denied)
		}
		s.Tables = append(s.Tables, "salaries")
		if _, denied := p.Judge(&s); denied == nil {
			t.Fatal("what is named behind a long name is not looked at")
		}
	}
	if kept := int64(heap()) - int64(before); kept > statements*size/2 {
		t.Errorf("%d statements of %d bytes leave %d behind", statements, size, kept)
	}
	runtime.KeepAlive(&p)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
