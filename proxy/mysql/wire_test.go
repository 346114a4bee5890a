package mysql

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/proxy/redact"
)

// wire is a client that speaks the protocol packet by packet.
type wire struct {
	t            *testing.T
	conn         net.Conn
	in           *bufio.Reader
	capabilities capability
	mariadb      capability
	id           uint32 // as it was greeted
	last         byte   // number of the packet that was read last
	cursor       bool   // the execution that was sent last asks for one
	prepared     []uint32
}

// Capabilities of test clients: an old one, and one with all that changes the packets.
const (
	oldClient = common &^ (capNoSchema | capODBC | capConnectWithDB)
	newClient = oldClient | modern
)

// wireStarter starts a real MariaDB, and gives each test that calls the result a gateway of its own before it.
func wireStarter(t *testing.T, rules ...redact.Rule) (admin func(sql string) string, start func(*testing.T) *proxytest.Gateway) {
	t.Helper()
	m, store, secret := testStore(t)
	return func(sql string) string { return adminRun(t, m, sql) }, func(t *testing.T) *proxytest.Gateway {
		t.Helper()
		p := New(Options{MessageLimit: 64 << 20})
		redactor, err := redact.New(rules, map[string]redact.Reader{"mysql": p.Reader()})
		if err != nil {
			t.Fatal(err)
		}
		return proxytest.Start(t, proxytest.Options{Protocol: p, Store: store, Secret: secret, Redactor: redactor})
	}
}

// signIn opens a session through the tunnel, where clients are greeted like by the store itself.
func signIn(t *testing.T, g *proxytest.Gateway, c, m capability) *wire {
	t.Helper()
	conn, err := g.DialTunnel(t, proxytest.User, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return handshake(t, conn, creds.Secret{Username: "app"}, c, m)
}

// signInNative opens a session at the native entrance.
func signInNative(t *testing.T, g *proxytest.Gateway, c capability) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", g.Native)
	if err != nil {
		t.Fatal(err)
	}
	return handshake(t, conn, creds.Secret{Username: proxytest.User + "#" + g.Store.Name, Password: proxytest.Token}, c, 0)
}

func handshake(t *testing.T, conn net.Conn, secret creds.Secret, c, m capability) *wire {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	l := storeLogin{conn: conn, secret: secret, private: true,
		wish: wish{capabilities: c, mariadb: m, charset: charsetUTF8MB4, maxPacket: 64 << 20}}
	if m != 0 {
		l.wish.capabilities &^= capLongPassword
	}
	if err := l.run(t.Context(), &access.Resource{Name: "gateway"}, access.SSLDisable); err != nil {
		t.Fatal(err)
	}
	return &wire{t: t, conn: conn, in: bufio.NewReader(conn), capabilities: l.wish.capabilities, mariadb: l.wish.mariadb, id: l.greeting.id}
}

// packed is a command as packets.
func packed(kind byte, body ...[]byte) []byte {
	payload := []byte{kind}
	for _, b := range body {
		payload = append(payload, b...)
	}
	return framedAs(payload)
}

// framedAs puts a payload into as many packets as it takes.
func framedAs(payload []byte) []byte {
	var b []byte
	for sequence := byte(0); ; sequence++ {
		n := min(len(payload), maxPayload)
		b = appendPacket(b, sequence, payload[:n])
		if payload = payload[n:]; n < maxPayload {
			return b
		}
	}
}

func packedQuery(sql string) []byte { return packed(comQuery, []byte(sql)) }

// send writes commands in one go. Statements they name by the order in which they were prepared, from 1.
func (w *wire) send(commands ...[]byte) {
	w.t.Helper()
	b := concat(commands...)
	for rest := b; len(rest) > headerSize; rest = rest[headerSize+payloadSize(rest):] {
		switch kind := rest[headerSize]; kind {
		case comStmtExecute, comStmtBulkExecute, comStmtFetch, comStmtReset, comStmtClose, comStmtSendLongData:
			id := rest[headerSize+1:]
			if n := binary.LittleEndian.Uint32(id); n > 0 && n <= uint32(len(w.prepared)) {
				binary.LittleEndian.PutUint32(id, w.prepared[n-1])
			}
			if kind == comStmtExecute && payloadSize(rest) > 5 {
				w.cursor = id[4]&anyCursor != 0
			}
		}
	}
	w.raw(b)
}

