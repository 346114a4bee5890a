package mysql

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
)

// storeHandshakeTimeout bounds everything between the first dial and the store's OK, whatever the caller's context allows.
const storeHandshakeTimeout = 30 * time.Second

// wish is what a session shall be like that is opened at a store.
type wish struct {
	capabilities capability
	mariadb      capability
	charset      byte
	maxPacket    uint32
	database     string
	attributes   []byte
}

// dial opens the client's store.
func (c *client) dial(ctx context.Context, store access.Resource, secret creds.Secret) (*storeConn, error) {
	if c.unprobed != nil {
		return nil, c.unprobed
	}
	w := wish{capabilities: c.capabilities, mariadb: c.mariadb, charset: c.charset, maxPacket: c.maxPacket, database: c.login.Database,
		attributes: c.attributes}
	if w.database == "" {
		w.database = store.Database
	}
	conn, said, err := openStore(ctx, store, secret, w)
	if said != nil {
		c.protocol.greetings.note(store.Address, said)
	}
	if !errors.Is(err, errLacking) {
		return conn, err
	}
	if c.conn.Identity() != nil { // it was greeted as the store did some minutes ago
		return nil, &codedError{number: numberUnreachable, sentence: "the store's version has changed just now; connect again", err: err}
	}
	return nil, &codedError{number: numberUnreachable, sentence: "this store has less than clients are promised here; use the local client " +
		"(sally connect), or let the gateway's listen.mysql_version be this store's version", err: err}
}

// errLacking says that the store cannot do what the client was promised and counts on in every packet.
var errLacking = errors.New("the store lacks capabilities that the client was promised")

// openStore connects to the store and logs in there as secret.Username. What the store itself refuses is a *serverError; a
// refused credential wraps proxy.ErrCredentialRefused. The greeting is nil where there was none. The connection is closed
// on any error.
func openStore(ctx context.Context, store access.Resource, secret creds.Secret, w wish) (*storeConn, *greeting, error) {
	ctx, cancel := context.WithTimeout(ctx, storeHandshakeTimeout)
	defer cancel()
	mode, err := proxy.StoreSSLMode(&store)
	if err != nil {
		return nil, nil, err
	}
	conn, err := dialStore(ctx, &store)
	if err != nil {
		return nil, nil, err
	}
	l := storeLogin{conn: conn, secret: secret, wish: w}
	err = proxy.Within(ctx, conn, func() error { return l.run(ctx, &store, mode) })
	if err != nil {
		_ = conn.Close()
		return nil, l.greeting, fmt.Errorf("log in at the store: %w", unreachable(&store, err))
	}
	return &storeConn{Conn: l.conn, capabilities: l.wish.capabilities, mariadb: l.wish.mariadb, version: l.greeting.version,
		id: l.greeting.id, database: w.database, ok: l.ok}, l.greeting, nil
}

// unreachable makes what is wrong with the connection itself a *proxy.StoreUnreachable, and puts into words why a store
// turns everybody away. What else the store said stays as it is.
func unreachable(store *access.Resource, err error) error {
	var said *serverError
	var refusal *proxy.Refusal
	switch {
	case errors.As(err, &said) && said.away() != "":
		return &codedError{number: numberUnreachable, sentence: said.away(), err: err}
	case errors.As(err, &said), errors.As(err, &refusal), errors.Is(err, errLacking):
		return err
	}
	return &proxy.StoreUnreachable{Resource: store.Name, Err: err}
}

// storeLogin is a login at a store while it goes on.
type storeLogin struct {
	conn     net.Conn
	sequence byte // of the next packet, in either direction
	secret   creds.Secret
	wish     wish
	greeting *greeting
	private  bool // nobody but the store can read what is sent
	secure   bool // it is encrypted, or does not leave the machine, as a store's plugins see it
	ok       []byte

	plugin   string // that the store asks for now
	scramble []byte
	sent     bool // the password itself was sent
	keyed    bool // the store's public key was asked for
}

// run goes from the store's greeting to its OK.
func (l *storeLogin) run(ctx context.Context, store *access.Resource, mode access.SSLMode) error {
	var err error
	if l.greeting, err = readGreeting(l.conn); err != nil {
		return err
	}
	l.sequence++
	if err := l.agree(); err != nil {
		return err
	}
	_, unix := l.conn.RemoteAddr().(*net.UnixAddr)
	l.secure, l.private = unix, isLocal(l.conn)
	if mode != access.SSLDisable {
		if err := l.startTLS(ctx, store, mode); err != nil {
			return err
		}
	}
	return l.authenticate()
}

func isLocal(conn net.Conn) bool {
	if addr, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return addr.IP.IsLoopback()
	}
	_, ok := conn.RemoteAddr().(*net.UnixAddr)
	return ok
}

