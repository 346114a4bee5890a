package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy"
)

// scriptedConn gives a fixed input and keeps what is written.
type scriptedConn struct {
	net.Conn
	in  *bytes.Reader
	out bytes.Buffer
}

func (c *scriptedConn) Read(b []byte) (int, error)  { return c.in.Read(b) }
func (c *scriptedConn) Write(b []byte) (int, error) { return c.out.Write(b) }
func (c *scriptedConn) RemoteAddr() net.Addr        { return &net.TCPAddr{} }
func (c *scriptedConn) SetDeadline(time.Time) error { return nil }

// FuzzStartup feeds a connection's first bytes to Accept: whatever they are, it ends with a client that has given a
// user and a token, with a cancel request, or with an error, of which the client reads in PostgreSQL's form unless its
// input ended early.
func FuzzStartup(f *testing.F) {
	start := encodedFrontend(f, &pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersionNumber,
		Parameters: map[string]string{"user": "alice@acme.com#orders-db", "database": "orders"}})
	password := encodedFrontend(f, &pgproto3.PasswordMessage{Password: "sally_token"})
	request := func(code uint32, rest ...byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(8+len(rest)))
		return append(binary.BigEndian.AppendUint32(b, code), rest...)
	}
	for _, seed := range [][]byte{
		append(bytes.Clone(start), password...),
		bytes.Join([][]byte{request(codeGSS), request(codeSSL), start, password}, nil),
		request(codeCancel, 0, 0, 0, 1, 1, 2, 3, 4),
		request(2<<16, 'x'), request(3<<16|2, []byte("user\x00a\x00_pq_.x\x001\x00\x00")...),
		request(3<<16, []byte("user\x00a\x00replication\x00database\x00\x00")...), request(3<<16, 0),
		[]byte("GET / HTTP/1.1\r\n\r\n"), {0x16, 3, 1, 0, 5}, {0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0},
		append(bytes.Clone(start), 'p', 0xff, 0xff, 0xff, 0xff), append(bytes.Clone(start), 'p', 0, 0, 0, 3),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		conn := &scriptedConn{in: bytes.NewReader(input)}
		c, err := New(0).Accept(context.Background(), proxy.NewConn(conn, true))
		switch {
		case errors.Is(err, proxy.ErrDone):
			return
		case err == nil:
			login := c.Login()
			if c.(*client).startup["user"] == "" || bytes.ContainsRune([]byte(login.User+login.Token.Token+login.Database), 0) {
				t.Errorf("let in as %+v", login)
			}
			return
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return
		}
		wantLastWord(t, conn.out.Bytes())
	})
}

// wantLastWord checks that what a client reads ends with a FATAL ErrorResponse with a sentence.
func wantLastWord(t *testing.T, out []byte) {
	t.Helper()
	for len(out) > 0 && (out[0] == 'N' || out[0] == 'S') && (len(out) == 1 || out[1] != 0) {
		out = out[1:] // answers to requests for encryption
	}
	var last pgproto3.ErrorResponse
	for len(out) > 0 {
		kind, size, ok := header(out)
		if !ok || size > len(out) {
			t.Fatalf("the client reads a broken message: %q", out)
		}
		if kind == msgErrorResponse {
			if err := last.Decode(out[headerSize:size]); err != nil {
				t.Fatal(err)
			}
		}
		out = out[size:]
	}
	if last.Severity != "FATAL" || len(last.Code) != 5 || last.Message == "" {
		t.Errorf("the client's last word is %+v", last)
	}
}

