package indextest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// begun is when the events begin: long enough ago that no time ago in a search is near an event.
var begun = time.Now().UTC().Add(-30 * time.Hour).Truncate(time.Hour)

var longNeedle = strings.Repeat("needle in a long text, ", 20)

// corpus writes events, and remembers those whose results are still to come.
type corpus struct {
	t    testing.TB
	j    *journal.Journal
	at   time.Time
	n    int
	ids  []string // of all events but results
	late []*audit.Event
}

func newCorpus(t testing.TB, j *journal.Journal) *corpus { return &corpus{t: t, j: j, at: begun} }

func (c *corpus) append(e *audit.Event) *audit.Event {
	c.t.Helper()
	c.at = c.at.Add(time.Duration(c.n%13) * 1_234_567 * time.Microsecond)
	c.n++
	if e.Time.IsZero() {
		e.Time = c.at
	}
	if err := c.j.Append(e); err != nil {
		c.t.Fatal(err)
	}
	if e.Type != audit.StatementResult && e.Type != audit.RecordingGrown {
		c.ids = append(c.ids, e.ID)
	}
	return e
}

// statement is one of somebody's: who, from where and to what goes round.
func (c *corpus) statement(text string, params ...audit.Param) *audit.Event {
	c.t.Helper()
	scope := scopes[c.n%len(scopes)]
	scope.Gateway = gateway
	e := &audit.Event{Type: audit.StatementBegin, Scope: scope, Statement: audit.Text{Bytes: []byte(text)}, Params: params,
		Class: []string{"read", "write", "ddl", ""}[c.n%4], Verdict: audit.Allow, Command: []string{"query", "execute"}[c.n%2],
		Fingerprint: fmt.Sprintf("fp-%d", len(text)%7), BytesIn: int64(len(text))}
	if c.n%3 == 0 {
		e.Tables = []string{"public.orders", "Refunds"}
		e.Columns = []string{"public.orders.email", "id"}
	}
	if c.n%5 == 0 {
		e.Verdict, e.Policy = "", ""
	}
	return c.append(e)
}

func (c *corpus) result(of *audit.Event, change func(*audit.Event)) {
	c.t.Helper()
	r := &audit.Event{Type: audit.StatementResult, Of: of.ID, Done: true, Rows: int64(c.n % 150), BytesIn: of.BytesIn + int64(c.n%2),
		BytesOut: int64(c.n) * 40, Duration: audit.Micros(time.Duration(c.n*c.n) * 777 * time.Microsecond),
		FirstRow: audit.Micros(time.Duration(c.n) * 100 * time.Microsecond), Tag: fmt.Sprintf("SELECT %d", c.n%150),
		Scope: audit.Scope{Gateway: gateway, Session: of.Session}}
	if c.n%6 == 0 {
		r.ErrorCode, r.ErrorMessage, r.Tag = "23505", "duplicate key \"orders_pkey\"", ""
	}
	if c.n%7 == 0 {
		r.ErrorMessage = "connection lost, said the store"
	}
	if change != nil {
		change(r)
	}
	c.append(r)
}

var scopes = []audit.Scope{
	{User: "alice@acme.com", Groups: []string{"dev", "Ops"}, Role: "developer", Resource: "orders-db", Protocol: "postgres",
		Account: "app", Login: "v-app-1", Database: "orders", ClientAddr: "10.0.0.5:4711", Entrance: "tunnel",
		Application: "psql", Session: "0199b1de-0000-7000-8000-000000000001", Credential: "orders-app"},
	{User: "ALICE@acme.com", Groups: []string{"dev"}, Resource: "Orders-DB", ClientAddr: "[::1]:80", Application: `my "tool"`,
		Session: "0199b1de-0000-7000-8000-000000000002", Entrance: "native"},
	{User: "Ärger@acme.com", Groups: []string{"übung", "a*b?c\\d"}, Resource: "prod*1", ClientAddr: "10.0.0.50:1",
		Application: "nightly, job (x)", Account: "root", Login: "root", Session: "0199b1de-0000-7000-8000-000000000003"},
	{User: "etl", Resource: "orders", ClientAddr: "fe80::1", Application: "\u212aelvin ſ", Database: "İstanbul",
		Session: "0199b1de-0000-7000-8000-000000000004", Role: "\ufffd"},
	{},
}

var texts = []string{
	"select 1", "SELECT * FROM orders WHERE note = 'Refund'", "update refunds set a = \"b\\c\" where x = '50%'",
	"line\nrefund\tÉclair\x01 end", "\xff\xferefund\xff", "éclair {\"hex\":\"refund\"}", "refund_id, refund-id (refund)",
	`,"user":"alice","type":"x"`, "select {", "a*b?c\\d /* comment */ -- refund", "\u212aelvin ſ kelvin s İ i ß SS",
	"über Über ÜBER grüße", "日本語の文 refund日", "x\x00y \ufdd0edge\ufdd0 \ufffd", strings.Repeat("x", 300) + " refund",
	strings.Repeat("ab ", 700) + "tailword", "  leading and trailing  ", "1234567 4111 1111 1111 1111", "☃ snow ☃man", "ⅷ Ⅷ ⓐ Ⓐ",
	"aé éa ééé", "_under_score under_score", "select\u00a0nbsp", "e\u0301clair combining",
}

