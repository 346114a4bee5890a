package postgres

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"
)

// exchange is a conversation, and what is to be recorded of it.
type exchange struct {
	name     string
	send     [][]pgproto3.FrontendMessage // each in one write
	ready    []int                        // how many ReadyForQuery answer each
	answers  []string
	recorded []string
}

func parse(name, sql string, oids ...uint32) *pgproto3.Parse {
	return &pgproto3.Parse{Name: name, Query: sql, ParameterOIDs: oids}
}

func bind(portal, statement string, values ...string) *pgproto3.Bind {
	b := &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: statement}
	for _, v := range values {
		b.Parameters = append(b.Parameters, []byte(v))
	}
	return b
}

func query(sql string) *pgproto3.Query { return &pgproto3.Query{String: sql} }

var (
	syncMessage = &pgproto3.Sync{}
	executeAll  = &pgproto3.Execute{}
)

type messages = []pgproto3.FrontendMessage

func TestRecordOfExchanges(t *testing.T) {
	start := wireStarter(t)
	for _, x := range []exchange{
		{
			name:     "several statements in one Query",
			send:     []messages{{query("SELECT 1; SELECT 2 UNION SELECT 3")}},
			ready:    []int{1},
			answers:  []string{"row:1", "SELECT 1", "row:2", "row:3", "SELECT 2", "ready:I"},
			recorded: []string{"query: SELECT 1; SELECT 2 UNION SELECT 3 -> SELECT 1; SELECT 2 rows=3"},
		},
		{
			name:     "pipelined queries",
			send:     []messages{{query("SELECT 1"), query("SELEKT"), query(""), query("SELECT 2")}},
			ready:    []int{4},
			answers:  []string{"row:1", "SELECT 1", "ready:I", "error:42601", "ready:I", "EmptyQueryResponse", "ready:I", "row:2", "SELECT 1", "ready:I"},
			recorded: []string{"query: SELECT 1 -> SELECT 1 rows=1", "query: SELEKT ->  rows=0 error=42601", "query:  ->  rows=0", "query: SELECT 2 -> SELECT 1 rows=1"},
		},
		{
			name: "text parameters, NULL included",
			send: []messages{{parse("", "SELECT $1::text, $2::int"),
				&pgproto3.Bind{Parameters: [][]byte{[]byte("a'b\x00"[:3]), nil}}, executeAll, syncMessage}},
			ready:    []int{1},
			answers:  []string{"parsed", "bound", "row:a'b", "SELECT 1", "ready:I"},
			recorded: []string{"execute: SELECT $1::text, $2::int 'a'b' NULL -> SELECT 1 rows=1"},
		},
		{
			name: "binary parameters, their types learned from Describe",
			send: [][]pgproto3.FrontendMessage{
				{parse("s", "SELECT $1::int4 + $2::int8"), &pgproto3.Describe{ObjectType: 'S', Name: "s"}, syncMessage},
				{&pgproto3.Bind{PreparedStatement: "s", ParameterFormatCodes: []int16{1},
					Parameters: [][]byte{{0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 0, 0, 0, 0, 7}}}, executeAll, syncMessage},
			},
			ready:    []int{1, 1},
			answers:  []string{"parsed", "ready:I", "bound", "row:6", "SELECT 1", "ready:I"},
			recorded: []string{"parse: SELECT $1::int4 + $2::int8 ->  rows=0", "execute: SELECT $1::int4 + $2::int8 '-1' '7' -> SELECT 1 rows=1"},
		},
		{
			name: "a batch whose middle fails",
			send: []messages{{
				parse("", "SELECT 1"), bind("", ""), executeAll, parse("", "SELECT 1/$1::int"), bind("", "", "0"), executeAll,
				parse("", "SELECT 3"), bind("", ""), executeAll, syncMessage, query("SELECT 4"),
			}},
			ready:   []int{2},
			answers: []string{"parsed", "bound", "row:1", "SELECT 1", "parsed", "error:22012", "ready:I", "row:4", "SELECT 1", "ready:I"},
			recorded: []string{"execute: SELECT 1 -> SELECT 1 rows=1", "execute: SELECT 1/$1::int '0' ->  rows=0 error=22012",
				"execute: SELECT 3 ->  rows=0 error=", "query: SELECT 4 -> SELECT 1 rows=1"},
		},
		{
			name: "a portal fetched in parts",
			send: []messages{{query("BEGIN")}, {parse("", "SELECT * FROM generate_series(1, 3)"), bind("p", ""),
				&pgproto3.Execute{Portal: "p", MaxRows: 2}, &pgproto3.Execute{Portal: "p"}, syncMessage}},
			ready:   []int{1, 1},
			answers: []string{"BEGIN", "ready:T", "parsed", "bound", "row:1", "row:2", "suspended", "row:3", "SELECT 1", "ready:T"},
			recorded: []string{"query: BEGIN -> BEGIN rows=0", "execute: SELECT * FROM generate_series(1, 3) ->  rows=2",
				"fetch: SELECT * FROM generate_series(1, 3) -> SELECT 1 rows=1"},
		},
		{
			name: "copy in by a Query",
			send: []messages{{query("CREATE TEMP TABLE c (n int)")}, {query("COPY c FROM STDIN")},
				{&pgproto3.CopyData{Data: []byte("1\n2\n")}, &pgproto3.CopyData{Data: []byte("3\n")}, &pgproto3.CopyDone{}}},
			ready:    []int{1, 0, 1},
			answers:  []string{"CREATE TABLE", "ready:I", "CopyInResponse", "COPY 3", "ready:I"},
			recorded: []string{"query: CREATE TEMP TABLE c (n int) -> CREATE TABLE rows=0", "query: COPY c FROM STDIN -> COPY 3 rows=3"},
		},
		{
			name: "copy in by an Execute whose Sync is ignored",
			send: []messages{{query("CREATE TEMP TABLE c (n int)")},
				{parse("", "COPY c FROM STDIN"), bind("", ""), executeAll, syncMessage},
				{&pgproto3.CopyData{Data: []byte("1\n")}, &pgproto3.CopyDone{}, syncMessage},
				{parse("", "COPY c FROM STDIN"), bind("", ""), executeAll, syncMessage},
				{&pgproto3.CopyData{Data: []byte("not a number\n")}, &pgproto3.CopyDone{}, syncMessage}, {query("SELECT n FROM c")}},
			ready: []int{1, 0, 1, 0, 1, 1},
			answers: []string{"CREATE TABLE", "ready:I", "parsed", "bound", "CopyInResponse", "COPY 1", "ready:I",
				"parsed", "bound", "CopyInResponse", "error:22P02", "ready:I", "row:1", "SELECT 1", "ready:I"},
			recorded: []string{"query: CREATE TEMP TABLE c (n int) -> CREATE TABLE rows=0", "execute: COPY c FROM STDIN -> COPY 1 rows=1",
				"execute: COPY c FROM STDIN ->  rows=0 error=22P02", "query: SELECT n FROM c -> SELECT 1 rows=1"},
		},
		{
			name: "several copies in by one Query",
			send: []messages{{query("CREATE TEMP TABLE c (n int)")},
				{query("COPY c FROM STDIN; SELECT 1; COPY c FROM STDIN; COPY c FROM STDIN")},
				{&pgproto3.CopyData{Data: []byte("1\n")}, &pgproto3.CopyDone{}, &pgproto3.CopyDone{}},
				{&pgproto3.CopyData{Data: []byte("2\n")}, syncMessage, &pgproto3.CopyDone{}}, {query("SELECT n FROM c")}},
			ready: []int{1, 0, 0, 1, 1},
			answers: []string{"CREATE TABLE", "ready:I", "CopyInResponse", "COPY 1", "row:1", "SELECT 1", "CopyInResponse", "COPY 0",
				"CopyInResponse", "COPY 1", "ready:I", "row:1", "row:2", "SELECT 2", "ready:I"},
			recorded: []string{"query: CREATE TEMP TABLE c (n int) -> CREATE TABLE rows=0",
				"query: COPY c FROM STDIN; SELECT 1; COPY c FROM STDIN; COPY c FROM STDIN -> COPY 1; SELECT 1; COPY 0; COPY 1 rows=3",
				"query: SELECT n FROM c -> SELECT 2 rows=2"},
		},
		{
			name:     "copy out",
			send:     []messages{{query("COPY (SELECT generate_series(1, 2)) TO STDOUT")}},
			ready:    []int{1},
			answers:  []string{"CopyOutResponse", "CopyData", "CopyData", "CopyDone", "COPY 2", "ready:I"},
			recorded: []string{"query: COPY (SELECT generate_series(1, 2)) TO STDOUT -> COPY 2 rows=2"},
		},
		{
			name:  "function call",
			send:  []messages{{&pgproto3.FunctionCall{Function: 1598 /* random() */, ResultFormatCode: 0}}},
			ready: []int{1}, answers: []string{"FunctionCallResponse", "ready:I"},
			recorded: []string{"function call: SELECT function 1598 ->  rows=0"},
		},
		{
			name: "text that is no valid UTF-8 is recorded byte for byte",
			send: []messages{{query("SELECT '\xff\xfe'")}}, ready: []int{1},
			answers:  []string{"error:22021", "ready:I"},
			recorded: []string{"query: SELECT '\xff\xfe' ->  rows=0 error=22021"},
		},
	} {
		x.run(t, start)
	}
}

