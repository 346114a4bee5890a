package postgres

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// TestRowLimit: at most three rows of a statement reach the client, however it asks for them, and the session goes on.
func TestRowLimit(t *testing.T) {
	start := wireStarter(t)
	series := "SELECT * FROM generate_series(1, 5)"
	three := []string{"row:1", "row:2", "row:3"}
	for _, x := range []exchange{
		{
			name: "a query", send: []messages{{query(series)}, {query("SELECT 'on'")}}, ready: []int{1, 1},
			answers:  append(three[:3:3], "error:42501", "ready:I", "row:on", "SELECT 1", "ready:I"),
			recorded: []string{"query: " + series + " -> SELECT 5 rows=3 error=42501", "query: SELECT 'on' -> SELECT 1 rows=1"},
		},
		{
			name: "a query of several statements", send: []messages{{query("SELECT 1; " + series + "; SELECT 'not shown'")}, {query("SELECT 'on'")}}, ready: []int{1, 1},
			answers:  []string{"row:1", "SELECT 1", "row:1", "row:2", "error:42501", "ready:I", "row:on", "SELECT 1", "ready:I"},
			recorded: []string{"query: SELECT 1; " + series + "; SELECT 'not shown' -> SELECT 1; SELECT 5; SELECT 1 rows=3 error=42501", "query: SELECT 'on' -> SELECT 1 rows=1"},
		},
		{
			name: "a batch", send: []messages{{parse("", series), bind("", ""), executeAll, parse("", "SELECT 'not shown'"), bind("", ""), executeAll, syncMessage},
				{query("SELECT 'on'")}}, ready: []int{1, 1},
			answers:  append([]string{"parsed", "bound"}, append(three[:3:3], "error:42501", "ready:I", "row:on", "SELECT 1", "ready:I")...),
			recorded: []string{"execute: " + series + " -> SELECT 5 rows=3 error=42501", "execute: SELECT 'not shown' -> SELECT 1 rows=1", "query: SELECT 'on' -> SELECT 1 rows=1"},
		},
		{
			name: "a portal fetched in parts", send: []messages{{parse("", series), bind("", ""), &pgproto3.Execute{MaxRows: 2}, &pgproto3.Execute{MaxRows: 2}, syncMessage},
				{query("SELECT 'on'")}}, ready: []int{1, 1},
			answers:  []string{"parsed", "bound", "row:1", "row:2", "suspended", "row:3", "error:42501", "ready:I", "row:on", "SELECT 1", "ready:I"},
			recorded: []string{"execute: " + series + " ->  rows=2", "fetch: " + series + " ->  rows=1 error=42501", "query: SELECT 'on' -> SELECT 1 rows=1"},
		},
		{
			name: "copy out", send: []messages{{query("COPY (" + series + ") TO STDOUT")}, {query("SELECT 'on'")}}, ready: []int{1, 1},
			answers:  []string{"CopyOutResponse", "CopyData", "CopyData", "CopyData", "error:42501", "ready:I", "row:on", "SELECT 1", "ready:I"},
			recorded: []string{"query: COPY (" + series + ") TO STDOUT -> COPY 5 rows=3 error=42501", "query: SELECT 'on' -> SELECT 1 rows=1"},
		},
		{
			name: "just enough", send: []messages{{query("SELECT * FROM generate_series(1, 3)")}}, ready: []int{1},
			answers:  append(three[:3:3], "SELECT 3", "ready:I"),
			recorded: []string{"query: SELECT * FROM generate_series(1, 3) -> SELECT 3 rows=3"},
		},
	} {
		x.run(t, func(t *testing.T) (*proxytest.Gateway, *wire) {
			g, w := start(t)
			g.Govern(t, access.Role{Statements: &access.StatementRules{MaxRows: 3}})
			return g, w
		})
	}
}

// TestRowLimitCancels: a statement that would return rows for long is cancelled, in a transaction as by any error, and
// rows that come in pieces are counted, too.
func TestRowLimitCancels(t *testing.T) {
	g, w := newWire(t)
	g.Govern(t, access.Role{Statements: &access.StatementRules{MaxRows: 2}})
	const endless = "SELECT repeat('x', 200000), generate_series(1, 1000000000)"
	row := "row:" + strings.Repeat("x", 200_000)
	w.send(query("BEGIN"), query("SELECT 1"))
	w.answers(2)
	w.send(query(endless))
	if diff := cmp.Diff([]string{row, row, "error:42501", "ready:E"}, w.answers(1)); diff != "" {
		t.Errorf("a query (-want +got):\n%.2000s", diff)
	}
	w.send(query("ROLLBACK"), parse("", endless), bind("", ""), executeAll, syncMessage)
	if diff := cmp.Diff([]string{"ROLLBACK", "ready:I", "parsed", "bound", row, row, "error:42501", "ready:I"}, w.answers(2)); diff != "" {
		t.Errorf("a batch (-want +got):\n%.2000s", diff)
	}
	w.send(query("SELECT 'on'"))
	w.answers(1)
	for _, e := range w.leave(g) {
		if strings.HasPrefix(e.Statement.String(), "SELECT repeat") && (e.Rows != 2 || e.ErrorCode != codeInsufficientPrivilege || !strings.Contains(e.ErrorMessage, "2 rows")) {
			t.Errorf("recorded %d rows, %s %s", e.Rows, e.ErrorCode, e.ErrorMessage)
		}
	}
}

