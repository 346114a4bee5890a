package mysql

import (
	"bytes"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/proxy/redact"
)

// TestBadCommands sends what no client sends in a session: it ends with a sentence, and nothing of it reaches the store.
func TestBadCommands(t *testing.T) {
	_, start := wireStarter(t)
	g := start(t)
	for name, c := range map[string]struct {
		send []byte
		says string
	}{
		"an empty command":                 {[]byte{0, 0, 0, 0}, "cannot be understood"},
		"a sequence that begins late":      {appendPacket(nil, 5, []byte("\x03SELECT 1")), "out of order"},
		"a ping with a body":               {packed(comPing, []byte("x")), "cannot be understood"},
		"an execution without a statement": {packed(comStmtExecute, []byte{1}), "names no statement"},
		"a fetch that ends early":          {packed(comStmtFetch, le32(1)), "how many rows"},
		"long data for no parameter":       {packed(comStmtSendLongData, le32(1)), "names no parameter"},
		"a field list without an end":      {packed(comFieldList, []byte("t")), "invalid length"},
		"an option of one byte":            {packed(comSetOption, []byte{0}), "invalid length"},
		"a kill without a number":          {packed(comProcessKill, []byte{1}), "names no connection"},
		"a closing with more behind":       {packed(comStmtClose, le32(1), []byte{1}), "names no statement"},
		"a continuation of another number": {concat([]byte{0xff, 0xff, 0xff, 0}, make([]byte, maxPayload), []byte{0, 0, 0, 9}), "out of order"},
	} {
		t.Run(name, func(t *testing.T) {
			w := signIn(t, g, newClient, 0)
			w.raw(c.send)
			p := w.receive()
			if p[0] != packetError || !strings.Contains(string(p), c.says) {
				t.Errorf("the client reads %q", p)
			}
			if rest, err := io.ReadAll(w.in); err != nil || len(rest) > 0 {
				t.Errorf("the session goes on: %q %v", rest, err)
			}
		})
	}
	if events := recorded(t, g); len(events) != 0 {
		t.Errorf("recorded %v", story(events))
	}
}

// TestTooLarge: a command above the limit ends the session before its rest is read.
func TestTooLarge(t *testing.T) {
	_, store, secret := testStore(t)
	g := proxytest.Start(t, proxytest.Options{Protocol: New(Options{MessageLimit: 1 << 20}), Store: store, Secret: secret})
	w := signIn(t, g, newClient, 0)
	w.raw([]byte{0, 0, 0x20, 0, comQuery})
	if p := w.receive(); p[0] != packetError || !strings.Contains(string(p), "larger than this gateway records") {
		t.Errorf("the client reads %q", p)
	}
	w = signIn(t, g, newClient, 0)
	text := "SELECT '" + strings.Repeat("x", 700<<10) + "'"
	wantAnswer(t, w.ask(packedPrepare(text)), "[prepared:0:1]")
	wantAnswer(t, w.ask(packedPrepare(text)), "[error:1235]") // together they are too long
	w.send(packed(comStmtClose, le32(1)))
	wantAnswer(t, w.ask(packedPrepare(text)), "[prepared:0:1]")
	wantAnswer(t, w.ask(packedPrepare("SELECT ?")), "[prepared:1:1]")
	for range 3 {
		w.send(packed(comStmtSendLongData, le32(3), le16(0), make([]byte, 400<<10)))
	}
	if p := w.receive(); p[0] != packetError || !strings.Contains(string(p), "larger than this gateway records") {
		t.Errorf("the client reads %q", p)
	}
}

// TestStoreSendsGarbage: what answers nothing that was asked ends the session with a sentence.
func TestStoreSendsGarbage(t *testing.T) {
	for name, c := range map[string]struct {
		asked   bool
		garbage []byte
	}{
		"an answer to nothing":        {false, appendPacket(nil, 0, []byte{packetOK, 0, 0, 2, 0, 0, 0})},
		"an empty packet":             {true, []byte{0, 0, 0, 1}},
		"rows without columns":        {true, appendPacket(nil, 1, []byte{packetEOF, 0, 0, 2, 0})},
		"an OK that is cut":           {true, appendPacket(nil, 1, []byte{packetOK, 0xfc})},
		"too many columns":            {true, appendPacket(nil, 1, []byte{0xfd, 0, 0, 1})},
		"an error that is cut":        {true, appendPacket(nil, 1, []byte{packetError, 1})},
		"a session state that is cut": {true, appendPacket(nil, 1, []byte{packetOK, 0, 0, 2, 0x40, 0, 0, 0, 9, 1})},
	} {
		t.Run(name, func(t *testing.T) {
			g := playing(t, func(conn net.Conn) {
				if c.asked {
					if _, err := readPacket(conn, 0); err != nil {
						return
					}
				}
				_, _ = conn.Write(c.garbage)
				_, _ = io.Copy(io.Discard, conn)
			})
			w := signInNative(t, g, newClient)
			if c.asked {
				w.send(packedQuery("SELECT 1"))
			}
			if p := w.receive(); p[0] != packetError || !strings.Contains(string(p), "connect again") {
				t.Errorf("the client reads %q", p)
			}
			recorded(t, g)
		})
	}
}

