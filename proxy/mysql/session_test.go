package mysql

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// This file holds what happens over several commands of a session, with a real MariaDB.

func TestSessions(t *testing.T) {
	admin, start := wireStarter(t)
	admin("CREATE TABLE texts (s varchar(100)); CREATE DATABASE `sa``les`; CREATE TABLE salaries (n int)")
	for name, test := range map[string]func(*testing.T, *proxytest.Gateway){
		"a file of the client's":                     testLoadData,
		"commands sent ahead":                        testPipeline,
		"the database is that of the record":         testDatabase,
		"ending one's own":                           testKillOwn,
		"ending another's":                           testKillForeign,
		"thousands of results":                       testManyResults,
		"prepared statements are judged twice":       testPreparedDenied,
		"rows of a cursor are limited":               testCursorLimited,
		"cursors inside of routines":                 testInnerCursor,
		"what runs is ended with the session":        testCutRunning,
		"commands and rows of more than 16 MB":       testLarge,
		"data sent ahead of what is then refused":    testLongDataRefused,
		"a session that nobody has asked to end yet": testStoreKills,
	} {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func wantAnswer(t *testing.T, got []string, want string) {
	t.Helper()
	if fmt.Sprint(got) != want {
		t.Errorf("answered by %v, want %s", got, want)
	}
}

func wantStory(t *testing.T, events []audit.Event, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, story(events)); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}

// upload sends a file in packets behind the store's request for it.
func (w *wire) upload(pieces ...string) {
	w.t.Helper()
	var b []byte
	for i, piece := range append(pieces, "") {
		b = appendPacket(b, w.last+1+byte(i), []byte(piece))
	}
	if _, err := w.conn.Write(b); err != nil {
		w.t.Fatal(err)
	}
}

func testLoadData(t *testing.T, g *proxytest.Gateway) {
	w := signIn(t, g, newClient, 0)
	load := "LOAD DATA LOCAL INFILE '/tmp/a''b' INTO TABLE texts"
	wantAnswer(t, w.ask(packedQuery(load)), "[file:/tmp/a'b]")
	w.upload("one\ntw", "o\n")
	wantAnswer(t, w.answer(comQuery), "[ok:2]")
	twice := `LOAD DATA LOCAL INFILE "x" INTO TABLE texts; load /**/ data local infile 'y' into table texts; SELECT 5`
	wantAnswer(t, w.ask(packedQuery(twice)), "[file:x]")
	w.upload()
	wantAnswer(t, w.answer(comQuery), "[ok:0 file:y]")
	w.upload("three\n")
	wantAnswer(t, w.answer(comQuery), "[ok:1 row:5 end]")
	events := w.leave(g)
	wantStory(t, events, "query: "+load+" -> Records: 2  Deleted: 0  Skipped: 0  Warnings: 0 rows=2",
		"query: "+twice+" -> Records: 0  Deleted: 0  Skipped: 0  Warnings: 0; Records: 1  Deleted: 0  Skipped: 0  Warnings: 0; OK rows=2")
	if want := int64(len(packedQuery(load)) + 3*headerSize + 8); events[0].BytesIn != want {
		t.Errorf("%d bytes from the client, want %d", events[0].BytesIn, want)
	}
}

func testPipeline(t *testing.T, g *proxytest.Gateway) {
	w := signIn(t, g, newClient, 0)
	g.Govern(t, access.Role{Statements: &access.StatementRules{DenyTables: []string{"salaries"}}})
	w.send(packedQuery("SELECT 1"), packedQuery("SELECT * FROM salaries"), packed(comPing), packed(comStmtClose, le32(7)), packedPrepare("SELECT 2"),
		packedExecute(lastPrepared, 0), packedQuery("SELECT nothing"), packedQuery("SELECT SLEEP(0.05)"), packed(comChangeUser), packedQuery("SELECT 3"), packed(comQuit))
	var got []string
	for _, kind := range []byte{comQuery, comQuery, comPing, comStmtPrepare, comStmtExecute, comQuery, comQuery, comChangeUser, comQuery} {
		got = append(got, w.answer(kind)...)
	}
	wantAnswer(t, got, "[row:1 end error:1142 ok:0 prepared:0:1 row end error:1054 row:0 end error:1235 row:3 end]")
	wantStory(t, recorded(t, g), "query: SELECT 1 -> OK rows=1", "query: SELECT * FROM salaries ->  rows=0 denied", "prepare: SELECT 2 -> OK rows=0",
		"execute: SELECT 2 -> OK rows=1", "query: SELECT nothing ->  rows=0 error=1054 (42S22)", "query: SELECT SLEEP(0.05) -> OK rows=1",
		"change user: CHANGE USER ->  rows=0 denied", "query: SELECT 3 -> OK rows=1")
}

func testDatabase(t *testing.T, g *proxytest.Gateway) {
	for _, c := range []capability{oldClient, newClient} {
		w := signIn(t, g, c, 0)
		for _, command := range [][]byte{packedQuery("SELECT 'a'"), packed(comInitDB, []byte("mysql")), packedQuery("SELECT 'b'"), packed(comInitDB, []byte("nowhere")),
			packedQuery("SELECT 'c'"), packedPrepare("SELECT DATABASE()"), packedQuery("USE `sa``les`"), packedQuery("SELECT 'd'"),
			packedQuery("use orders ;"), packedQuery("SELECT 'e'"), packedExecute(1, 0)} {
			w.ask(command)
		}
		w.send(packed(comQuit))
	}
	g.Journal.Find(t.Context(), t, ends(2))
	var databases []string
	for _, e := range recorded(t, g) {
		if strings.HasPrefix(e.Statement.String(), "SELECT") && e.Command != "prepare" {
			databases = append(databases, e.Database)
		}
	}
	one := []string{"orders", "mysql", "mysql", "sa`les", "orders", "mysql"} // a prepared statement stays in its database
	if diff := cmp.Diff(append(one, one...), databases); diff != "" {
		t.Error(diff)
	}
}

// ends matches the n-th end of a session.
func ends(n int) func(audit.Event) bool {
	seen := make(map[string]bool)
	return func(e audit.Event) bool {
		if e.Type == audit.SessionEnd {
			seen[e.Session] = true
		}
		return len(seen) >= n
	}
}

// waitFor waits until a statement that contains text is recorded.
func waitFor(t *testing.T, g *proxytest.Gateway, text string) {
	t.Helper()
	g.Journal.Find(t.Context(), t, func(e audit.Event) bool { return strings.Contains(e.Statement.String(), text) })
}

func testKillOwn(t *testing.T, g *proxytest.Gateway) {
	for _, kill := range []func(id uint32) []byte{
		func(id uint32) []byte { return packedQuery(fmt.Sprintf("KILL /* mine */ QUERY %d", id)) },
		func(id uint32) []byte { return packed(comProcessKill, le32(int(id))) },
	} {
		sleeper, killer := signIn(t, g, newClient, 0), signIn(t, g, newClient, 0)
		mark := fmt.Sprintf("SELECT SLEEP(20), %d", sleeper.id)
		sleeper.send(packedQuery(mark))
		waitFor(t, g, mark)
		for { // a kill that overtakes its statement is lost
			wantAnswer(t, killer.ask(kill(sleeper.id)), "[ok:0]")
			_ = sleeper.conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
			if _, err := sleeper.in.Peek(1); err == nil {
				break
			}
		}
		_ = sleeper.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		if got := fmt.Sprint(sleeper.answer(comQuery)); got != "[row:1 end]" && got != "[error:1317]" && got != "[error:1158]" {
			t.Errorf("the statement that was ended is answered by %s", got)
		}
	}
	for _, e := range recorded(t, g) {
		if strings.Contains(e.Statement.String(), "KILL") && (e.Class != classSession || strings.Contains(e.Statement.String(), "107374")) {
			t.Errorf("recorded as %s: %s", e.Class, e.Statement)
		}
	}
}

func testKillForeign(t *testing.T, g *proxytest.Gateway) {
	w := signIn(t, g, newClient, 0)
	p, _ := g.Server.Sessions(), 0
	if len(p) != 1 {
		t.Fatal(p)
	}
	wantAnswer(t, w.ask(packedQuery("KILL 99999999")), "[error:1094]")
	wantAnswer(t, w.ask(packedQuery("KILL QUERY 4294967297")), "[error:1094]")
	g.Govern(t, access.Role{Statements: &access.StatementRules{Classes: []string{"read", "session"}}})
	wantAnswer(t, w.ask(packedQuery("KILL 99999999")), "[error:1142]")
	wantAnswer(t, w.ask(packed(comProcessKill, le32(99999999))), "[error:1142]")
	wantAnswer(t, w.ask(packedQuery(fmt.Sprintf("KILL QUERY %d", w.id))), "[error:1317]")
	w.leave(g)
}

// testManyResults: the record tells of so many results only.
func testManyResults(t *testing.T, g *proxytest.Gateway) {
	w := signIn(t, g, newClient, 0)
	w.ask(packedQuery(strings.Repeat("DO 1;", 5000)))
	e := w.leave(g)[0]
	if len(e.Tag) > 2*maxTag || !strings.HasSuffix(e.Tag, "OK"+moreResults) {
		t.Errorf("%d bytes: %.20s", len(e.Tag), e.Tag)
	}
}

func testPreparedDenied(t *testing.T, g *proxytest.Gateway) {
	w := signIn(t, g, newClient, 0)
	denied := access.Role{Statements: &access.StatementRules{DenyTables: []string{"salaries"}}}
	wantAnswer(t, w.ask(packedPrepare("SELECT * FROM salaries WHERE n = ?")), "[prepared:1:1]")
	wantAnswer(t, w.ask(packedPrepare("SELECT ?")), "[prepared:1:1]")
	g.Govern(t, denied)
	wantAnswer(t, w.ask(packedPrepare("SELECT n FROM salaries")), "[error:1142]")
	wantAnswer(t, w.ask(packedExecute(lastPrepared, 0, "x")), "[error:1243]") // the client means the one that was refused
	wantAnswer(t, w.ask(packedExecute(1, 0, "1")), "[error:1142]")
	g.Govern(t, access.Role{})
	// The client has told the types, and does not do so again: the store never heard of them.
	wantAnswer(t, w.ask(packed(comStmtExecute, le32(1), []byte{0}, le32(1), []byte{0, 0}, counted("2"))), "[end]")
	wantAnswer(t, w.ask(packed(comStmtExecute, le32(1), []byte{0}, le32(1), []byte{0, 0}, counted("3"))), "[end]")
	events := w.leave(g)
	wantStory(t, events, "prepare: SELECT * FROM salaries WHERE n = ? -> OK rows=0", "prepare: SELECT ? -> OK rows=0",
		"prepare: SELECT n FROM salaries ->  rows=0 denied",
		"execute: SELECT * FROM salaries WHERE n = ? '1' ->  rows=0 denied", "execute: SELECT * FROM salaries WHERE n = ? '2' -> OK rows=0",
		"execute: SELECT * FROM salaries WHERE n = ? '3' -> OK rows=0")
	if e := events[0]; e.Class != classPrepare || len(e.Tables) != 1 || events[4].Prepared == "" {
		t.Errorf("recorded as %s of %v, %q", e.Class, e.Tables, events[4].Prepared)
	}
}

func testCursorLimited(t *testing.T, g *proxytest.Gateway) {
	g.Govern(t, access.Role{Statements: &access.StatementRules{MaxRows: 3}})
	for _, c := range []capability{oldClient, newClient} {
		w := signIn(t, g, c, 0)
		wantAnswer(t, w.ask(packedPrepare("SELECT seq FROM seq_1_to_9")), "[prepared:0:1]")
		wantAnswer(t, w.ask(packedExecute(1, 1)), "[cursor]")
		wantAnswer(t, w.ask(packedFetch(1, 2)), "[row row cursor]")
		wantAnswer(t, w.ask(packedFetch(1, 2)), "[row error:1142]")
		wantAnswer(t, w.ask(packedFetch(1, 2)), "[error:1142]")
		wantAnswer(t, w.ask(packedExecute(1, 1)), "[cursor]")
		wantAnswer(t, w.ask(packedFetch(1, 3)), "[row row row cursor]")
		wantAnswer(t, w.ask(packedQuery("SELECT 1; SELECT seq FROM seq_1_to_5; SELECT 2")), "[row:1 end row:1 row:2 error:1142]")
		wantAnswer(t, w.ask(packedQuery("SELECT 1")), "[row:1 end]")
		w.send(packed(comQuit))
	}
}

// A routine that reads a cursor leaves its flag in the status of results that are none.
func testInnerCursor(t *testing.T, g *proxytest.Gateway) {
	for _, c := range []capability{oldClient, newClient} {
		w := signIn(t, g, c, 0)
		const block = "BEGIN NOT ATOMIC DECLARE n INT; DECLARE c CURSOR FOR SELECT seq FROM seq_3_to_5; OPEN c; FETCH c INTO n; CLOSE c; SELECT n; END"
		wantAnswer(t, w.ask(packedQuery(block)), "[row:3 end ok:0]")
		wantAnswer(t, w.ask(packedQuery("FOR one IN (SELECT seq FROM seq_1_to_2) DO SELECT one.seq; END FOR")), "[row:1 end row:2 end ok:0]")
		wantAnswer(t, w.ask(packedQuery("CREATE OR REPLACE PROCEDURE inner_cursor() "+block)), "[ok:0]")
		wantAnswer(t, w.ask(packedPrepare("CALL inner_cursor()")), "[prepared:0:0]")
		wantAnswer(t, w.ask(packedExecute(1, 0)), "[row end ok:0]")
		wantAnswer(t, w.ask(packedQuery("SELECT 1")), "[row:1 end]")
		w.send(packed(comQuit))
	}
}

func testCutRunning(t *testing.T, g *proxytest.Gateway) {
	w := signIn(t, g, newClient, 0)
	const mark = "SELECT SLEEP(600), 'cut me'"
	w.send(packedQuery(mark))
	waitFor(t, g, mark)
	g.Cut("your access was suspended by an admin")
	wantAnswer(t, w.answer(comQuery), "[error:1053]")
	events := recorded(t, g)
	if !strings.Contains(events[0].ErrorMessage, "before the answer was complete") {
		t.Errorf("recorded with %q", events[0].ErrorMessage)
	}
}

func testLarge(t *testing.T, g *proxytest.Gateway) {
	w := signIn(t, g, newClient, 0)
	if err := w.conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	const size = 1<<24 + 5
	large := "SELECT length('" + strings.Repeat("x", size) + "')"
	wantAnswer(t, w.ask(packedQuery(large)), fmt.Sprintf("[row:%d end]", size))
	repeat := fmt.Sprintf("SELECT REPEAT('x', %d), 7", size)
	wantAnswer(t, w.ask(packedQuery(repeat)), fmt.Sprintf("[row:%d bytes end]", size))
	exact := "SELECT length('" + strings.Repeat("y", maxPayload-1-len("SELECT length('')")) + "')" // fills one packet and an empty one
	wantAnswer(t, w.ask(packedQuery(exact)), fmt.Sprintf("[row:%d end]", maxPayload-1-len("SELECT length('')")))
	events := w.leave(g)
	if len(events) != 3 {
		t.Fatalf("recorded %d statements", len(events))
	}
	for i, want := range []string{large, repeat, exact} {
		text := events[i].Statement.Bytes
		if f := events[i].Statement.File; f != nil {
			text = sideFile(t, g, f.SHA256)
		}
		if !bytes.Equal(text, []byte(want)) {
			t.Errorf("statement %d is recorded with %d bytes, want %d", i, len(text), len(want))
		}
	}
	if events[1].Rows != 1 || events[1].BytesOut < size {
		t.Errorf("recorded %d rows, %d bytes", events[1].Rows, events[1].BytesOut)
	}
}

func testLongDataRefused(t *testing.T, g *proxytest.Gateway) {
	w := signIn(t, g, newClient, 0)
	wantAnswer(t, w.ask(packedPrepare("INSERT INTO texts VALUES (?)")), "[prepared:1:0]")
	execute := packed(comStmtExecute, le32(1), []byte{0}, le32(1), []byte{0, 1, typeBlob, 0})
	g.Govern(t, access.Role{Statements: &access.StatementRules{DenyTables: []string{"texts"}}})
	w.send(packed(comStmtSendLongData, le32(1), le16(0), []byte("refused")), packed(comStmtSendLongData, le32(999), le16(0), []byte("to nobody")), execute)
	wantAnswer(t, w.answer(comStmtExecute), "[error:1142]")
	g.Govern(t, access.Role{})
	w.send(packed(comStmtSendLongData, le32(1), le16(0), []byte("let ")), packed(comStmtSendLongData, le32(1), le16(0), []byte("pass")), execute)
	wantAnswer(t, w.answer(comStmtExecute), "[ok:1]")
	wantAnswer(t, w.ask(packedQuery("SELECT s FROM texts WHERE s = 'let pass' OR s LIKE '%refused%'")), "[row:let pass end]")
	events := w.leave(g)
	wantStory(t, events[1:3], "execute: INSERT INTO texts VALUES (?) 'refused' ->  rows=0 denied", "execute: INSERT INTO texts VALUES (?) 'let pass' -> OK rows=1")
}

// testStoreKills ends a session at the store, whose last word reaches the client.
func testStoreKills(t *testing.T, g *proxytest.Gateway) {
	w := signIn(t, g, newClient, 0)
	own := w.ask(packedQuery("SELECT CONNECTION_ID()"))
	other := signIn(t, g, newClient, 0)
	wantAnswer(t, other.ask(packedQuery("KILL "+strings.TrimPrefix(own[0], "row:"))), "[ok:0]")
	p := w.receive()
	if p[0] != packetError || w.last != 0 && w.last != 1 {
		t.Errorf("the client reads %q, packet %d", p, w.last)
	}
}

// TestRogueStore asks for a file that no statement has named.
func TestRogueStore(t *testing.T) {
	for name, c := range map[string]struct{ sql, asks string }{
		"no statement":   {"SELECT 'LOCAL INFILE'", "/etc/passwd"},
		"another file":   {"LOAD DATA LOCAL INFILE 'mine' INTO TABLE t", "/etc/passwd"},
		"not local":      {"LOAD DATA INFILE '/etc/passwd' INTO TABLE t", "/etc/passwd"},
		"part of a name": {"LOAD DATA LOCAL INFILE '/etc/passwd.mine' INTO TABLE t", "/etc/passwd"},
	} {
		t.Run(name, func(t *testing.T) {
			g := playing(t, func(conn net.Conn) {
				if _, err := readPacket(conn, 0); err != nil {
					return
				}
				_, _ = conn.Write(appendPacket(nil, 1, append([]byte{packetFile}, c.asks...)))
				if p, err := readPacket(conn, 2); err == nil {
					t.Errorf("the store got %q", p)
				}
			})
			w := signInNative(t, g, newClient)
			wantAnswer(t, w.ask(packedQuery(c.sql)), "[error:1235]")
			if events := recorded(t, g); len(events) != 1 {
				t.Errorf("recorded %v", story(events))
			}
		})
	}
}

// playing starts a gateway before a store that lets anybody in, answers a ping, and then plays.
func playing(t testing.TB, play func(net.Conn)) *proxytest.Gateway {
	t.Helper()
	store := access.Resource{Name: "orders-db", Protocol: "mysql", Database: "orders", SSLMode: access.SSLDisable,
		Durability: access.Interval, Address: playStore(t, play)}
	return proxytest.Start(t, proxytest.Options{Protocol: New(Options{}), Store: store,
		Secret: creds.Secret{Username: "app", Password: storePassword}, Limits: proxy.Limits{Sweep: 50 * time.Millisecond}})
}

func playStore(t testing.TB, play func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			said := New(Options{}).nativeGreeting()
			said.scramble, said.id = newScramble(), 7
			if _, err := conn.Write(said.packet()); err == nil {
				if _, err := readPacket(conn, 1); err == nil {
					ok := []byte{packetOK, 0, 0, statusAutocommit, 0, 0, 0}
					_, _ = conn.Write(appendPacket(nil, 2, ok))
					_, _ = readPacket(conn, 0)
					_, _ = conn.Write(appendPacket(nil, 1, ok))
					play(conn)
				}
			}
			conn.Close()
		}
	}()
	return l.Addr().String()
}