// TestDeniedInBatches: what a batch holds before and behind a denied statement, and what its client reads.
func TestDeniedInBatches(t *testing.T) {
	start := wireStarter(t)
	const denied = "SELECT n FROM salaries"
	for _, x := range []exchange{
		{
			name: "in the middle", send: []messages{{parse("", "SELECT 1"), bind("", ""), executeAll, parse("", denied), bind("", ""), executeAll,
				parse("", "SELECT 2"), bind("", ""), executeAll, syncMessage, query("SELECT 3")}}, ready: []int{2},
			answers:  []string{"parsed", "bound", "row:1", "SELECT 1", "error:42501", "ready:I", "row:3", "SELECT 1", "ready:I"},
			recorded: []string{"execute: SELECT 1 -> SELECT 1 rows=1", "parse: " + denied + " ->  rows=0", "query: SELECT 3 -> SELECT 1 rows=1"},
		},
		{
			name: "in a transaction", send: []messages{{query("BEGIN"), query(denied), query("SELECT 1"), query("ROLLBACK"), query("SELECT 2")}}, ready: []int{5},
			answers: []string{"BEGIN", "ready:T", "error:42501", "ready:E", "error:25P02", "ready:E", "ROLLBACK", "ready:I", "row:2", "SELECT 1", "ready:I"},
			recorded: []string{"query: BEGIN -> BEGIN rows=0", "query: " + denied + " ->  rows=0", "query: SELECT 1 ->  rows=0 error=25P02",
				"query: ROLLBACK -> ROLLBACK rows=0", "query: SELECT 2 -> SELECT 1 rows=1"},
		},
		{
			name: "a denied Parse leaves what its name meant", send: []messages{{parse("", "SELECT 1"), syncMessage}, {parse("", denied), bind("", ""), syncMessage},
				{bind("", ""), executeAll, syncMessage}}, ready: []int{1, 1, 1},
			answers:  []string{"parsed", "ready:I", "error:42501", "ready:I", "bound", "row:1", "SELECT 1", "ready:I"},
			recorded: []string{"parse: SELECT 1 ->  rows=0", "parse: " + denied + " ->  rows=0", "execute: SELECT 1 -> SELECT 1 rows=1"},
		},
		{
			name: "a function call", send: []messages{{&pgproto3.FunctionCall{Function: 1598}}, {query("SELECT 1")}}, ready: []int{1, 1},
			answers:  []string{"error:42501", "ready:I", "row:1", "SELECT 1", "ready:I"},
			recorded: []string{"function call: SELECT function 1598 ->  rows=0", "query: SELECT 1 -> SELECT 1 rows=1"},
		},
	} {
		x.run(t, func(t *testing.T) (*proxytest.Gateway, *wire) {
			g, w := start(t)
			g.Govern(t, access.Role{Statements: &access.StatementRules{DenyTables: []string{"salaries"}}})
			return g, w
		})
	}
	t.Run("prepared before the rule came", func(t *testing.T) {
		g, w := start(t)
		w.send(query("CREATE TABLE salaries (n int); INSERT INTO salaries VALUES (1)"), parse("s", denied), syncMessage, bind("", "s"), executeAll, syncMessage)
		w.answers(3)
		g.Govern(t, access.Role{Statements: &access.StatementRules{DenyTables: []string{"salaries"}}})
		w.send(bind("", "s"), executeAll, syncMessage)
		if diff := cmp.Diff([]string{"error:42501", "ready:I"}, w.answers(1)); diff != "" {
			t.Error(diff)
		}
		g.Govern(t, access.Role{})
		w.send(bind("", "s"), executeAll, syncMessage)
		if diff := cmp.Diff([]string{"bound", "row:1", "SELECT 1", "ready:I"}, w.answers(1)); diff != "" {
			t.Error(diff)
		}
	})
}