// TestStoreLeaves: a client hears why, in a packet that its next command takes for the answer.
func TestStoreLeaves(t *testing.T) {
	word := appendPacket(nil, 0, []byte("\xff\xbf\x0f#HY000idle for too long"))
	for name, c := range map[string]struct {
		says string
		play func(conn net.Conn)
	}{
		"without a word":  {"closed the connection", func(net.Conn) {}},
		"with a last one": {"idle for too long", func(conn net.Conn) { _, _ = conn.Write(word) }},
		"midway": {"", func(conn net.Conn) {
			_, _ = readPacket(conn, 0)
			_, _ = conn.Write(appendPacket(appendPacket(nil, 1, []byte{1}), 2, []byte("\x03def"))[:10])
		}},
	} {
		t.Run(name, func(t *testing.T) {
			g := playing(t, c.play)
			w := signInNative(t, g, newClient)
			if c.says == "" {
				w.send(packedQuery("SELECT 1"))
				if rest, err := io.ReadAll(w.in); err != nil || len(rest) != 10 {
					t.Errorf("the client reads %q, %v", rest, err)
				}
			} else if p := w.receive(); p[0] != packetError || !strings.Contains(string(p), c.says) {
				t.Errorf("the client reads %q", p)
			}
			recorded(t, g)
		})
	}
}

// TestClientThatDoesNotRead holds back a large answer; its session ends all the same when it is cut.
func TestClientThatDoesNotRead(t *testing.T) {
	_, start := wireStarter(t)
	g := start(t)
	w := signIn(t, g, newClient, 0)
	w.send(packedQuery("SELECT REPEAT('x', 1000), seq FROM seq_1_to_100000"))
	waitFor(t, g, "REPEAT")
	began := time.Now()
	g.Cut("your access was suspended by an admin")
	recorded(t, g)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("ended after %v", took)
	}
}

// TestRedaction: values of a column that a rule names are in no file of the journal, by whichever way they go to the store.
func TestRedaction(t *testing.T) {
	m, store, secret := testStore(t)
	adminRun(t, m, "CREATE TABLE customers (id int, email varchar(100) UNIQUE)")
	redactor, err := redact.New([]redact.Rule{{Name: "pii", Columns: []string{"customers.email"}}},
		map[string]redact.Reader{"mysql": New(Options{}).Reader()})
	if err != nil {
		t.Fatal(err)
	}
	g := proxytest.Start(t, proxytest.Options{Protocol: New(Options{}), Store: store, Secret: secret, Redactor: redactor})
	w := signIn(t, g, newClient, mariaBulk)
	const email = "zelda.quux"
	wantAnswer(t, w.ask(packedQuery("INSERT INTO customers VALUES (1, '"+email+"1')")), "[ok:1]")
	wantAnswer(t, w.ask(packedQuery("INSERT INTO customers VALUES (1, '"+email+"1')")), "[error:1062]")
	wantAnswer(t, w.ask(packedPrepare("INSERT INTO customers VALUES (?, ?)")), "[prepared:2:0]")
	wantAnswer(t, w.ask(packedExecute(1, 0, "2", email+"2")), "[ok:1]")
	w.send(packed(comStmtSendLongData, le32(1), le16(1), []byte(email+"3")),
		packed(comStmtExecute, le32(1), []byte{0}, le32(1), []byte{0, 1, typeTiny, 0, typeBlob, 0, 3}))
	wantAnswer(t, w.answer(comStmtExecute), "[ok:1]")
	wantAnswer(t, w.ask(packed(comStmtBulkExecute, le32(1), le16(bulkTypes), []byte{typeTiny, 0, typeString, 0, 0, 4, 0}, counted(email+"4"),
		[]byte{0, 5, 0}, counted(email+"5"))), "[ok:2]")
	wantAnswer(t, w.ask(packedPrepare("SELECT * FROM customers WHERE email = '"+email+"1'")), "[prepared:0:2]")
	wantAnswer(t, w.ask(packedExecute(2, 0)), "[row end]")
	if n := len(w.leave(g)); n != 8 {
		t.Errorf("recorded %d statements", n)
	}
	if got := adminRun(t, m, "SELECT count(*) FROM customers WHERE email LIKE '"+email+"%'"); got != "5" {
		t.Errorf("the store has %s rows", got)
	}
	err = filepath.WalkDir(g.Journal.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(email)) {
			t.Errorf("%s holds a value that was to be redacted", d.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
