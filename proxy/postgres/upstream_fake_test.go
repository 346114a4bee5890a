package postgres

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
)

// playStore listens on loopback and lets play answer one connection.
func playStore(t *testing.T, play func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		play(conn)
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener.Addr().String()
}

func encoded(t testing.TB, messages ...pgproto3.BackendMessage) []byte {
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

// readStartup reads a message without a type: the length, and what it counts.
func readStartup(conn net.Conn) {
	var header [4]byte
	if _, err := io.ReadFull(conn, header[:]); err == nil {
		_, _ = io.CopyN(io.Discard, conn, int64(header[2])<<8+int64(header[3])-4)
	}
}

func TestDialStoreRefusesWhatIsNoPostgreSQL(t *testing.T) {
	ok := encoded(t, &pgproto3.AuthenticationOk{})
	sasl := encoded(t, &pgproto3.AuthenticationSASL{AuthMechanisms: []string{scramSHA256}})
	for name, c := range map[string]struct {
		answer []byte
		want   string
	}{
		"garbage":                {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), "does not speak PostgreSQL's protocol"},
		"hangs up":               {nil, "closed the connection"},
		"hangs up in a message":  {ok[:6], "closed the connection"},
		"huge before the login":  {[]byte{'R', 0, 1, 0, 5, 0, 0, 0, 0}, "does not speak"},
		"short length":           {[]byte{'R', 0, 0, 0, 3}, "does not speak"},
		"ready before the login": {encoded(t, &pgproto3.ReadyForQuery{TxStatus: 'I'}), "does not speak"},
		"no login after SASL":    {append(sasl, ok...), "does not speak"},
		"second request":         {append(sasl, encoded(t, &pgproto3.AuthenticationCleartextPassword{})...), "does not speak"},
		"SASL out of turn":       {encoded(t, &pgproto3.AuthenticationSASLContinue{Data: []byte("r=x")}), "does not speak"},
		"early SASL outcome":     {encoded(t, &pgproto3.AuthenticationSASLFinal{Data: []byte("v=x")}), "does not speak"},
		"PLUS without TLS": {
			encoded(t, &pgproto3.AuthenticationSASL{AuthMechanisms: []string{scramSHA256Plus}}), "does not speak",
		},
		"GSSAPI":            {[]byte{'R', 0, 0, 0, 8, 0, 0, 0, 7}, "GSSAPI"},
		"SSPI":              {[]byte{'R', 0, 0, 0, 8, 0, 0, 0, 9}, "GSSAPI or SSPI"},
		"Kerberos":          {[]byte{'R', 0, 0, 0, 8, 0, 0, 0, 2}, "does not know"},
		"broken error":      {[]byte{'E', 0, 0, 0, 5, 'S'}, "does not speak"},
		"row":               {append(bytes.Clone(ok), 'D', 0, 0, 0, 6, 0, 0), "does not speak"},
		"second login":      {append(bytes.Clone(ok), ok...), "does not speak"},
		"broken key":        {append(bytes.Clone(ok), 'K', 0, 0, 0, 4), "does not speak"},
		"broken parameter":  {append(bytes.Clone(ok), 'S', 0, 0, 0, 5, 'x'), "does not speak"},
		"broken ready":      {append(bytes.Clone(ok), 'Z', 0, 0, 0, 4), "does not speak"},
		"endless notices":   {append(bytes.Clone(ok), bytes.Repeat(rawMessage('N', make([]byte, 1<<20)), 5)...), "does not speak"},
		"too long a notice": {append(bytes.Clone(ok), 'N', 0, 0x10, 0, 5), "does not speak"},
	} {
		t.Run(name, func(t *testing.T) {
			address := playStore(t, func(conn net.Conn) {
				readStartup(conn)
				_, _ = conn.Write(c.answer)
			})
			store := access.Resource{Address: address, SSLMode: access.SSLDisable}
			_, err := dialStore(t.Context(), store, creds.Secret{Username: "u", Password: "p"}, nil, newSCRAMCache())
			if err == nil || !strings.Contains(proxy.Explain(err), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestDialStoreKeepsWhatComesAfterTheLogin(t *testing.T) {
	notice := encoded(t, &pgproto3.NoticeResponse{Severity: "NOTICE", Code: "00000", Message: "hello"})
	later := encoded(t, &pgproto3.NotificationResponse{PID: 7, Channel: "c"})
	address := playStore(t, func(conn net.Conn) {
		readStartup(conn)
		answer := encoded(t, &pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{Name: "a", Value: "1"})
		answer = append(answer, notice...)
		answer = append(answer, 'v', 0, 0, 0, 12, 0, 3, 0, 0, 0, 0, 0, 0)
		answer = append(answer, encoded(t, &pgproto3.ParameterStatus{Name: "b", Value: "2"},
			&pgproto3.BackendKeyData{ProcessID: 42, SecretKey: 0x01020304}, &pgproto3.ReadyForQuery{TxStatus: 'I'})...)
		_, _ = conn.Write(append(answer, later...))
		_, _ = io.Copy(io.Discard, conn)
	})
	store := access.Resource{Address: address, SSLMode: access.SSLDisable}
	dialed := mustDial(t, store, creds.Secret{Username: "u"}, nil, nil)
	_ = dialed.conn.Close() // the store waits for that
	c := *dialed
	c.conn = nil
	want := storeConn{
		parameters: []parameter{{"a", "1"}, {"b", "2"}}, notices: [][]byte{notice}, pid: 42, secretKey: []byte{1, 2, 3, 4}, txStatus: 'I',
	}
	// How much of what follows has come with the first read is the kernel's to say.
	if !bytes.HasPrefix(later, c.buffered) {
		t.Errorf("buffered %q", c.buffered)
	}
	c.buffered = nil
	if diff := cmp.Diff(want, c, cmp.AllowUnexported(storeConn{}, parameter{})); diff != "" {
		t.Error(diff)
	}
}

func TestDialStoreEndsWithItsContext(t *testing.T) {
	for _, mode := range []access.SSLMode{access.SSLDisable, access.SSLRequire, access.SSLPrefer} {
		reached := make(chan struct{})
		address := playStore(t, func(conn net.Conn) {
			readStartup(conn)
			close(reached)
			_, _ = io.Copy(io.Discard, conn)
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-reached
			cancel()
		}()
		_, err := dialStore(ctx, access.Resource{Address: address, SSLMode: mode}, creds.Secret{Username: "u"}, nil, nil)
		if !errors.Is(err, context.Canceled) || sqlState(err) != codeConnectionFailure {
			t.Errorf("%s: %v, state %s", mode, err, sqlState(err))
		}
	}
	silent := playStore(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	store := access.Resource{Address: silent, SSLMode: access.SSLDisable}
	if _, err := dialStore(ctx, store, creds.Secret{Username: "u"}, nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silent store: %v", err)
	}
}

func TestBytesBeforeTLSAreNeverTheStoresWord(t *testing.T) {
	injected := encoded(t, &pgproto3.AuthenticationOk{}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	for _, mode := range []access.SSLMode{access.SSLRequire, access.SSLVerifyFull} {
		for name, answer := range map[string][]byte{
			"behind the answer": append([]byte{'S'}, injected...),
			"error in the clear": encoded(t, &pgproto3.ErrorResponse{
				Severity: "FATAL", Code: "28P01", Message: "send your password to evil.example",
			}),
		} {
			address := playStore(t, func(conn net.Conn) {
				readStartup(conn)
				_, _ = conn.Write(answer)
				_, _ = io.Copy(io.Discard, conn)
			})
			_, err := dialStore(t.Context(), access.Resource{Address: address, SSLMode: mode}, creds.Secret{Username: "u"}, nil, nil)
			var fault *tlsError
			if !errors.As(err, &fault) || strings.Contains(err.Error(), "evil") {
				t.Errorf("%s with %s: %v", name, mode, err)
			}
		}
	}
}

func TestCleartextNeedsAPrivateConnection(t *testing.T) {
	var sent bytes.Buffer
	h := &handshake{
		r: bufio.NewReader(bytes.NewReader(encoded(t, &pgproto3.AuthenticationCleartextPassword{}))),
		w: &sent, secret: creds.Secret{Username: "u", Password: "hush"},
	}
	err := h.run([]byte("startup"))
	if err == nil || !strings.Contains(proxy.Explain(err), "in the clear") || strings.Contains(sent.String(), "hush") {
		t.Errorf("sent %q, error %v", sent.String(), err)
	}
}

func FuzzStoreStartup(f *testing.F) {
	ok := encoded(f, &pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{Name: "a", Value: "1"},
		&pgproto3.BackendKeyData{ProcessID: 42, SecretKey: 1}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	f.Add(ok)
	f.Add(encoded(f, &pgproto3.AuthenticationMD5Password{Salt: [4]byte{1, 2, 3, 4}}, &pgproto3.ErrorResponse{Code: "28P01"}))
	f.Add(encoded(f, &pgproto3.AuthenticationSASL{AuthMechanisms: []string{scramSHA256}},
		&pgproto3.AuthenticationSASLContinue{Data: []byte("r=x,s=AAAA,i=4096")}, &pgproto3.AuthenticationSASLFinal{Data: []byte("v=AAAA")}))
	f.Fuzz(func(t *testing.T, answer []byte) {
		var sent bytes.Buffer
		h := &handshake{
			r: bufio.NewReader(bytes.NewReader(answer)), w: &sent, secret: creds.Secret{Username: "u", Password: "hush-hush"},
		}
		err := h.run(nil)
		if bytes.Contains(sent.Bytes(), []byte("hush-hush")) {
			t.Error("the password went out in the clear")
		}
		if err == nil && (!h.loggedIn || h.got.txStatus == 0 || h.scram != nil) {
			t.Errorf("%q counts as a login", answer)
		}
	})
}
