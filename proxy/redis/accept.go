package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

// tlsRecordStart is the first byte of a TLS handshake. No command begins with it.
const tlsRecordStart = 0x16

// maxBeforeLogin bounds the commands that a client may send before it has said who it is.
const maxBeforeLogin = 32

// What is said as Redis does.
const (
	noAuth      = "-NOAUTH Authentication required.\r\n"
	noAuthHello = "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH " +
		"<user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time\r\n"
	noProtocol = "-NOPROTO unsupported protocol version\r\n"
)

// acceptNative answers commands until one says who the client is.
func (p *Protocol) acceptNative(ctx context.Context, conn *proxy.Conn) (proxy.Client, error) {
	in := &commandReader{conn: conn}
	if err := in.read(conn.Read); err != nil {
		return nil, err
	}
	if in.buf[0] == tlsRecordStart && conn.TLSAvailable() {
		if err := conn.StartTLS(ctx, in.buf); err != nil {
			return nil, err
		}
		in.buf = nil
	}
	for range maxBeforeLogin {
		args, err := in.next()
		if err != nil {
			return nil, tell(conn, err)
		}
		c, err := p.nativeClient(conn, args)
		if err != nil {
			return nil, err
		}
		if c != nil {
			return c.begin(in), nil
		}
	}
	return nil, tell(conn, &codedError{code: "ERR", sentence: "too many commands before AUTH"})
}

// nativeClient is the client that a command makes known; nil when it does not, and is answered.
func (p *Protocol) nativeClient(conn *proxy.Conn, args []string) (*client, error) {
	if len(args) == 0 {
		return nil, nil
	}
	var c *client
	var err error
	switch strings.ToLower(args[0]) {
	case "auth":
		c, err = clientOfAuth(args)
	case "hello":
		c, err = clientOfHello(args)
	case "quit":
		_, _ = conn.Write([]byte("+OK\r\n"))
		return nil, proxy.ErrDone
	case "reset":
		return nil, answer(conn, "+RESET\r\n")
	case "post", "host:": // a browser that somebody else's page sends here
		return nil, tell(conn, &codedError{code: "ERR", sentence: "this is a Redis server, not a web server"})
	default:
		return nil, answer(conn, noAuth)
	}
	var said *replied
	switch {
	case errors.As(err, &said):
		return nil, answer(conn, said.line)
	case err != nil:
		return nil, tell(conn, err)
	case !c.authenticates:
		return nil, answer(conn, noAuthHello)
	case !conn.SecretsAllowed():
		return nil, tell(conn, &codedError{code: "ERR", sentence: "access tokens are taken over TLS only: connect with TLS (rediss://, redis-cli --tls)"})
	}
	user, token, err := splitToken(c.user, c.password)
	if err != nil {
		return nil, tell(conn, err)
	}
	c.protocol, c.conn = p, conn
	c.login.User, c.login.Resource, c.login.Account = proxy.NativeUser(user)
	c.login.Token = access.TokenProof{Token: token}
	return c, nil
}

// splitToken gives who and the token. Clients that know no user names give both as the password: PERSON#RESOURCE:TOKEN.
func splitToken(user, password string) (who, token string, err error) {
	if user != "" && user != "default" {
		return user, password, nil
	}
	at := strings.LastIndexByte(password, ':')
	if at < 0 {
		return "", "", &codedError{code: "WRONGPASS", sentence: "say who you are: AUTH PERSON#RESOURCE TOKEN, or AUTH PERSON#RESOURCE:TOKEN " +
			"where a password alone can be given"}
	}
	return password[:at], password[at+1:], nil
}

// acceptTunnel waits until the client sends something, as long as it likes: it is known, and those in pools wait for
// work. What it sends is a login only where it chooses an account or a version of the protocol.
func (p *Protocol) acceptTunnel(conn *proxy.Conn) (proxy.Client, error) {
	in := &commandReader{conn: conn}
	for range maxBeforeLogin {
		word, err := in.firstWord()
		if err != nil {
			return nil, err
		}
		if word != "auth" && word != "hello" {
			c := &client{protocol: p, conn: conn, resp: 2}
			return c.begin(in), nil
		}
		args, err := in.next()
		if err != nil {
			return nil, tell(conn, err)
		}
		c, err := clientOfHello(args)
		if word == "auth" {
			c, err = clientOfAuth(args)
		}
		var said *replied
		if errors.As(err, &said) {
			if err := answer(conn, said.line); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, tell(conn, err)
		}
		c.protocol, c.conn = p, conn
		if c.user != "default" {
			c.login.Account = proxy.TunnelAccount(conn.Identity(), c.user)
		}
		return c.begin(in), nil
	}
	return nil, tell(conn, &codedError{code: "ERR", sentence: "too many commands that log nobody in"})
}

func answer(conn *proxy.Conn, line string) error {
	if _, err := conn.Write([]byte(line)); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}
