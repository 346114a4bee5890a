package mysql

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
)

// fakeStore is a store on loopback that says all it has to say at once, and gives what it heard.
func fakeStore(t *testing.T, said []byte) (access.Resource, <-chan []byte) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan []byte, 1)
	go func() {
		defer l.Close()
		defer close(heard)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, err := conn.Write(said); err != nil {
			return
		}
		_ = conn.(*net.TCPConn).CloseWrite()
		var all bytes.Buffer
		_, _ = all.ReadFrom(conn)
		heard <- all.Bytes()
	}()
	t.Cleanup(func() {
		l.Close()
		for range heard { //nolint:revive // until the store has ended
		}
	})
	return access.Resource{Name: "shop-db", Address: l.Addr().String(), SSLMode: access.SSLDisable}, heard
}

func switchTo(plugin, data string) []byte {
	return append(appendText([]byte{packetAuthSwitch}, plugin), data...)
}

// greetedAnd is a store that greets and then says those packets.
func greetedAnd(payloads ...[]byte) []byte {
	return append(testGreeting.packet(), packets(2, payloads...)...)
}

var okPacket = []byte{packetOK, 0, 0, 2, 0, 0, 0}

// alternating numbers packets that the gateway answers one by one.
func alternating(payloads ...[]byte) []byte {
	b := testGreeting.packet()
	for i, p := range payloads {
		b = appendPacket(b, byte(2+2*i), p)
	}
	return b
}

func TestStoresThatMisbehave(t *testing.T) {
	full := []byte{packetMoreAuth, sha2Full}
	for name, c := range map[string]struct {
		said  []byte
		words string // that a client is told
	}{
		"too many connections":      {packets(0, []byte("\xff\x10\x04Too many connections")), "too many connections"},
		"blocked":                   {packets(0, []byte("\xff\x69\x04Host '10.1.2.3' is blocked")), "FLUSH HOSTS"},
		"not allowed":               {packets(0, []byte("\xff\x6a\x04Host '10.1.2.3' is not allowed")), "no connections from the gateway's address"},
		"protocol 9":                {packets(0, []byte("\x093.21\x00")), "does not greet as MySQL"},
		"before 4.1":                {packets(0, append([]byte("\x0a4.0.1\x00"), make([]byte, 16)...)), "too old"},
		"no MySQL at all":           {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), "cannot be understood"},
		"an empty greeting":         {packets(0, nil), "cannot be understood"},
		"half a greeting":           {packets(0, testGreeting.packet()[headerSize:40]), "cannot be understood"},
		"silence":                   {nil, "shop-db cannot be reached"},
		"half a packet":             {testGreeting.packet()[:20], "shop-db cannot be reached"},
		"silence after the answer":  {testGreeting.packet(), "shop-db cannot be reached"},
		"a wrong number":            {append(testGreeting.packet(), packets(3, okPacket)...), "out of order"},
		"an empty packet":           {greetedAnd(nil), "cannot be understood"},
		"a password of before 4.1":  {greetedAnd([]byte{packetAuthSwitch}), "before 4.1"},
		"Kerberos":                  {greetedAnd(switchTo("auth_gssapi_client", "mysql/host")), "Kerberos"},
		"an unknown plugin":         {greetedAnd(switchTo("parsec", "salt")), "does not know"},
		"what no plugin says":       {greetedAnd([]byte{packetMoreAuth, 9}), "cannot be understood"},
		"a key that is none":        {alternating(full, []byte("\x01no key")), "cannot be understood"},
		"two questions":             {alternating(switchTo(pluginDialog, "\x04Password: "), []byte("\x04Code: ")), "more than a password"},
		"no question at all":        {alternating(switchTo(pluginDialog, "\x09")), "cannot be understood"},
		"the password twice":        {alternating(switchTo(pluginClear, ""), switchTo(pluginClear, "")), "cannot be understood"},
		"a key twice":               {alternating(full, full), "cannot be understood"},
		"no end":                    {alternating(manySwitches()...), "cannot be understood"},
		"another database's denial": {greetedAnd([]byte("\xff\x14\x04#42000Access denied to database 'shop'")), "database 'shop'"},
	} {
		t.Run(name, func(t *testing.T) {
			store, heard := fakeStore(t, c.said)
			_, err := open(t, store, secretOf("app"), simpleWish)
			if err == nil {
				t.Fatal("let in")
			}
			if told := string(errorPacket(0, err, 0)); !strings.Contains(told, c.words) || strings.Contains(told, "10.1.2.3") {
				t.Errorf("the client is told %q; the log %v", told, err)
			}
			if n := bytes.Count(<-heard, []byte(storePassword)); n > 1 {
				t.Errorf("heard the password %d times", n)
			}
		})
	}
}

func manySwitches() [][]byte {
	var all [][]byte
	for range maxAuthRounds + 1 {
		all = append(all, switchTo(pluginNative, string(testScramble)+"\x00"))
	}
	return all
}

// TestDialogAndClear answers PAM on a connection that does not leave the machine.
func TestDialogAndClear(t *testing.T) {
	for name, question := range map[string][]byte{
		"a question": switchTo(pluginDialog, "\x04Password: "), "no question": switchTo(pluginDialog, ""), "clear": switchTo(pluginClear, ""),
	} {
		t.Run(name, func(t *testing.T) {
			store, heard := fakeStore(t, alternating(question, okPacket))
			c, err := open(t, store, secretOf("app"), simpleWish)
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			if all := <-heard; !bytes.HasSuffix(all, appendPacket(nil, 3, []byte(storePassword+"\x00"))) {
				t.Errorf("heard %q", all)
			}
		})
	}
}

// TestPasswordStaysHere keeps the password from stores that nothing proves to be the right ones.
func TestPasswordStaysHere(t *testing.T) {
	for _, plugin := range []string{pluginClear, pluginDialog} {
		peer := script(alternating(switchTo(plugin, ""), okPacket))
		l := storeLogin{conn: peer, secret: secretOf("app"), wish: simpleWish}
		err := l.run(t.Context(), &access.Resource{Name: "shop-db"}, access.SSLDisable)
		if err == nil || !strings.Contains(proxy.Explain(err), "verify-full") || bytes.Contains(peer.heard.Bytes(), []byte(storePassword)) {
			t.Errorf("%s: %v", plugin, err)
		}
	}
	peer := script(greetedAnd(okPacket))
	l := storeLogin{conn: peer, secret: creds.Secret{Username: "app", Password: "a\x00b"}, wish: simpleWish}
	if err := l.run(t.Context(), &access.Resource{Name: "shop-db"}, access.SSLDisable); err == nil || !strings.Contains(err.Error(), "zero byte") {
		t.Errorf("a password with a zero byte: %v", err)
	}
}

// TestConnectCountsHandshakes sees that a store is asked for its greeting once, however many ask.
func TestConnectCountsHandshakes(t *testing.T) {
	store, heard := fakeStore(t, testGreeting.packet())
	g := newGreetings()
	answers := make(chan error, 8)
	for range cap(answers) {
		go func() {
			said, err := g.of(t.Context(), &store)
			if err == nil && said.version != testGreeting.version {
				err = errors.New(said.version)
			}
			answers <- err
		}()
	}
	for range cap(answers) {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if all := <-heard; len(all) != 0 {
		t.Errorf("a probe said %q", all)
	}
}
