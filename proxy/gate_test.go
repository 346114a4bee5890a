package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy/redact"
)

// memory is a journal that keeps events, or with discard set nothing.
type memory struct {
	discard bool
	events  []audit.Event
	during  func() // called within each Append
}

func (m *memory) Append(e *audit.Event) error {
	e.ID = "id"
	if m.during != nil {
		m.during()
	}
	if !m.discard {
		m.events = append(m.events, *e)
	}
	return nil
}

func (m *memory) Post(e *audit.Event) error                           { return m.Append(e) }
func (m *memory) Durable() uint64                                     { return 1 << 60 }
func (m *memory) AwaitDurable(context.Context, uint64) error          { return nil }
func (m *memory) Hasten()                                             {}
func (m *memory) Statement(*audit.Event, redact.Reader) (bool, error) { return false, nil }
func (m *memory) Outcome(_, message string, _ bool) string            { return message }
func (m *memory) Text(_, text string) string                          { return text }
func newTestGate(t testing.TB, m *memory, r *access.StatementRules) *Gate {
	return NewGate(m, audit.Scope{Gateway: "g", Session: "s"}, testPermit(t, r), m)
}

// testPermit is what the engine gives under the rules.
func testPermit(t testing.TB, rules *access.StatementRules) *access.Permit {
	t.Helper()
	e, err := access.Compile(&access.Snapshot{
		Users:       map[string]access.User{"alice": {Name: "alice", Kind: access.Person, Roles: []string{"analysts"}}},
		Roles:       map[string]access.Role{"analysts": {Name: "analysts", Resources: []string{"*"}, Accounts: []string{"*"}, Statements: rules}},
		Resources:   map[string]access.Resource{"db": {Name: "db", Protocol: "postgres", Accounts: map[string]string{"app": "app"}}},
		Credentials: map[string]access.Credential{"app": {Name: "app", Source: "test"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Authorize(access.Ask{Identity: access.Identity{User: "alice"}, Resource: "db", Now: time.Now(), Addr: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	return &p
}

func TestGateJudges(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules access.StatementRules
		s     Statement
		want  audit.Verdict
	}{
		{"an allowed class", access.StatementRules{Classes: []string{"read"}}, Statement{Class: "read", Understood: true}, audit.Allow},
		{"another class", access.StatementRules{Classes: []string{"read"}}, Statement{Class: "write", Understood: true}, audit.Deny},
		{"a read that may do anything", access.StatementRules{Classes: []string{"read"}}, Statement{Class: "read"}, audit.Deny},
		{"a read that may do anything, where that is allowed", access.StatementRules{Classes: []string{"read", "other"}}, Statement{Class: "read"}, audit.Allow},
		{"a read of what cannot be told", access.StatementRules{Classes: []string{"read"}}, Statement{Class: "read", OnlyRead: true}, audit.Allow},
		{"a write of what cannot be told", access.StatementRules{Classes: []string{"read"}}, Statement{Class: "write", OnlyRead: true}, audit.Deny},
		{"a definition that will write", access.StatementRules{Classes: []string{"read"}}, Statement{Class: "prepare", Judged: "write", Understood: true}, audit.Deny},
		{"a definition that will read", access.StatementRules{Classes: []string{"read"}}, Statement{Class: "prepare", Judged: "read", Understood: true}, audit.Allow},
		{"a definition that may do anything", access.StatementRules{Classes: []string{"read"}}, Statement{Class: "prepare", Judged: "read"}, audit.Deny},
	} {
		m := &memory{}
		g := newTestGate(t, m, &c.rules)
		c.s.Text = []byte("text")
		_, err := g.Begin(t.Context(), &c.s)
		var denial *access.Denial
		if denied := errors.As(err, &denial); denied != (c.want == audit.Deny) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if len(m.events) != 1 || m.events[0].Verdict != c.want || m.events[0].Class != c.s.Class || m.events[0].Policy != "role:analysts" {
			t.Errorf("%s: recorded %+v", c.name, m.events)
		}
		if denial != nil && m.events[0].Reason != denial.Sentence {
			t.Errorf("%s: recorded the reason %q, told %q", c.name, m.events[0].Reason, denial.Sentence)
		}
		m.events = nil
		if checked := g.Check(t.Context(), &c.s); (checked != nil) != (denial != nil) || (len(m.events) == 1) != (denial != nil) {
			t.Errorf("%s: checked, %v, and recorded %+v", c.name, checked, m.events)
		}
	}
}

// TestChangeWhileRecording: what was let pass by rules that changed while it was being recorded does not run.
func TestChangeWhileRecording(t *testing.T) {
	for name, change := range map[string]func(g *Gate){
		"other rules": func(g *Gate) { g.setPermit(testPermit(t, &access.StatementRules{Classes: []string{"read"}})) },
		"a cut":       func(g *Gate) { g.shut(&Ended{Sentence: "suspended"}) },
	} {
		m := &memory{}
		g := newTestGate(t, m, nil)
		m.during = func() { m.during = nil; change(g) }
		if _, err := g.Begin(t.Context(), &Statement{Text: []byte("x"), Class: "write", Understood: true}); err == nil {
			t.Errorf("%s: the statement runs", name)
		}
		last := m.events[len(m.events)-1]
		if last.Type != audit.StatementResult || last.Of != "id" || last.ErrorMessage == "" {
			t.Errorf("%s: the last record is %+v", name, last)
		}
	}
}

// BenchmarkBegin is what policy adds to a statement, before a journal that costs nothing: without rules, with rules that
// know the statement's shape, with rules that do not, and denied. Run it with -count to compare.
func BenchmarkBegin(b *testing.B) {
	rules := access.StatementRules{Classes: []string{"read", "write"}, DenyTables: []string{"salaries", "people"}, DenyColumns: []string{"customers.ssn"},
		RequireWhere: true, MaxRows: 10_000}
	statement := func(fingerprint string) *Statement {
		return &Statement{Text: []byte("SELECT abalance FROM pgbench_accounts WHERE aid = $1"), Command: "execute", Class: "read", Understood: true,
			Tables: []string{"pgbench_accounts"}, Columns: []string{"pgbench_accounts.abalance", "pgbench_accounts.aid"}, Fingerprint: fingerprint}
	}
	shapes := make([]*Statement, 1024) // more than a session remembers
	for i := range shapes {
		shapes[i] = statement(fmt.Sprintf("%016x", i))
	}
	denied := statement("d")
	denied.Tables = []string{"salaries"}
	for _, c := range []struct {
		name  string
		rules *access.StatementRules
		run   []*Statement
	}{
		{"without rules", nil, shapes[:1]}, {"known shape", &rules, shapes[:1]}, {"new shape", &rules, shapes}, {"denied", &rules, []*Statement{denied}},
	} {
		b.Run(c.name, func(b *testing.B) {
			g := newTestGate(b, &memory{discard: true}, c.rules)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := g.Begin(b.Context(), c.run[i%len(c.run)]); (err != nil) != (c.name == "denied") {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestRefusedStatementsAreOnTheRecord(t *testing.T) {
	m := &memory{}
	g := newTestGate(t, m, nil)
	s := &Statement{Text: []byte("PSYNC ? -1"), Class: "admin"}
	if err := g.Refuse(t.Context(), s, &Refusal{Sentence: "replication is not served"}); err != nil {
		t.Fatal(err)
	}
	if len(m.events) != 1 || m.events[0].Verdict != audit.Deny || m.events[0].Reason != "replication is not served" || m.events[0].Statement.String() != "PSYNC ? -1" {
		t.Errorf("recorded %+v", m.events)
	}
	if g.statements.Load() != 0 {
		t.Error("it counts among the session's statements")
	}
}

// behindDisk is a journal of which nothing is on disk yet.
type behindDisk struct {
	memory
	hastened int
}

func (b *behindDisk) Durable() uint64 { return 0 }
func (b *behindDisk) Hasten()         { b.hastened++ }

// What is written to the store of a session that holds answers hastens the record, once there is one.
func TestStoreWriteHastensRecord(t *testing.T) {
	for durability, want := range map[access.Durability]int{access.Hold: 1, access.Interval: 0, access.Strict: 0} {
		t.Run(string(durability), func(t *testing.T) {
			disk := &behindDisk{}
			permit := testPermit(t, nil)
			permit.Resource.Durability = durability
			gate := NewGate(disk, audit.Scope{Gateway: "g", Session: "s"}, permit, disk)
			client, _ := pair(t, false)
			near, far := pair(t, false)
			conn := NewConn(client, true)
			conn.beginRelay(func() error { return nil }, gate.hasten)
			store := conn.NewStream(near)
			for _, begin := range []bool{false, true} {
				if begin {
					if _, err := gate.Begin(t.Context(), &Statement{Text: []byte("select 1"), Class: "read", Understood: true}); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := store.Write([]byte("x")); err != nil {
					t.Fatal(err)
				}
				if _, err := far.Read(make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
			}
			if disk.hastened != want {
				t.Fatalf("hastened %d times, want %d", disk.hastened, want)
			}
		})
	}
}