func encodedFrontend(t testing.TB, messages ...pgproto3.FrontendMessage) []byte {
	t.Helper()
	var b []byte
	for _, m := range messages {
		var err error
		if b, err = m.Encode(b); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// swallowed is what became of a client's bytes before a store that never answers.
type swallowed struct {
	Forwarded []byte
	Record    []string
	Err       string
}

// swallow feeds input in chunks of size bytes. Record and order are checked at each write: a statement that is
// forwarded stands in the record already.
func swallow(t *testing.T, input []byte, size int, refuse func(int) bool) swallowed {
	var out swallowed
	var b *bench
	walked := 0
	statements := 0
	b = newBench(func(chunk []byte) (int, error) {
		out.Forwarded = append(out.Forwarded, chunk...)
		for {
			kind, n, ok := header(out.Forwarded[min(walked, len(out.Forwarded)):])
			if !ok || walked+n > len(out.Forwarded) && kind != msgCopyData {
				return len(chunk), nil
			}
			if isStatement(kind, out.Forwarded[walked:min(walked+n, len(out.Forwarded))]) {
				if statements++; len(b.record.statements()) < statements {
					t.Errorf("statement %d went on before its record", statements)
				}
			}
			walked += n
		}
	}, 1<<16)
	b.record.refuse = refuse
	var rest []byte
	for len(input) > 0 {
		n := min(size, len(input))
		rest = append(rest, input[:n]...)
		input = input[n:]
		used, err := b.relay.fromClient(rest)
		rest = rest[used:]
		if err != nil {
			out.Err = proxy.Explain(err)
			break
		}
	}
	for _, e := range b.record.events {
		if e.Command != "parse" && e.Command != "bind" { // whether these stand by themselves depends on what is written together
			out.Record = append(out.Record, describeEvent(e))
		}
	}
	return out
}

// isStatement says whether a forwarded message is a statement of the client's.
func isStatement(kind byte, message []byte) bool {
	switch kind {
	case msgQuery, msgExecute:
		return !bytes.HasPrefix(message[headerSize:], []byte(refusedText))
	case msgFunctionCall:
		return true
	}
	return false
}

func describeEvent(e audit.Event) string {
	line := e.Command + " " + e.Prepared + " " + string(e.Statement.Bytes)
	for _, p := range e.Params {
		line += " " + string(rune('0'+p.Form)) + string(p.Value)
	}
	return line
}

// FuzzFromClient feeds a client's bytes to a store that swallows them: what is forwarded is recorded before, nothing
// of a refused statement is forwarded, and neither depends on how the bytes were cut.
func FuzzFromClient(f *testing.F) {
	seed := func(messages ...pgproto3.FrontendMessage) {
		f.Add(encodedFrontend(f, messages...), uint16(7), uint8(0))
	}
	seed(query("SELECT 'xyzzy-refused'"), parse("s", "SELECT $1", 23), bind("p", "s", "v"), executeAll, &pgproto3.Execute{Portal: "p"}, syncMessage)
	seed(&pgproto3.FunctionCall{Function: 1598, Arguments: [][]byte{[]byte("x"), nil}}, &pgproto3.Flush{}, &pgproto3.Terminate{})
	seed(query("COPY t FROM STDIN"), &pgproto3.CopyData{Data: []byte("1\n")}, &pgproto3.CopyDone{}, &pgproto3.CopyFail{Message: "x"})
	seed(parse("", "SELECT 1"), bind("", ""), &pgproto3.Describe{ObjectType: 'P'}, executeAll, &pgproto3.Close{ObjectType: 'S', Name: "s"}, syncMessage)
	f.Add([]byte{'Q', 0xff, 0xff, 0xff, 0xff}, uint16(1), uint8(0))
	f.Add([]byte{'Q', 0, 0, 0, 3}, uint16(2), uint8(1))
	f.Fuzz(func(t *testing.T, input []byte, size uint16, refused uint8) {
		if waits(input) {
			return // a name that hangs on an answer: the store has to speak
		}
		refuse := func(i int) bool { return refused>>(i%8)&1 == 1 }
		whole := swallow(t, input, len(input)+1, refuse)
		if diff := cmp.Diff(whole, swallow(t, input, int(size)+1, refuse)); diff != "" && refused == 0 {
			t.Errorf("cut in pieces of %d bytes (-whole +cut):\n%s", int(size)+1, diff)
		}
		if refused == 0 && whole.Err == "" && !bytes.HasPrefix(input, whole.Forwarded) {
			t.Errorf("forwarded %q", whole.Forwarded)
		}
		if all := swallow(t, input, int(size)+1, func(int) bool { return true }); hasStatement(all.Forwarded) {
			t.Errorf("a refused statement was forwarded: %q", all.Forwarded)
		}
	})
}

func hasStatement(forwarded []byte) bool {
	for {
		kind, n, ok := header(forwarded)
		if !ok {
			return false
		}
		if kind == msgParse || isStatement(kind, forwarded[:min(n, len(forwarded))]) {
			return true
		}
		forwarded = forwarded[min(n, len(forwarded)):]
	}
}

// waits says whether the relay would have to ask the store, which never answers here: names other than the unnamed
// ones mean nothing yet, and what a Sync has ended is not settled.
func waits(input []byte) bool {
	synced := 0
	for {
		kind, n, ok := header(input)
		if !ok || n < headerSize || n > len(input) {
			return false
		}
		if kind == msgSync {
			synced++
		}
		if synced > 0 && (kind == msgBind || kind == msgExecute || kind == msgDescribe) {
			return true
		}
		if f := (fields{b: input[headerSize:n]}); kind == msgBind {
			f.name()
			if len(f.name()) > 0 {
				return true
			}
		} else if kind == msgExecute && len(f.name()) > 0 {
			return true
		}
		input = input[n:]
	}
}

// FuzzFromStore feeds a store's bytes to a client that has pipelined a bit of everything: no panic, and what the
// client reads is what the store sent, in order and however it was cut, up to where the relay gives up.
func FuzzFromStore(f *testing.F) {
	seed := func(messages ...pgproto3.BackendMessage) { f.Add(encoded(f, messages...), uint16(5)) }
	ready := &pgproto3.ReadyForQuery{TxStatus: 'I'}
	seed(&pgproto3.RowDescription{}, &pgproto3.DataRow{Values: [][]byte{[]byte("x"), nil}}, &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}, ready,
		&pgproto3.ParseComplete{}, &pgproto3.BindComplete{}, &pgproto3.ParameterDescription{ParameterOIDs: []uint32{23}}, &pgproto3.NoData{},
		&pgproto3.CommandComplete{CommandTag: []byte("INSERT 0 5")}, &pgproto3.CloseComplete{}, ready)
	seed(&pgproto3.CopyInResponse{}, &pgproto3.ErrorResponse{Severity: "ERROR", Code: "22P02", Message: "no"}, ready, &pgproto3.ParseComplete{},
		&pgproto3.ErrorResponse{Severity: "ERROR", Code: "26000"}, ready)
	seed(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "57P01"})
	seed(&pgproto3.NotificationResponse{Channel: "c"}, &pgproto3.EmptyQueryResponse{}, ready, ready, ready, ready)
	f.Add([]byte{'Z', 0, 0, 0, 3}, uint16(0))
	f.Add([]byte{'D', 0xff, 0xff, 0xff, 0xff, 1}, uint16(0))
	f.Fuzz(func(t *testing.T, input []byte, size uint16) {
		whole, wholeErr := answerAll(t, input, len(input)+1)
		cut, cutErr := answerAll(t, input, int(size)+1)
		if !bytes.HasPrefix(input, whole) || !bytes.HasPrefix(input, cut) {
			t.Errorf("forwarded %q and %q", whole, cut)
		}
		if (wholeErr == nil) != (cutErr == nil) {
			t.Errorf("whole: %v; cut: %v", wholeErr, cutErr)
		}
		if wholeErr == nil && !bytes.Equal(whole, cut) {
			t.Errorf("whole %q, cut %q", whole, cut)
		}
	})
}

func answerAll(t *testing.T, input []byte, size int) ([]byte, error) {
	b := newBench(func(chunk []byte) (int, error) { return len(chunk), nil }, 1<<20)
	pipeline := encodedFrontend(t, query("SELECT 1"), parse("s", "SELECT $1"), bind("", "", "1"), &pgproto3.Describe{ObjectType: 'S', Name: "s"},
		executeAll, &pgproto3.Close{ObjectType: 'S', Name: "s"}, syncMessage, query("COPY t FROM STDIN"), syncMessage, &pgproto3.CopyDone{},
		&pgproto3.FunctionCall{Function: 1}, query("SELECT 2"))
	if used, err := b.relay.fromClient(pipeline); err != nil || used != len(pipeline) {
		t.Fatal(used, err)
	}
	for len(input) > 0 {
		n := min(size, len(input))
		if err := b.fromStore(input[:n]); err != nil {
			return b.toClient.Bytes(), err
		}
		input = input[n:]
	}
	b.relay.abandon()
	if n := len(b.record.events); len(b.record.results) != n {
		t.Errorf("%d results of %d statements", len(b.record.results), n)
	}
	return b.toClient.Bytes(), nil
}