func TestRefusedQueryFailsItsTransaction(t *testing.T) {
	g, w := newWire(t)
	w.send(query("CREATE TEMP TABLE r (n int)"))
	w.answers(1)
	w.send(query("BEGIN"), query("INSERT INTO r VALUES (1)"))
	w.answers(2)
	g.Journal.Break()
	w.send(query("SELECT 1"), query("SELECT 2"))
	if diff := cmp.Diff([]string{"error:58030", "ready:E", "error:58030", "ready:E"}, w.answers(2)); diff != "" {
		t.Errorf("refused Query (-want +got):\n%s", diff)
	}
	g.Journal.Heal()
	w.send(query("COMMIT"), query("SELECT count(*) FROM r"))
	if diff := cmp.Diff([]string{"ROLLBACK", "ready:I", "row:0", "SELECT 1", "ready:I"}, w.answers(2)); diff != "" {
		t.Errorf("the transaction with the refused statement was not rolled back (-want +got):\n%s", diff)
	}
	want := []string{"query: CREATE TEMP TABLE r (n int) -> CREATE TABLE rows=0", "query: BEGIN -> BEGIN rows=0",
		"query: INSERT INTO r VALUES (1) -> INSERT 0 1 rows=1", "query: COMMIT -> ROLLBACK rows=0",
		"query: SELECT count(*) FROM r -> SELECT 1 rows=1"}
	if diff := cmp.Diff(want, story(w.leave(g))); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

// TestRefusedBindEndsTheSession: a Bind may run functions, so it must not pass without a record either, and what is
// open at the store is rolled back.
func TestRefusedBindEndsTheSession(t *testing.T) {
	g, w := newWire(t)
	w.send(query("CREATE TABLE r (n int)"))
	w.answers(1)
	w.send(parse("ins", "INSERT INTO r VALUES (1)"), syncMessage)
	w.answers(1)
	w.send(bind("", "ins"), executeAll, &pgproto3.Flush{})
	for {
		if _, ok := w.receive().(*pgproto3.CommandComplete); ok {
			break
		}
	}
	g.Journal.Break()
	w.send(bind("", "ins"), executeAll, syncMessage)
	e, ok := w.receive().(*pgproto3.ErrorResponse)
	if !ok || e.Severity != "FATAL" || e.Code != codeIOError {
		t.Errorf("the client was told %+v", e)
	}
	g.Journal.Heal()
	next := signIn(t, g)
	next.send(query("SELECT count(*) FROM r"))
	if diff := cmp.Diff([]string{"row:0", "SELECT 1", "ready:I"}, next.answers(1)); diff != "" {
		t.Errorf("the batch with the refused statement was not rolled back (-want +got):\n%s", diff)
	}
}

func TestBrokenMessagesEndTheSessionInWords(t *testing.T) {
	start := wireStarter(t)
	message := func(kind byte, body string) []byte { return appendMessage(nil, kind, []byte(body)) }
	for name, c := range map[string]struct {
		raw  []byte
		code string
		says string
	}{
		"unknown type":          {message('y', "abc"), codeProtocolViolation, "not part of the protocol"},
		"length below four":     {[]byte{'Q', 0, 0, 0, 3}, codeProtocolViolation, "invalid length"},
		"negative length":       {[]byte{'Q', 0xff, 0xff, 0xff, 0xff}, codeProgramLimitExceeded, "larger than"},
		"over the limit":        {binary.BigEndian.AppendUint32([]byte{'Q'}, 2<<20), codeProgramLimitExceeded, "larger than"},
		"NUL inside a Query":    {message('Q', "SELECT 1\x00; DROP TABLE x\x00"), codeProtocolViolation, "only NUL byte"},
		"Query without a NUL":   {message('Q', "SELECT 1"), codeProtocolViolation, "only NUL byte"},
		"malformed Parse":       {message('P', "s\x00SELECT 1\x00\x00\x05"), codeProtocolViolation, "malformed Parse"},
		"malformed Bind":        {message('B', "portal"), codeProtocolViolation, "malformed Bind"},
		"Describe of nothing":   {message('D', "X\x00"), codeProtocolViolation, "malformed Describe"},
		"password out of place": {message('p', "x\x00"), codeProtocolViolation, "not part of the protocol"},
		"Sync with a body":      {message('S', "x"), codeProtocolViolation, "invalid length"},
	} {
		t.Run(name, func(t *testing.T) {
			g, w := start(t)
			// A good statement before the bad message, in the same write, runs and is recorded.
			good := appendMessage(nil, 'Q', []byte("SELECT 'good'\x00"))
			if _, err := w.conn.Write(append(good, c.raw...)); err != nil {
				t.Fatal(err)
			}
			var last *pgproto3.ErrorResponse
			for {
				m, err := w.Receive()
				if err != nil {
					break
				}
				if e, ok := m.(*pgproto3.ErrorResponse); ok {
					copied := *e
					last = &copied
				}
			}
			if last == nil || last.Severity != "FATAL" || last.Code != c.code || !strings.Contains(last.Message, c.says) {
				t.Errorf("the client was told %+v, want FATAL %s saying %q", last, c.code, c.says)
			}
			events := recorded(t, g)
			if len(events) != 1 || events[0].Statement.String() != "SELECT 'good'" {
				t.Errorf("recorded %v, want the good statement alone", story(events))
			}
		})
	}
}

func TestMessagesInPieces(t *testing.T) {
	g, w := newWire(t)
	long := "SELECT length('" + strings.Repeat("x", 300_000) + "')"
	var raw []byte
	for _, m := range []pgproto3.FrontendMessage{query(long), parse("", "SELECT $1::int"), bind("", "", "42"), executeAll, syncMessage} {
		var err error
		if raw, err = m.Encode(raw); err != nil {
			t.Fatal(err)
		}
	}
	for len(raw) > 0 {
		n := min(len(raw), 7)
		if len(raw) > 1000 {
			n = 997
		}
		if _, err := w.conn.Write(raw[:n]); err != nil {
			t.Fatal(err)
		}
		raw = raw[n:]
	}
	if diff := cmp.Diff([]string{"row:300000", "SELECT 1", "ready:I", "parsed", "bound", "row:42", "SELECT 1", "ready:I"}, w.answers(2)); diff != "" {
		t.Error(diff)
	}
	events := w.leave(g)
	if len(events) != 2 {
		t.Fatalf("recorded %d statements, want 2", len(events))
	}
	file := events[0].Statement.File
	if file == nil || file.Size != int64(len(long)) {
		t.Fatalf("the long statement is recorded as %+v", file)
	}
	if !bytes.Equal(sideFile(t, g, file.SHA256), []byte(long)) {
		t.Error("the long statement is not whole")
	}
}

func TestCancel(t *testing.T) {
	g, w := newWire(t)
	w.send(query("SELECT pg_sleep(25)"))
	waitFor(t, g, "SELECT pg_sleep(25)")
	other := signIn(t, g)
	const running = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(25)' AND state = 'active'"
	for { // what is on the record need not have reached the store yet
		other.send(query(running))
		if other.answers(1)[0] == "row:1" {
			break
		}
	}
	cancelWith := func(key []byte) {
		t.Helper()
		conn := dial(t, g.Native)
		request := binary.BigEndian.AppendUint32(nil, 16)
		request = binary.BigEndian.AppendUint32(request, codeCancel)
		request = binary.BigEndian.AppendUint32(request, w.pid)
		if _, err := conn.Write(append(request, key...)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); err != nil { // the gateway closes when it has done what it will do
			t.Fatal(err)
		}
	}
	cancelWith(other.key) // not this session's key
	other.send(query(running))
	if diff := cmp.Diff([]string{"row:1", "SELECT 1", "ready:I"}, other.answers(1)); diff != "" {
		t.Errorf("another session's key cancelled it (-want +got):\n%s", diff)
	}
	start := time.Now()
	cancelWith(w.key)
	if diff := cmp.Diff([]string{"error:57014", "ready:I"}, w.answers(1)); diff != "" {
		t.Error(diff)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("cancelling took %v", d)
	}
}

func TestKilledSessionStopsItsStatement(t *testing.T) {
	g, w := newWire(t)
	w.send(query("SELECT pg_sleep(25)"))
	waitFor(t, g, "SELECT pg_sleep(25)")
	g.Cut("your access was suspended")
	e, ok := w.receive().(*pgproto3.ErrorResponse)
	if !ok || e.Code != codeAdminShutdown || e.Message != "your access was suspended" {
		t.Errorf("the client was told %+v", e)
	}
	events := recorded(t, g)
	if len(events) != 1 || !strings.Contains(events[0].ErrorMessage, "connection ended") {
		t.Errorf("recorded %v", story(events))
	}
	next := signIn(t, g)
	for deadline := time.Now().Add(10 * time.Second); ; {
		next.send(query("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(25)' AND state = 'active'"))
		if next.answers(1)[0] == "row:0" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the killed session's statement runs on")
		}
	}
}