// begin writes what is there when an index is opened.
func (c *corpus) begin() {
	c.append(&audit.Event{Type: audit.SessionStart, Scope: scopes[0]})
	for i, text := range texts {
		e := c.statement(text)
		if i%3 == 0 {
			c.late = append(c.late, e)
		} else {
			c.result(e, nil)
		}
	}
	c.parameters()
	shell := c.statement("shell")
	recorded := &audit.Recording{SHA256: strings.Repeat("0f", 32), Size: 4711, Duration: audit.Micros(time.Minute)}
	c.append(&audit.Event{Type: audit.RecordingGrown, Of: shell.ID, Scope: audit.Scope{Gateway: gateway, Session: shell.Session}, Recording: recorded})
	c.result(shell, func(r *audit.Event) { r.Recording = recorded })
	refused := c.statement("drop table orders")
	_ = refused
	c.append(&audit.Event{Type: audit.StatementBegin, Scope: scopes[0], Statement: audit.Text{Bytes: []byte("drop table refunds")},
		Class: "ddl", Verdict: audit.Deny, Policy: "no-ddl", Reason: "the role developer may not change tables"})
	own := c.append(&audit.Event{ID: "of-its-own/making?#%", Type: audit.StatementBegin, Scope: scopes[1],
		Statement: audit.Text{Bytes: []byte("own id refund")}, Class: "read"})
	c.late = append(c.late, own)
}

func (c *corpus) parameters() {
	c.statement("insert into orders values ($1, $2, $3)", text("refund"), audit.Param{Form: audit.ParamNull}, text("Grüße"))
	c.statement("insert $1", audit.Param{Form: audit.ParamHex, Value: []byte("\x00\x01refund\xff")}, text(""))
	c.statement("param in hex", audit.Param{Form: audit.ParamHex, Value: []byte("plain")}, text("\xff\xfe"))
	c.result(c.statement("two $1 $2", text("value one"), text("value two")), nil)
	c.statement("long $1", text(strings.Repeat("p", 5000)+" pneedle"))
	var many []audit.Param
	for i := range 300 {
		many = append(many, text(fmt.Sprintf("p%d %s", i, strings.Repeat("q", 1500))))
	}
	c.late = append(c.late, c.statement("many $1", many...))
}

func text(s string) audit.Param { return audit.Param{Value: []byte(s), Form: audit.ParamText} }

// goOn writes the results that are late, and more.
func (c *corpus) goOn() {
	for i, e := range c.late {
		c.result(e, func(r *audit.Event) {
			if i == 0 {
				r.Recording = &audit.Recording{SHA256: strings.Repeat("f0", 32), Size: 1}
			}
		})
	}
	c.long()
	c.append(&audit.Event{Type: audit.SessionEnd, Scope: scopes[0], Rows: 1000, BytesIn: 5000, BytesOut: 9000,
		Duration: audit.Micros(time.Minute), Statements: 12, Reason: "the client left"})
	c.append(&audit.Event{Type: audit.SessionDenied, Scope: scopes[3], Verdict: audit.Deny, Reason: "no role gives access to orders"})
	c.append(&audit.Event{Type: audit.AdminAct, Scope: audit.Scope{User: "root@acme.com", Entrance: "api"}, Action: "users.suspend",
		Target: "alice@acme.com", Before: `{"a":"refund"}`, After: `{"a":` + strings.Repeat(" ", 3000) + `"b"}`})
	c.append(&audit.Event{Type: audit.StatementBegin, Scope: scopes[0], Time: c.at.Add(-2 * time.Hour), Class: "read",
		Statement: audit.Text{Bytes: []byte("the clock was set back here, refund")}})
	for i := range 30 {
		e := c.statement(fmt.Sprintf("select %d from orders", i))
		e.Redacted = nil
		c.result(e, nil)
	}
	c.append(&audit.Event{Type: audit.StatementBegin, Scope: scopes[0], Class: "read", Redacted: []string{"statement", "params"},
		Prepared: "S_1", Statement: audit.Text{Bytes: []byte("select '***'")}})
}

// long writes texts and values that are too much for one field of an index.
func (c *corpus) long() {
	var b bytes.Buffer
	for i := 0; b.Len() < 1500<<10; i++ {
		fmt.Fprintf(&b, "(%d, 'value %x'),\n", i, i*2654435761)
	}
	huge := "insert into orders values " + b.String() + " hugeend"
	c.result(c.statement(huge), nil)
	middle := huge[:100<<10] + " middleend " + longNeedle + " é"
	c.result(c.statement(middle), nil)
	c.late = append(c.late[:0], c.statement(middle))
	c.statement("$1", text(middle), text("small"))
	c.statement(strings.Repeat("w", 3000) + longNeedle)
	c.append(&audit.Event{Type: audit.StatementBegin, Scope: audit.Scope{User: strings.Repeat("longname", 1000) + "@acme.com",
		Application: strings.Repeat("É", 5000), Groups: []string{"dev", strings.Repeat("g", 40_000)}}, Class: "read",
		Statement: audit.Text{Bytes: []byte("who is this refund")}})
	tables := make([]string, 1500)
	for i := range tables {
		tables[i] = fmt.Sprintf("wide.t%d", i)
	}
	c.result(c.append(&audit.Event{Type: audit.StatementBegin, Scope: scopes[2], Class: "read", Tables: tables,
		Statement: audit.Text{Bytes: []byte("select from everything")}}), func(r *audit.Event) {
		r.ErrorCode, r.ErrorMessage = "", strings.Repeat("no such thing; ", 5000)
	})
	c.result(c.late[0], nil)
}
