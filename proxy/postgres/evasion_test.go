package postgres

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sallyport/sallyport/proxy/proxytest"
)

// run plays the exchange in a session of its own.
func (x exchange) run(t *testing.T, start func(*testing.T) (*proxytest.Gateway, *wire)) {
	t.Run(x.name, func(t *testing.T) {
		g, w := start(t)
		var answers []string
		for i, m := range x.send {
			w.send(m...)
			answers = append(answers, w.answers(x.ready[i])...)
		}
		if diff := cmp.Diff(x.answers, answers); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(x.recorded, story(w.leave(g))); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}

// TestEvasion holds what somebody may try so that the record says something else than what runs. It only grows.
func TestEvasion(t *testing.T) {
	start := wireStarter(t)
	longName := strings.Repeat("n", maxName)
	for _, x := range []exchange{
		{
			name: "a failed redefinition does not change what is recorded",
			send: [][]pgproto3.FrontendMessage{
				{parse("s", "SELECT 'innocent'"), syncMessage},
				{parse("s", "SELECT 'evil'"), syncMessage, bind("", "s"), executeAll, syncMessage},
			},
			ready:   []int{1, 2},
			answers: []string{"parsed", "ready:I", "error:42P05", "ready:I", "bound", "row:innocent", "SELECT 1", "ready:I"},
			recorded: []string{"parse: SELECT 'innocent' ->  rows=0", "parse: SELECT 'evil' ->  rows=0 error=42P05",
				"execute: SELECT 'innocent' -> SELECT 1 rows=1"},
		},
		{
			name: "what an error skipped does not change what is recorded",
			send: [][]pgproto3.FrontendMessage{
				{parse("s", "SELECT 'evil'"), syncMessage},
				{bind("", "missing"), &pgproto3.Close{ObjectType: 'S', Name: "s"}, parse("s", "SELECT 'innocent'"), syncMessage,
					bind("", "s"), executeAll, syncMessage},
			},
			ready:   []int{1, 2},
			answers: []string{"parsed", "ready:I", "error:26000", "ready:I", "bound", "row:evil", "SELECT 1", "ready:I"},
			recorded: []string{"parse: SELECT 'evil' ->  rows=0", "parse: SELECT 'innocent' ->  rows=0 error=",
				"execute: SELECT 'evil' -> SELECT 1 rows=1"},
		},
		{
			name: "a skipped Bind does not change what a portal is",
			send: [][]pgproto3.FrontendMessage{
				{query("BEGIN"), parse("a", "SELECT 'evil'"), parse("b", "SELECT 'innocent'"), bind("p", "a"), syncMessage},
				{bind("", "missing"), &pgproto3.Close{ObjectType: 'P', Name: "p"}, bind("p", "b"), syncMessage, query("ROLLBACK"),
					bind("", "a"), executeAll, syncMessage},
			},
			ready: []int{2, 3},
			answers: []string{"BEGIN", "ready:T", "parsed", "parsed", "bound", "ready:T", "error:26000", "ready:E", "ROLLBACK", "ready:I",
				"bound", "row:evil", "SELECT 1", "ready:I"},
			recorded: []string{"query: BEGIN -> BEGIN rows=0", "bind: SELECT 'evil' ->  rows=0", "parse: SELECT 'innocent' ->  rows=0",
				"bind: SELECT 'innocent' ->  rows=0 error=26000", "query: ROLLBACK -> ROLLBACK rows=0", "execute: SELECT 'evil' -> SELECT 1 rows=1"},
		},
		{
			name: "SQL that redefines a prepared statement",
			send: [][]pgproto3.FrontendMessage{
				{parse("s", "SELECT 'innocent'"), syncMessage},
				{query("DEALLOCATE s; PREPARE s AS SELECT 'evil'")},
				{bind("", "s"), executeAll, syncMessage},
			},
			ready:   []int{1, 1, 1},
			answers: []string{"parsed", "ready:I", "DEALLOCATE", "PREPARE", "ready:I", "bound", "row:evil", "SELECT 1", "ready:I"},
			recorded: []string{"parse: SELECT 'innocent' ->  rows=0", "query: DEALLOCATE s; PREPARE s AS SELECT 'evil' -> DEALLOCATE; PREPARE rows=0",
				"execute: DEALLOCATE s; PREPARE s AS SELECT 'evil' -> SELECT 1 rows=1"},
		},
		{
			name: "SQL that redefines a prepared statement, sent behind the end of a failed transaction",
			send: [][]pgproto3.FrontendMessage{
				{parse("s", "SELECT 'innocent'"), syncMessage, query("BEGIN"), query("SELEKT")},
				{query("ROLLBACK; DEALLOCATE s; PREPARE s AS SELECT 'evil'"), bind("", "s"), executeAll, syncMessage},
			},
			ready: []int{3, 2},
			answers: []string{"parsed", "ready:I", "BEGIN", "ready:T", "error:42601", "ready:E", "ROLLBACK", "DEALLOCATE", "PREPARE", "ready:I",
				"bound", "row:evil", "SELECT 1", "ready:I"},
			recorded: []string{"parse: SELECT 'innocent' ->  rows=0", "query: BEGIN -> BEGIN rows=0", "query: SELEKT ->  rows=0 error=42601",
				"query: ROLLBACK; DEALLOCATE s; PREPARE s AS SELECT 'evil' -> ROLLBACK; DEALLOCATE; PREPARE rows=0",
				"execute: ROLLBACK; DEALLOCATE s; PREPARE s AS SELECT 'evil' -> SELECT 1 rows=1"},
		},
		{
			name:  "SQL that runs what Parse has defined",
			send:  []messages{{parse("s", "SELECT 'evil'"), syncMessage}, {query("EXECUTE s")}},
			ready: []int{1, 1}, answers: []string{"parsed", "ready:I", "row:evil", "SELECT 1", "ready:I"},
			recorded: []string{"parse: SELECT 'evil' ->  rows=0", "query: EXECUTE s -> SELECT 1 rows=1"},
		},
		{
			name:  "SQL that runs what Bind has defined",
			send:  []messages{{query("BEGIN"), parse("", "SELECT $1"), bind("p", "", "evil"), query("FETCH ALL FROM p")}},
			ready: []int{2}, answers: []string{"BEGIN", "ready:T", "parsed", "bound", "row:evil", "FETCH 1", "ready:T"},
			recorded: []string{"query: BEGIN -> BEGIN rows=0", "bind: SELECT $1 'evil' ->  rows=0", "query: FETCH ALL FROM p -> FETCH 1 rows=1"},
		},
		{
			name: "SQL that puts a cursor in the place of a portal",
			send: []messages{{query("BEGIN"), parse("", "SELECT 'innocent'"), bind("p", ""),
				query("CLOSE p; DECLARE p CURSOR FOR SELECT 'evil'"), &pgproto3.Execute{Portal: "p"}, syncMessage}},
			ready: []int{3},
			answers: []string{"BEGIN", "ready:T", "parsed", "bound", "CLOSE CURSOR", "DECLARE CURSOR", "ready:T",
				"row:evil", "SELECT 1", "ready:T"},
			recorded: []string{"query: BEGIN -> BEGIN rows=0", "bind: SELECT 'innocent' ->  rows=0",
				"query: CLOSE p; DECLARE p CURSOR FOR SELECT 'evil' -> CLOSE CURSOR; DECLARE CURSOR rows=0",
				"fetch: CLOSE p; DECLARE p CURSOR FOR SELECT 'evil' -> SELECT 1 rows=1"},
		},
		{
			name: "names that differ only where the store does not look",
			send: [][]pgproto3.FrontendMessage{
				{parse(longName+"a", "SELECT 'innocent'"), syncMessage},
				{&pgproto3.Close{ObjectType: 'S', Name: longName + "b"}, parse(longName+"b", "SELECT 'evil'"), syncMessage},
				{bind("", longName+"a"), executeAll, syncMessage},
			},
			ready:   []int{1, 1, 1},
			answers: []string{"parsed", "ready:I", "closed", "parsed", "ready:I", "bound", "row:evil", "SELECT 1", "ready:I"},
			recorded: []string{"parse: SELECT 'innocent' ->  rows=0", "parse: SELECT 'evil' ->  rows=0",
				"execute: SELECT 'evil' -> SELECT 1 rows=1"},
		},
		{
			name: "Bind alone, whose planning runs a function",
			send: []messages{
				{query("CREATE FUNCTION leak() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE 'leaked'; END $$")},
				{parse("", "SELECT leak()"), bind("", ""), syncMessage},
				{parse("s", "SELECT $1::int"), syncMessage}, {bind("", "s", "1"), syncMessage},
			},
			ready:   []int{1, 1, 1, 1},
			answers: []string{"CREATE FUNCTION", "ready:I", "parsed", "error:P0001", "ready:I", "parsed", "ready:I", "bound", "ready:I"},
			recorded: []string{
				"query: CREATE FUNCTION leak() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE 'leaked'; END $$ -> CREATE FUNCTION rows=0",
				"bind: SELECT leak() ->  rows=0 error=P0001",
				"parse: SELECT $1::int ->  rows=0", "bind: SELECT $1::int '1' ->  rows=0"},
		},
		{
			name: "a search path that leads the gateway's own question astray",
			send: [][]pgproto3.FrontendMessage{
				{query("CREATE SCHEMA x"), query("CREATE FUNCTION x.yes(text, text) RETURNS bool LANGUAGE sql AS $$SELECT $1 = 'a'$$"),
					query("CREATE OPERATOR x.= (FUNCTION = x.yes, LEFTARG = text, RIGHTARG = text)")},
				{query("PREPARE a AS SELECT 'innocent'"), query("PREPARE b AS SELECT 'evil'"), query("SET search_path = x, pg_catalog"),
					bind("", "b"), executeAll, syncMessage},
			},
			ready: []int{3, 4},
			answers: []string{"CREATE SCHEMA", "ready:I", "CREATE FUNCTION", "ready:I", "CREATE OPERATOR", "ready:I", "PREPARE", "ready:I",
				"PREPARE", "ready:I", "SET", "ready:I", "bound", "row:evil", "SELECT 1", "ready:I"},
			recorded: []string{"query: CREATE SCHEMA x -> CREATE SCHEMA rows=0",
				"query: CREATE FUNCTION x.yes(text, text) RETURNS bool LANGUAGE sql AS $$SELECT $1 = 'a'$$ -> CREATE FUNCTION rows=0",
				"query: CREATE OPERATOR x.= (FUNCTION = x.yes, LEFTARG = text, RIGHTARG = text) -> CREATE OPERATOR rows=0",
				"query: PREPARE a AS SELECT 'innocent' -> PREPARE rows=0", "query: PREPARE b AS SELECT 'evil' -> PREPARE rows=0",
				"query: SET search_path = x, pg_catalog -> SET rows=0", "execute: PREPARE b AS SELECT 'evil' -> SELECT 1 rows=1"},
		},
	} {
		x.run(t, start)
	}
	t.Run("more parameters than a signed count holds", func(t *testing.T) {
		const n = 40_000
		g, w := start(t)
		sql := strings.Builder{}
		values := make([]string, n)
		for i := range values {
			fmt.Fprintf(&sql, ",$%d", i+1)
			values[i] = "v"
		}
		w.send(parse("", "SELECT cardinality(ARRAY["+sql.String()[1:]+"]::text[])"), bind("", "", values...), executeAll, syncMessage)
		if diff := cmp.Diff([]string{"parsed", "bound", "row:40000", "SELECT 1", "ready:I"}, w.answers(1)); diff != "" {
			t.Error(diff)
		}
		events := w.leave(g)
		if last := events[len(events)-1]; last.Command != "execute" || len(last.Params) != n {
			t.Errorf("the last record is a %s with %d parameters", last.Command, len(last.Params))
		}
	})
}
