package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
)

// handshakeTimeout bounds everything between the first dial and the store's last answer, whatever the caller's context
// allows; tlsTimeout that of TLS, since a store without TLS may wait for more of what it takes for a command.
// preferTimeout is that of mode prefer, which then goes on without.
const (
	handshakeTimeout = 30 * time.Second
	tlsTimeout       = 8 * time.Second
	preferTimeout    = 2 * time.Second
)

// maxHandshakeAnswer bounds one answer of the store's during the handshake.
const maxHandshakeAnswer = 1 << 20

// storeConn is a connection to the store that is authenticated, speaks the client's version of RESP, and has the
// resource's database selected.
type storeConn struct {
	net.Conn
	resp    int    // 2 or 3; 2 for a client of 3 where the store knows no HELLO
	hello   []byte // the store's whole answer to HELLO; nil where it knows none
	version string // such as "7.0.15"; empty where it could not be learned
	early   []byte // what the store sent behind its last answer
	reauth  []byte // the AUTH command that opens it again after RESET; nil where it needs none
}

// wish is what a client's connection to the store shall be.
type wish struct {
	resp int
	name string // of the client, for CLIENT LIST at the store; empty: none
}

// dialStore connects to the store, or to the one that its Sentinels name, and authenticates there. What the store
// refuses is a *proxy.Refusal; a refused credential wraps proxy.ErrCredentialRefused.
func dialStore(ctx context.Context, store access.Resource, secret creds.Secret, w wish) (*storeConn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if store.Master != "" {
		return dialMaster(ctx, store, secret, w)
	}
	return openStore(ctx, store, secret, w)
}

// openStore is dialStore for the store at the resource's address.
func openStore(ctx context.Context, store access.Resource, secret creds.Secret, w wish) (*storeConn, error) {
	conn, err := reach(ctx, store, secret)
	if err != nil {
		return nil, err
	}
	s := &storeConn{Conn: conn, resp: w.resp}
	err = proxy.Within(ctx, conn, func() error { return s.logIn(store, secret, w) })
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("log in at the store: %w", err)
	}
	return s, nil
}

// reach opens a connection to the store, secured as its mode asks.
func reach(ctx context.Context, store access.Resource, secret creds.Secret) (net.Conn, error) {
	mode, err := proxy.StoreSSLMode(&store)
	if err != nil {
		return nil, err
	}
	conn, err := dial(ctx, store)
	if err != nil || mode == access.SSLDisable {
		return conn, err
	}
	config, err := proxy.StoreTLS(&store, secret, mode)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	secured := tls.Client(proxy.Records(conn), config)
	timeout := tlsTimeout
	if mode == access.SSLPrefer {
		timeout = preferTimeout
	}
	handshake, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = secured.HandshakeContext(handshake)
	if err == nil {
		return secured, nil
	}
	_ = conn.Close()
	if mode == access.SSLPrefer && ctx.Err() == nil {
		return dial(ctx, store)
	}
	return nil, &proxy.Refusal{Sentence: proxy.StoreTLSSentence(err), Err: fmt.Errorf("secure the connection to the store: %w", err)}
}

func dial(ctx context.Context, store access.Resource) (net.Conn, error) {
	network := "tcp"
	if strings.HasPrefix(store.Address, "/") {
		network = "unix"
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, store.Address)
	if err != nil {
		return nil, &proxy.StoreUnreachable{Resource: store.Name, Err: err}
	}
	return conn, nil
}

// logIn authenticates, agrees on the protocol, and selects the database: all commands are sent at once.
func (s *storeConn) logIn(store access.Resource, secret creds.Secret, w wish) error {
	s.reauth = authCommand(secret)
	hello := []string{"HELLO", strconv.Itoa(w.resp)}
	if w.name != "" {
		hello = append(hello, "SETNAME", w.name)
	}
	selected := store.Database == "" || store.Database == "0"
	request := appendCommand(append([]byte(nil), s.reauth...), hello...)
	if !selected {
		request = appendCommand(request, "SELECT", store.Database)
	}
	if _, err := s.Write(request); err != nil {
		return closedInHandshake(store, err)
	}
	if s.reauth != nil {
		d, _, err := s.next(store)
		if err != nil {
			return err
		}
		if d.isError() {
			return authRefused(&d)
		}
	}
	d, raw, err := s.next(store)
	if err != nil {
		return err
	}
	if err := s.greeted(&d, raw); err != nil {
		return err
	}
	if !selected {
		d, _, err := s.next(store)
		if err != nil {
			return err
		}
		if d.isError() {
			return refusal("the store does not open the resource's database "+harmless(store.Database), &d)
		}
	}
	return s.learnVersion(store)
}

// authCommand is the login at the store; nil where the credential holds none. A password alone is that of the user
// "default", which stores of before version 6 know no name for.
func authCommand(secret creds.Secret) []byte {
	user := secret.Username
	switch {
	case (user == "" || user == "default") && secret.Password == "":
		return nil
	case user == "" || user == "default":
		return appendCommand(nil, "AUTH", secret.Password)
	}
	return appendCommand(nil, "AUTH", user, secret.Password)
}

// greeted takes the answer to HELLO. A store that does not know it, or not this version, is spoken to by RESP2.
func (s *storeConn) greeted(d *datum, raw []byte) error {
	switch {
	case d.errorIs("NOPROTO"), d.errorIs("ERR") && strings.Contains(strings.ToLower(string(d.text)), "unknown command"):
		s.resp = 2
		return nil
	case d.errorIs("NOAUTH"):
		return errors.Join(proxy.ErrCredentialRefused, refusal("the store asks for a password, and the credential that Sallyport holds for it has none", d))
	case d.isError():
		return storeRefusal(d)
	}
	s.hello = raw
	if v := d.entry("version"); v != nil {
		s.version = string(v.text)
	}
	return nil
}

// learnVersion asks a store that has not told its version; one that does not say is served all the same.
func (s *storeConn) learnVersion(store access.Resource) error {
	if s.version != "" {
		return nil
	}
	if _, err := s.Write(appendCommand(nil, "INFO", "server")); err != nil {
		return closedInHandshake(store, err)
	}
	d, _, err := s.next(store)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(d.text)) {
		if v, ok := strings.CutPrefix(line, "redis_version:"); ok && !d.isError() {
			s.version = strings.TrimSpace(v)
		}
	}
	return nil
}

// next is the store's next answer. What came behind it stays in early.
func (s *storeConn) next(store access.Resource) (d datum, raw []byte, err error) {
	for {
		d, used, err := parseDatum(s.early)
		if err == nil {
			raw, s.early = s.early[:used:used], s.early[used:]
			return d, raw, nil
		}
		if !errors.Is(err, errIncomplete) || len(s.early) > maxHandshakeAnswer {
			return datum{}, nil, &proxy.Refusal{Sentence: "the store does not answer as Redis does; an admin has to look at the resource's address and ssl_mode",
				Err: fmt.Errorf("handshake: %w", err)}
		}
		var chunk [readSize]byte
		n, err := s.Read(chunk[:])
		if n == 0 && err != nil {
			return datum{}, nil, closedInHandshake(store, err)
		}
		s.early = append(s.early, chunk[:n]...)
	}
}

func closedInHandshake(store access.Resource, err error) error {
	return &proxy.Refusal{Sentence: "the store closed the connection instead of answering; try again, and let an admin look at the resource's " +
		"ssl_mode if it lasts", Err: &proxy.StoreUnreachable{Resource: store.Name, Err: fmt.Errorf("handshake: %w", err)}}
}
