package mysql

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// errorAnswer takes an ERR packet apart.
func errorAnswer(t *testing.T, r io.Reader, sequence byte) *serverError {
	t.Helper()
	payload, err := readPacket(r, sequence)
	if err != nil {
		t.Fatalf("no last word: %v", err)
	}
	if payload[0] != packetError {
		t.Fatalf("answered %q", payload)
	}
	return saidBy(payload)
}

// saidBy takes an ERR packet apart; nil when it cannot be.
func saidBy(payload []byte) *serverError {
	var said *serverError
	errors.As(newServerError(payload), &said)
	return said
}

// TestBadHandshakes says what no client says to a live gateway, which tells what is wrong and serves on.
func TestBadHandshakes(t *testing.T) {
	g := proxytest.Start(t, proxytest.Options{Protocol: New(Options{}), Secret: creds.Secret{Username: "app"},
		Store: access.Resource{Name: "shop-db", Protocol: "mysql", Address: "127.0.0.1:1", SSLMode: access.SSLDisable}})
	user := proxytest.User + "#shop-db"
	good := testResponse(user, pluginCachingSHA2, make([]byte, 32))
	tlsRequest := func() []byte {
		b := make([]byte, sslRequestSize)
		binary.LittleEndian.PutUint32(b, uint32(capProtocol41|capSSL|capSecureConnection))
		return b
	}()
	for name, c := range map[string]struct {
		said     []byte
		sequence byte // of the answer
		number   uint16
		words    string
	}{
		"not MySQL":                {[]byte("GET / HTTP/1.1\r\n\r\n"), 2, 1043, "cannot be understood"},
		"a giant packet":           {append([]byte{0xff, 0xff, 0xff, 1}, good...), 2, 1043, "cannot be understood"},
		"a wrong number":           {packets(5, good), 2, 1156, "out of order"},
		"an empty packet":          {packets(1, nil), 2, 1251, "before 4.1"},
		"a client of before 4.1":   {packets(1, []byte{0x05, 0x00, 0, 0, 0, 'u', 0, 'p', 0}), 2, 1251, "before 4.1"},
		"no user's end":            {packets(1, good[:40]), 2, 1043, "cannot be understood"},
		"half an answer":           {packets(1, good[:70]), 2, 1043, "cannot be understood"},
		"half the attributes":      {packets(1, good[:len(good)-3]), 2, 1043, "cannot be understood"},
		"an answer beyond its end": {packets(1, append(append(bytes.Clone(good[:32]), "u\x00"...), 0xfe, 255, 255, 255, 255, 255, 255, 255, 255)), 2, 1043, "cannot be understood"},
		"no password's end":        {append(packets(1, testResponse(user, pluginCachingSHA2, make([]byte, 32))), packets(3, []byte("password"))...), 4, 1043, "cannot be understood"},
		"a password in the clear":  {append(packets(1, good), packets(3, []byte("in the clear\x00"))...), 4, 1045, "wrong access token"},
		"a password by no key":     {append(packets(1, good), packets(3, make([]byte, 256))...), 4, 1043, "cannot be understood"},
		"half a native answer":     {packets(1, testResponse(user, pluginNative, make([]byte, 19))), 2, 1043, "cannot be understood"},
		"a wrong native answer":    {packets(1, testResponse(user, pluginNative, make([]byte, 20))), 2, 1045, "wrong access token"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := greetedBy(t, g)
			if _, err := conn.Write(c.said); err != nil {
				t.Fatal(err)
			}
			// What comes before the last word is a question of the plugin's.
			for sequence := byte(2); sequence < c.sequence; sequence += 2 {
				if _, err := readPacket(conn, sequence); err != nil {
					t.Fatal(err)
				}
			}
			if said := errorAnswer(t, conn, c.sequence); said.number != c.number || !strings.Contains(said.message, c.words) {
				t.Errorf("told %v", said)
			}
		})
	}
	t.Run("TLS that is none", func(t *testing.T) {
		conn := greetedBy(t, g)
		if _, err := conn.Write(append(packets(1, tlsRequest), packets(2, good)...)); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(conn)
		if len(rest) > 0 && rest[0] != 21 { // a TLS alert is all that may come
			t.Errorf("answered %q", rest)
		}
	})
	t.Run("cut off anywhere", func(t *testing.T) {
		all := packets(1, good)
		for n := range len(all) {
			conn := greetedBy(t, g)
			_, _ = conn.Write(all[:n])
			conn.Close()
		}
	})
	greetedBy(t, g)
}

// greetedBy dials the gateway and reads its greeting.
func greetedBy(t *testing.T, g *proxytest.Gateway) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", g.Native)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	said, err := readGreeting(conn)
	if err != nil {
		t.Fatal(err)
	}
	if said.id < firstID || len(said.scramble) != scrambleSize || !said.capabilities.has(capSSL) || said.capabilities&(capCompress|capZstd) != 0 {
		t.Errorf("greeted with %+v", said)
	}
	return conn
}

// TestPlainConnections takes from a connection that others may read only what tells nothing of the token.
func TestPlainConnections(t *testing.T) {
	const token = "sally_test_token"
	user := "alice@acme.com#shop-db"
	once := sha1.Sum([]byte(token))
	twice := sha1.Sum(once[:])
	p := New(Options{})
	sign := func(t *testing.T, plugin string, answer func(scramble []byte) []byte) (*client, net.Conn, chan error) {
		t.Helper()
		ours, theirs := net.Pipe()
		t.Cleanup(func() { ours.Close() })
		var c *client
		done := make(chan error, 1)
		got := make(chan *client, 1)
		go func() {
			defer theirs.Close()
			accepted, err := p.accept(t.Context(), proxy.NewConn(theirs, false))
			got <- accepted
			done <- err
		}()
		said, err := readGreeting(ours)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ours.Write(packets(1, testResponse(user, plugin, answer(said.scramble)))); err != nil {
			t.Fatal(err)
		}
		if plugin == pluginNative {
			c = <-got
		}
		return c, ours, done
	}
	t.Run("mysql_native_password", func(t *testing.T) {
		c, _, done := sign(t, pluginNative, func(scramble []byte) []byte { return mysql.CalcPassword(scramble, []byte(token)) })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if c.login.User != "alice@acme.com" || c.login.Resource != "shop-db" || c.login.Application != "till" || !c.login.Token.Answers(twice[:]) {
			t.Errorf("understood as %+v", c.login)
		}
		other := sha1.Sum([]byte("another"))
		if c.login.Token.Answers(other[:]) {
			t.Error("answers for any token")
		}
	})
	for _, plugin := range []string{pluginCachingSHA2, pluginClear} {
		t.Run(plugin, func(t *testing.T) {
			_, conn, done := sign(t, plugin, func([]byte) []byte { return []byte(token + "\x00") })
			if said := errorAnswer(t, conn, 2); said.number != numberNeedsTLS || !strings.Contains(said.message, "over TLS only") {
				t.Errorf("told %v", said)
			}
			if err := <-done; err == nil {
				t.Error("let in")
			}
		})
	}
}