// agree reduces the wish to what the store has.
func (l *storeLogin) agree() error {
	has := l.greeting.capabilities
	lacking := l.wish.capabilities&shaping&^has | l.wish.mariadb&^l.greeting.mariadb
	if lacking != 0 {
		return fmt.Errorf("%w: %s lacks %#x", errLacking, l.greeting.version, uint32(lacking))
	}
	if !has.has(capSecureConnection) {
		return &codedError{number: numberUnreachable, sentence: "the store knows only the passwords of MySQL before 4.1", err: errors.New(l.greeting.version)}
	}
	agreed := l.wish.capabilities&(shaping|passing) | capProtocol41 | capSecureConnection
	agreed |= capPluginAuth | capPluginAuthLenEnc | capTransactions
	if l.wish.mariadb == 0 {
		agreed |= capLongPassword
	}
	if l.wish.database != "" {
		agreed |= capConnectWithDB
	}
	if l.wish.attributes != nil {
		agreed |= capConnectAttrs
	}
	l.wish.capabilities = agreed & has
	return nil
}

// startTLS asks for TLS (Protocol::SSLRequest) and does the TLS handshake. With mode prefer it does without when the store
// has none.
func (l *storeLogin) startTLS(ctx context.Context, store *access.Resource, mode access.SSLMode) error {
	if !l.greeting.capabilities.has(capSSL) {
		if mode == access.SSLPrefer {
			return nil
		}
		return &codedError{number: numberUnreachable, sentence: "the store does not offer TLS, which the resource's ssl_mode demands",
			err: fmt.Errorf("ssl_mode %s", mode)}
	}
	config, err := proxy.StoreTLS(store, l.secret, mode)
	if err != nil {
		return err
	}
	l.wish.capabilities |= capSSL
	if err := l.send(l.responseHead()); err != nil {
		return err
	}
	secured := tls.Client(proxy.Records(l.conn), config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return &codedError{number: numberUnreachable, sentence: proxy.StoreTLSSentence(err), err: err}
	}
	l.conn, l.secure = secured, true
	l.private = l.private || proxy.StoreVerified(store, mode)
	return nil
}

// responseHead is the beginning of a handshake response, which by itself asks for TLS.
func (l *storeLogin) responseHead() []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(l.wish.capabilities))
	b = binary.LittleEndian.AppendUint32(b, l.wish.maxPacket)
	b = append(b, l.wish.charset)
	b = append(b, make([]byte, 19)...)
	return binary.LittleEndian.AppendUint32(b, uint32(l.wish.mariadb))
}

// response is the handshake response with an answer to the greeting's challenge.
func (l *storeLogin) response(answer []byte) []byte {
	b := appendText(l.responseHead(), l.secret.Username)
	if l.wish.capabilities.has(capPluginAuthLenEnc) {
		b = appendLength(b, uint64(len(answer)))
	} else {
		b = append(b, byte(len(answer)))
	}
	b = append(b, answer...)
	if l.wish.capabilities.has(capConnectWithDB) {
		b = appendText(b, l.wish.database)
	}
	if l.wish.capabilities.has(capPluginAuth) {
		b = appendText(b, l.plugin)
	}
	if l.wish.capabilities.has(capConnectAttrs) {
		b = append(appendLength(b, uint64(len(l.wish.attributes))), l.wish.attributes...)
	}
	return b
}

func (l *storeLogin) send(payload []byte) error {
	if _, err := l.conn.Write(appendPacket(nil, l.sequence, payload)); err != nil {
		return lost(err)
	}
	l.sequence++
	return nil
}

func (l *storeLogin) receive() ([]byte, error) {
	payload, err := readPacket(l.conn, l.sequence)
	if err != nil {
		return nil, lost(err)
	}
	l.sequence++
	if len(payload) == 0 {
		return nil, malformed("an empty packet")
	}
	return payload, nil
}

// lost is what a connection's end means in a handshake.
func lost(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the store closed the connection: %w", err)
	}
	return err
}

// killQuery ends what the store runs for the session with that id, over a connection of its own.
func killQuery(ctx context.Context, store access.Resource, secret creds.Secret, id uint32) error {
	conn, _, err := openStore(ctx, store, secret, wish{capabilities: capProtocol41, charset: charsetUTF8MB4, maxPacket: 1 << 24})
	if err != nil {
		return err
	}
	defer conn.Close()
	err = proxy.Within(ctx, conn, func() error {
		command := fmt.Appendf([]byte{0x03}, "KILL QUERY %d", id) // COM_QUERY
		if _, err := conn.Write(appendPacket(nil, 0, command)); err != nil {
			return err
		}
		answer, err := readPacket(conn, 1)
		if err != nil {
			return err
		}
		if len(answer) > 0 && answer[0] == packetError {
			return newServerError(answer)
		}
		_, err = conn.Write(appendPacket(nil, 0, []byte{0x01})) // COM_QUIT
		return err
	})
	var said *serverError
	if errors.As(err, &said) && said.number == numberUnknownThread {
		return nil // the session has ended, and with it what it ran
	}
	if err != nil {
		return fmt.Errorf("end a statement at the store: %w", err)
	}
	return nil
}
