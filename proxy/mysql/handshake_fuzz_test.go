package mysql

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
)

// scripted is a connection over the network to a peer that says what it says, whatever it is told.
type scripted struct {
	net.Conn
	said  *bytes.Reader
	heard bytes.Buffer
}

func script(said []byte) *scripted { return &scripted{said: bytes.NewReader(said)} }

func (s *scripted) Read(b []byte) (int, error)  { return s.said.Read(b) }
func (s *scripted) Write(b []byte) (int, error) { return s.heard.Write(b) }
func (s *scripted) Close() error                { return nil }
func (s *scripted) SetDeadline(time.Time) error { return nil }
func (s *scripted) RemoteAddr() net.Addr        { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 3306} }

// packets are payloads as packets, numbered from first on.
func packets(first byte, payloads ...[]byte) []byte {
	var b []byte
	for i, p := range payloads {
		b = appendPacket(b, first+byte(i), p)
	}
	return b
}

var (
	testScramble = []byte("abcdefghijklmnopqrst")
	testGreeting = greeting{version: "8.0.36", id: 7, scramble: testScramble, capabilities: common | modern | capQueryAttributes,
		charset: 255, status: statusAutocommit, plugin: pluginCachingSHA2}
	mariaGreeting = greeting{version: "5.5.5-10.11.6-MariaDB", id: 8, scramble: testScramble, capabilities: (common | modern) &^ capLongPassword,
		mariadb: mariaShaping, charset: 45, status: statusAutocommit, plugin: pluginNative}
	testAttributes = []byte("\x0cprogram_name\x04till\x04_pid\x0212")
)

// testResponse is what a client answers, which is what Sallyport answers a store.
func testResponse(user, plugin string, answer []byte) []byte {
	l := storeLogin{secret: creds.Secret{Username: user}, plugin: plugin, wish: wish{maxPacket: 1 << 24, charset: 45, database: "shop",
		attributes: testAttributes, capabilities: common | modern}}
	return l.response(answer)
}

func FuzzGreeting(f *testing.F) {
	f.Add(testGreeting.packet()[headerSize:])
	f.Add(mariaGreeting.packet()[headerSize:])
	f.Add([]byte("\xff\x10\x04Too many connections"))
	f.Add([]byte("\xff\x15\x04#28000Access denied"))
	f.Add([]byte("\x095.0.0\x00"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		g, err := parseGreeting(payload)
		if err != nil || g.mirrored() == nil {
			return
		}
		if len(g.scramble) < scrambleSize || len(g.scramble) > 255-1 || bytes.IndexByte([]byte(g.plugin), 0) >= 0 {
			return // not such as can be written
		}
		again, err := parseGreeting(g.packet()[headerSize:])
		if err != nil {
			t.Fatalf("read what was written: %v", err)
		}
		if !g.capabilities.has(capSecureConnection) {
			return
		}
		if !g.capabilities.has(capPluginAuth) {
			g.plugin = ""
		}
		if diff := cmp.Diff(g, again, cmp.AllowUnexported(greeting{})); diff != "" {
			t.Errorf("read and written again: %s", diff)
		}
	})
}

func FuzzResponse(f *testing.F) {
	f.Add(testResponse("alice@acme.com#shop-db", pluginNative, make([]byte, 20)))
	f.Add(testResponse("alice", pluginCachingSHA2, make([]byte, 32)))
	f.Add(make([]byte, 32))
	f.Fuzz(func(t *testing.T, payload []byte) {
		_ = wantsTLS(payload)
		r, err := parseResponse(payload)
		if err != nil {
			return
		}
		if _, ok := attribute(r.attributes, "program_name"); !ok {
			t.Error("took malformed attributes")
		}
		if len(r.user)+len(r.answer)+len(r.database)+len(r.plugin)+len(r.attributes) > len(payload) {
			t.Error("more was read than there is")
		}
	})
}

// FuzzAccept is a client that says anything. It gets no further than it can prove, and the gateway always answers.
func FuzzAccept(f *testing.F) {
	user := "alice@acme.com#shop-db"
	f.Add(packets(1, testResponse(user, pluginNative, make([]byte, 20))), true)
	f.Add(append(packets(1, testResponse(user, pluginCachingSHA2, make([]byte, 32))), packets(3, []byte{2})...), true)
	f.Add(append(packets(1, testResponse(user, pluginNative, nil)), packets(3, make([]byte, 20))...), false)
	f.Add(packets(1, testResponse(user, pluginClear, []byte("token\x00"))), true)
	f.Add(packets(1, testResponse(user, pluginClear, []byte("token\x00"))), false)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), false)
	p := New(Options{})
	f.Fuzz(func(t *testing.T, said []byte, secrets bool) {
		peer := script(said)
		c, err := p.accept(t.Context(), proxy.NewConn(peer, secrets))
		if (err == nil) != (c != nil) {
			t.Fatalf("neither let in nor turned away: %v", err)
		}
		if peer.heard.Len() == 0 {
			t.Error("no greeting")
		}
		if err == nil && !secrets && c.login.Token.Token != "" {
			t.Error("took a token over a plain connection")
		}
	})
}

// FuzzStoreLogin is a store that says anything. It never hears the password in the clear on a connection that others can
// read, and a login always ends.
func FuzzStoreLogin(f *testing.F) {
	hello := testGreeting.packet()
	ok := []byte{packetOK, 0, 0, 2, 0, 0, 0}
	f.Add(append(bytes.Clone(hello), packets(2, []byte{packetMoreAuth, sha2FastOK}, ok)...))
	f.Add(append(bytes.Clone(hello), packets(2, []byte{packetMoreAuth, sha2Full})...))
	f.Add(append(bytes.Clone(hello), packets(2, append(appendText([]byte{packetAuthSwitch}, pluginClear), 0))...))
	f.Add(append(bytes.Clone(hello), packets(2, append(appendText([]byte{packetAuthSwitch}, pluginEd25519), make([]byte, 32)...))...))
	f.Add(append(bytes.Clone(hello), packets(2, append(appendText([]byte{packetAuthSwitch}, pluginDialog), "\x04Password: "...))...))
	f.Add(append(mariaGreeting.packet(), packets(2, []byte("\xff\x15\x04#28000no"))...))
	const password = "the password that nobody may read"
	f.Fuzz(func(t *testing.T, said []byte) {
		peer := script(said)
		l := storeLogin{conn: peer, secret: creds.Secret{Username: "app", Password: password}, wish: simpleWish}
		store := access.Resource{Name: "shop-db", Address: "192.0.2.1:3306"}
		if err := l.run(t.Context(), &store, access.SSLDisable); err == nil && len(l.ok) == 0 {
			t.Error("let in without a word")
		}
		if bytes.Contains(peer.heard.Bytes(), []byte(password)) {
			t.Error("told the password")
		}
	})
}