// raw writes bytes as they are.
func (w *wire) raw(b []byte) {
	w.t.Helper()
	if _, err := w.conn.Write(b); err != nil {
		w.t.Fatal(err)
	}
}

// receive reads one packet, those of 16 MB put together.
func (w *wire) receive() []byte {
	w.t.Helper()
	var payload []byte
	for {
		var head [headerSize]byte
		if _, err := io.ReadFull(w.in, head[:]); err != nil {
			w.t.Fatal(err)
		}
		piece := make([]byte, payloadSize(head[:]))
		if _, err := io.ReadFull(w.in, piece); err != nil {
			w.t.Fatal(err)
		}
		w.last = head[3]
		if payload = append(payload, piece...); len(piece) < maxPayload {
			return payload
		}
	}
}

// answer reads the answer to a command and gives a word for each packet that tells something. What it knows of the protocol it
// does not know from the relay.
func (w *wire) answer(kind byte) []string {
	w.t.Helper()
	switch kind {
	case comStmtPrepare:
		return w.preparation()
	case comStmtFetch:
		words, _ := w.rows(nil, kind)
		return words
	case comStatistics:
		return []string{strings.Fields(string(w.receive()))[0]}
	case comFieldList:
		var words []string
		for {
			p := w.receive()
			if p[0] == 0xfe || p[0] == 0xff {
				return append(words, word(p))
			}
			words = append(words, "field")
		}
	}
	var words []string
	for more := true; more; {
		words, more = w.result(words, kind)
	}
	return words
}

func (w *wire) result(words []string, kind byte) (_ []string, more bool) {
	w.t.Helper()
	p := w.receive()
	for len(p) > 3 && p[0] == 0xff && p[1] == 0xff && p[2] == 0xff {
		words, p = append(words, "progress"), w.receive()
	}
	switch p[0] {
	case 0x00:
		return append(words, word(p)), w.status(p)&statusMoreResults != 0
	case 0xff, 0xfe:
		return append(words, word(p)), false
	case 0xfb:
		return append(words, "file:"+string(p[1:])), false
	}
	if w.mariadb.has(mariaCacheMetadata) && p[1] == 0 {
		words = append(words, "cached")
	} else {
		for range p[0] {
			w.receive()
		}
	}
	if !w.capabilities.has(capDeprecateEOF) {
		if p = w.receive(); w.cursor && binary.LittleEndian.Uint16(p[3:])&statusCursorExists != 0 {
			return append(words, "cursor"), false
		}
	}
	return w.rows(words, kind)
}

func (w *wire) rows(words []string, kind byte) (_ []string, more bool) {
	w.t.Helper()
	for {
		p := w.receive()
		switch {
		case p[0] == 0xff:
			return append(words, word(p)), false
		case p[0] == 0xfe && len(p) < maxPayload:
			end := "end"
			status := w.status(p)
			if w.cursor && status&statusCursorExists != 0 {
				end = "cursor"
			}
			return append(words, end), status&statusMoreResults != 0
		case kind == comQuery:
			words = append(words, "row:"+firstColumn(p))
		default:
			words = append(words, "row")
		}
	}
}

func (w *wire) status(p []byte) uint16 {
	if p[0] == 0xfe && !w.capabilities.has(capDeprecateEOF) {
		return binary.LittleEndian.Uint16(p[3:])
	}
	f := fields{b: p[1:]}
	f.length()
	f.length()
	return f.uint16()
}

