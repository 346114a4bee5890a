package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

// maxAttempts bounds how often one connection may try to show who it is, as OpenSSH's MaxAuthTries does.
const maxAttempts = 6

// defaultAccount stands in the place of the account's name where any other name would be that of one.
const defaultAccount = "-"

// Accept implements proxy.Protocol.
func (p *Protocol) Accept(ctx context.Context, conn *proxy.Conn) (proxy.Client, error) {
	config := &ssh.ServerConfig{Config: forClients(), ServerVersion: version, MaxAuthTries: maxAttempts, PublicKeyAuthAlgorithms: ofClients()}
	keys, err := p.hostKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("host keys: %w", err)
	}
	for _, key := range keys {
		config.AddHostKey(key)
	}
	socket, here := newTransport(conn)
	signIn := &signIn{protocol: p, conn: conn, here: here}
	if conn.Identity() != nil {
		config.NoClientAuth = true
	} else {
		config.PublicKeyCallback, config.KeyboardInteractiveCallback = signIn.byKey, signIn.byLink
	}
	server, channels, requests, err := ssh.NewServerConn(socket, config)
	if err != nil {
		if signIn.refused == nil {
			return nil, fmt.Errorf("handshake: %w", err)
		}
		return &client{protocol: p, conn: conn, login: signIn.refusal()}, nil
	}
	c := &client{protocol: p, conn: conn, server: server, channels: channels, requests: requests}
	c.login = loginOf(conn, server)
	return c, nil
}

// loginOf is what a client asks for that is in.
func loginOf(conn *proxy.Conn, server *ssh.ServerConn) proxy.Login {
	l := proxy.Login{Application: string(server.ClientVersion())}
	if id := conn.Identity(); id != nil {
		if name := server.User(); name != defaultAccount {
			l.Account = proxy.TunnelAccount(id, name)
		}
		return l
	}
	l.User, l.Resource, l.Account = proxy.NativeUser(server.User())
	id := server.Permissions.ExtraData[identityKey{}].(access.Identity)
	l.Identity = &id
	return l
}

// identityKey is where the permissions of a connection hold who it is.
type identityKey struct{}

// signIn is how a person at the native entrance shows who they are.
type signIn struct {
	protocol *Protocol
	conn     *proxy.Conn
	here     context.Context // ends when the client leaves
	linked   bool            // a link was shown
	user     string          // of the last attempt
	version  string
	refused  error // of the last attempt; nil: there was none
	told     bool  // the client was told more than that it is not in
}

// refusal is the login of a client that has not come in.
func (s *signIn) refusal() proxy.Login {
	l := proxy.Login{Application: s.version, Refused: s.refused}
	l.User, l.Resource, l.Account = proxy.NativeUser(s.user)
	return l
}

// byKey lets in who may be known by the key. x/crypto verifies the signature before the permissions count.
func (s *signIn) byKey(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	person, _, _ := proxy.NativeUser(meta.User())
	permissions := &ssh.Permissions{}
	if certificate, ok := key.(*ssh.Certificate); ok {
		permissions.CriticalOptions = certificate.CriticalOptions // of which x/crypto looks after source-address, and Directory takes no other
	}
	if err := s.conn.Blocked(); err != nil {
		return s.decide(meta, permissions, access.Identity{}, err)
	}
	id, err := s.protocol.directory.IdentifySSHKey(s.here, person, key)
	return s.decide(meta, permissions, id, err)
}

// byLink lets in who signs in in a browser.
func (s *signIn) byLink(meta ssh.ConnMetadata, challenge ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
	if s.linked {
		return nil, errors.New("a link was shown already")
	}
	s.linked = true
	if err := s.conn.Blocked(); err != nil {
		return s.decide(meta, &ssh.Permissions{}, access.Identity{}, err)
	}
	ctx, cancel := s.conn.AwaitSignIn()
	defer cancel()
	defer context.AfterFunc(s.here, cancel)()
	person, _, _ := proxy.NativeUser(meta.User())
	id, err := s.protocol.directory.SignInByLink(ctx, person, addrOf(s.conn.RemoteAddr()), func(url, code string) error {
		_, err := challenge("", fmt.Sprintf("sallyport: to sign in as %s, open\r\n\r\n    %s\r\n\r\nand compare the code: %s\r\n", plain(person), url, code), nil, nil)
		return err
	}, s.conn.SignInOpened)
	if errors.Is(err, context.DeadlineExceeded) {
		err = &access.Denial{Cause: access.BadCredentials, Sentence: "nobody has signed in by the link in time; connect again"}
	}
	return s.decide(meta, &ssh.Permissions{}, id, err)
}

// decide takes the directory's word. What a person can act upon they are told; that a key opens nothing they are not, since clients
// offer all that they have, one after the other.
func (s *signIn) decide(meta ssh.ConnMetadata, p *ssh.Permissions, id access.Identity, err error) (*ssh.Permissions, error) {
	if err == nil {
		p.ExtraData = map[any]any{identityKey{}: id}
		return p, nil
	}
	s.user, s.version, s.refused = meta.User(), string(meta.ClientVersion()), err
	var denial *access.Denial
	if errors.As(err, &denial) && denial.Cause == access.BadCredentials && !s.linked || s.told {
		return nil, err
	}
	s.told = true
	return nil, &ssh.BannerError{Err: err, Message: sentence(err)}
}

// addrOf is the address alone; invalid for what is no TCP address.
func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