// TestKilledWhileItsAnswerIsHeld: an answer that waits for its statement's record to be on disk is given up, and the client
// reads why instead.
func TestKilledWhileItsAnswerIsHeld(t *testing.T) {
	g, w := newWire(t)
	g.Journal.LoseSync()
	w.send(query("SELECT 1"))
	<-g.Journal.Waiting()
	g.Cut("your access was suspended")
	if e, ok := w.receive().(*pgproto3.ErrorResponse); !ok || e.Code != codeAdminShutdown || e.Message != "your access was suspended" {
		t.Errorf("the client was told %+v", e)
	}
	g.Journal.Heal()
}

func TestStoreDies(t *testing.T) {
	g, w := newWire(t)
	killer := signIn(t, g)
	w.send(query("SELECT pg_sleep(25)"))
	waitFor(t, g, "SELECT pg_sleep(25)")
	killer.send(query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(25)'"))
	killer.answers(1)
	e, ok := w.receive().(*pgproto3.ErrorResponse)
	for !ok {
		e, ok = w.receive().(*pgproto3.ErrorResponse)
	}
	if e.Code != "57P01" || e.Severity != "FATAL" {
		t.Errorf("the client was told %+v, want the store's own last word", e)
	}
	for _, s := range recorded(t, g) {
		if s.Statement.String() == "SELECT pg_sleep(25)" && s.ErrorCode != "57P01" {
			t.Errorf("recorded %v", story([]auditEvent{s}))
		}
	}
}

func TestClientDies(t *testing.T) {
	g, w := newWire(t)
	w.send(query("SELECT pg_sleep(0.2)"), query("SELECT repeat('x', 1000) FROM generate_series(1, 100000)"))
	waitFor(t, g, "generate_series")
	w.conn.Close()
	events := recorded(t, g)
	if len(events) != 2 || events[1].ErrorMessage == "" {
		t.Errorf("recorded %v", story(events))
	}
}

func TestNotifications(t *testing.T) {
	g, w := newWire(t)
	w.send(query("LISTEN news"))
	w.answers(1)
	other := signIn(t, g)
	other.send(query("NOTIFY news, 'extra'"))
	other.answers(1)
	n, ok := w.receive().(*pgproto3.NotificationResponse)
	if !ok || n.Payload != "extra" || n.PID != other.pid {
		t.Errorf("have %+v, want the notification of backend %d", n, other.pid)
	}
}