// preparation reads the answer to COM_STMT_PREPARE.
func (w *wire) preparation() []string {
	w.t.Helper()
	p := w.receive()
	if p[0] != 0 {
		return []string{word(p)}
	}
	w.prepared = append(w.prepared, binary.LittleEndian.Uint32(p[1:]))
	columns, params := int(p[5])|int(p[6])<<8, int(p[7])|int(p[8])<<8
	for _, n := range []int{params, columns} {
		for range n {
			w.receive()
		}
		if n > 0 && !w.capabilities.has(capDeprecateEOF) {
			w.receive()
		}
	}
	return []string{fmt.Sprintf("prepared:%d:%d", params, columns)}
}

func firstColumn(row []byte) string {
	f := fields{b: row}
	if row[0] == 0xfb {
		return "NULL"
	}
	v := f.counted()
	if len(v) > 100 {
		return fmt.Sprintf("%d bytes", len(v))
	}
	return string(v)
}

func word(p []byte) string {
	switch p[0] {
	case 0x00:
		f := fields{b: p[1:]}
		return fmt.Sprintf("ok:%d", f.length())
	case 0xff:
		return fmt.Sprintf("error:%d", binary.LittleEndian.Uint16(p[1:]))
	}
	return "end"
}

// ask sends one command and reads its answer.
func (w *wire) ask(command []byte) []string {
	w.t.Helper()
	w.send(command)
	return w.answer(command[headerSize])
}

// leave says goodbye and returns everything that was recorded, without the sessions' own events.
func (w *wire) leave(g *proxytest.Gateway) []audit.Event {
	w.t.Helper()
	w.send(packed(comQuit))
	return recorded(w.t, g)
}

// recorded waits for the end of a session and returns all statements, each with its result merged in. Those of a session that
// has ended must have one.
func recorded(t *testing.T, g *proxytest.Gateway) []audit.Event {
	t.Helper()
	events := g.Journal.Find(t.Context(), t, func(e audit.Event) bool { return e.Type == audit.SessionEnd })
	var statements []audit.Event
	index := make(map[string]int)
	ended := make(map[string]bool)
	for _, e := range events {
		switch e.Type {
		case audit.SessionEnd:
			ended[e.Session] = true
		case audit.StatementBegin:
			index[e.ID] = len(statements)
			statements = append(statements, e)
		case audit.StatementResult:
			s := &statements[index[e.Of]]
			if s.Done {
				t.Errorf("statement %q has two results", s.Statement)
			}
			s.Done, s.Rows, s.Tag, s.ErrorCode, s.ErrorMessage = true, e.Rows, e.Tag, e.ErrorCode, e.ErrorMessage
			s.BytesIn, s.BytesOut = e.BytesIn, e.BytesOut
		}
	}
	for _, s := range statements {
		if !s.Done && s.Verdict == audit.Allow && ended[s.Session] {
			t.Errorf("statement %q has no result", s.Statement)
		}
	}
	return statements
}

// story is what tests compare: a statement in one line.
func story(events []audit.Event) []string {
	var lines []string
	for _, e := range events {
		line := fmt.Sprintf("%s: %s", e.Command, e.Statement)
		for _, p := range e.Params {
			switch p.Form {
			case audit.ParamNull:
				line += " NULL"
			case audit.ParamHex:
				line += fmt.Sprintf(" hex(%x)", p.Value)
			default:
				line += fmt.Sprintf(" '%s'", p.Value)
			}
		}
		line += fmt.Sprintf(" -> %s rows=%d", e.Tag, e.Rows)
		if e.ErrorCode != "" || e.ErrorMessage != "" {
			line += " error=" + e.ErrorCode
		}
		if e.Verdict == audit.Deny {
			line += " denied"
		}
		lines = append(lines, line)
	}
	return lines
}

// sideFile reads a text that the journal keeps beside its records.
func sideFile(t *testing.T, g *proxytest.Gateway, sum string) []byte {
	t.Helper()
	f, err := journal.OpenSideFile(g.Journal.Dir(), sum)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
