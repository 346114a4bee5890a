package postgres

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/test/servers"
)

// wire is a client that speaks the protocol message by message, signed in at the native entrance.
type wire struct {
	t    *testing.T
	conn net.Conn
	*pgproto3.Frontend
	pid uint32
	key []byte
}

// newWire starts a gateway before a real PostgreSQL and signs in.
func newWire(t *testing.T) (*proxytest.Gateway, *wire) {
	t.Helper()
	return wireStarter(t)(t)
}

// wireStarter starts a real PostgreSQL, and gives each test that calls the result a gateway of its own before it.
func wireStarter(t *testing.T) func(*testing.T) (*proxytest.Gateway, *wire) {
	t.Helper()
	_, store, secret := testStore(t, servers.PostgresOptions{})
	return func(t *testing.T) (*proxytest.Gateway, *wire) {
		t.Helper()
		g := proxytest.Start(t, proxytest.Options{Protocol: New(1 << 20), Store: store, Secret: secret})
		return g, signIn(t, g)
	}
}

func signIn(t *testing.T, g *proxytest.Gateway) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", g.Native)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, conn: conn, Frontend: pgproto3.NewFrontend(conn, conn)}
	w.send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersionNumber,
		Parameters: map[string]string{"user": proxytest.User + "#" + g.Store.Name, "database": "orders", "application_name": "wire"}})
	if m := w.receive(); fmt.Sprintf("%T", m) != "*pgproto3.AuthenticationCleartextPassword" {
		t.Fatalf("want to be asked for a token, have %T", m)
	}
	w.send(&pgproto3.PasswordMessage{Password: proxytest.Token})
	for {
		switch m := w.receive().(type) {
		case *pgproto3.BackendKeyData:
			w.pid, w.key = m.ProcessID, []byte{byte(m.SecretKey >> 24), byte(m.SecretKey >> 16), byte(m.SecretKey >> 8), byte(m.SecretKey)}
		case *pgproto3.ReadyForQuery:
			return w
		case *pgproto3.ErrorResponse:
			t.Fatalf("sign in: %s", m.Message)
		}
	}
}

// send writes all messages in one go.
func (w *wire) send(messages ...pgproto3.FrontendMessage) {
	w.t.Helper()
	for _, m := range messages {
		w.Frontend.Send(m)
	}
	if err := w.Flush(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) receive() pgproto3.BackendMessage {
	w.t.Helper()
	m, err := w.Receive()
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// answers reads up to the n-th ReadyForQuery and gives a word for each message.
func (w *wire) answers(n int) []string {
	w.t.Helper()
	var words []string
	for n > 0 {
		switch m := w.receive().(type) {
		case *pgproto3.ReadyForQuery:
			words = append(words, "ready:"+string(m.TxStatus))
			n--
		case *pgproto3.ErrorResponse:
			words = append(words, "error:"+m.Code)
		case *pgproto3.CommandComplete:
			words = append(words, string(m.CommandTag))
		case *pgproto3.DataRow:
			words = append(words, fmt.Sprintf("row:%s", m.Values[0]))
		case *pgproto3.ParseComplete:
			words = append(words, "parsed")
		case *pgproto3.BindComplete:
			words = append(words, "bound")
		case *pgproto3.CloseComplete:
			words = append(words, "closed")
		case *pgproto3.PortalSuspended:
			words = append(words, "suspended")
		case *pgproto3.RowDescription, *pgproto3.NoData, *pgproto3.ParameterDescription:
		default:
			words = append(words, fmt.Sprintf("%T", m)[len("*pgproto3."):])
		}
	}
	return words
}

// leave says goodbye and returns everything that was recorded, without the session's own events.
func (w *wire) leave(g *proxytest.Gateway) []audit.Event {
	w.t.Helper()
	w.send(&pgproto3.Terminate{})
	return recorded(w.t, g)
}

// recorded waits for the end of a session and returns all statements, each with its result merged in. Those of a
// session that has ended must have one; a result of another may not have reached the journal yet.
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
			s.BytesIn, s.BytesOut, s.Duration, s.FirstRow = e.BytesIn, e.BytesOut, e.Duration, e.FirstRow
		}
	}
	for _, s := range statements {
		if !s.Done && s.Verdict == audit.Allow && ended[s.Session] {
			t.Errorf("statement %q has no result", s.Statement)
		}
	}
	return statements
}

// story is what a test compares: a statement in one line.
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
		lines = append(lines, line)
	}
	return lines
}

// auditEvent shortens the tests' literals.
type auditEvent = audit.Event

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// waitFor waits until a statement that contains text is recorded.
func waitFor(t *testing.T, g *proxytest.Gateway, text string) {
	t.Helper()
	g.Journal.Find(t.Context(), t, func(e audit.Event) bool { return strings.Contains(e.Statement.String(), text) })
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
