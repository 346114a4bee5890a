package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
)

// server is the connection to the resource's server, authenticated there.
type server struct {
	ssh.Conn
	channels <-chan ssh.NewChannel
	requests <-chan *ssh.Request
}

// hangUp ends a connection that nobody serves, and what x/crypto runs for it.
func (s *server) hangUp() {
	_ = s.Close()
	var discarding sync.WaitGroup
	discarding.Go(func() { ssh.DiscardRequests(s.requests) })
	for range s.channels { //nolint:revive // none is served
	}
	discarding.Wait()
	_ = s.Wait()
}

// dial connects to the server and authenticates there. A server that is not known yet is pinned once it has let the gateway in. What
// a person or an admin can act upon is a *proxy.Refusal.
func (c *client) dial(ctx context.Context, store access.Resource, secret creds.Secret) (*server, error) {
	methods, err := methodsOf(secret)
	if err != nil {
		return nil, err
	}
	hostKey, err := newHostKeys(&store)
	if err != nil {
		return nil, err
	}
	user := secret.Username
	if user == "" {
		user = c.conn.Account()
	}
	conn, err := reach(ctx, &store)
	if err != nil {
		return nil, err
	}
	s := &server{}
	err = proxy.Within(ctx, conn, func() error {
		config := &ssh.ClientConfig{Config: forServers(), User: user, Auth: methods, ClientVersion: version,
			HostKeyCallback: hostKey.check, HostKeyAlgorithms: hostKey.algorithms}
		s.Conn, s.channels, s.requests, err = ssh.NewClientConn(conn, store.Address, config)
		return err
	})
	if err != nil {
		_ = conn.Close()
		return nil, hostKey.explain(err)
	}
	if err := hostKey.pin(func(key string) error { return c.protocol.directory.PinHostKey(ctx, store.Name, c.conn.Session(), key) }); err != nil {
		s.hangUp()
		return nil, err
	}
	return s, nil
}

func reach(ctx context.Context, store *access.Resource) (net.Conn, error) {
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

// methodsOf are the ways in which the credential opens a server.
func methodsOf(secret creds.Secret) ([]ssh.AuthMethod, error) {
	var methods []ssh.AuthMethod
	if len(secret.Key) > 0 {
		signers, err := signersOf(secret)
		if err != nil {
			return nil, &proxy.Refusal{Sentence: "the credential's key or certificate cannot be used; an admin has to correct it",
				Err: errors.Join(proxy.ErrCredentialRefused, err)}
		}
		methods = append(methods, ssh.PublicKeys(signers...))
	}
	if secret.Password != "" {
		methods = append(methods, ssh.Password(secret.Password), ssh.KeyboardInteractive(answer(secret.Password)))
	}
	return methods, nil
}

func signersOf(secret creds.Secret) ([]ssh.Signer, error) {
	key, err := ssh.ParsePrivateKey(secret.Key)
	if err != nil {
		return nil, errors.New("the private key cannot be read") // its own error may tell of the key
	}
	if len(secret.Certificate) == 0 {
		return []ssh.Signer{key}, nil
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(secret.Certificate)
	if err != nil {
		return nil, fmt.Errorf("the certificate cannot be read: %w", err)
	}
	certificate, ok := public.(*ssh.Certificate)
	if !ok {
		return nil, fmt.Errorf("a %s is no certificate", public.Type())
	}
	certified, err := ssh.NewCertSigner(certificate, key)
	if err != nil {
		return nil, err
	}
	return []ssh.Signer{certified}, nil
}

// answer gives the password to the one hidden question of a server, and nothing to any other.
func answer(password string) ssh.KeyboardInteractiveChallenge {
	asked := false
	return func(_, _ string, questions []string, echos []bool) ([]string, error) {
		switch {
		case len(questions) == 0:
			return nil, nil
		case asked || len(questions) != 1 || echos[0]:
			return nil, errors.New("the server asks for more than a password")
		}
		asked = true
		return []string{password}, nil
	}
}

// explain tells what went wrong in a handshake by how far that has come.
func (h *hostKeys) explain(err error) error {
	var disagree *ssh.AlgorithmNegotiationError
	var refusal *proxy.Refusal
	var broken net.Error
	switch {
	case h.refused != nil:
		return h.refused
	case errors.As(err, &refusal):
		return err
	case errors.As(err, &disagree):
		return &proxy.Refusal{Sentence: h.disagreement(), Err: err}
	case h.seen == nil:
		return &proxy.Refusal{Sentence: "the server does not answer as SSH servers do; an admin has to look at the resource's address", Err: err}
	case errors.Is(err, io.EOF), errors.As(err, &broken):
		return &proxy.Refusal{Sentence: "the server closed the connection while Sallyport logged in; try again, and tell its owners if it lasts",
			Err: &proxy.StoreUnreachable{Resource: h.resource, Err: err}}
	}
	return fmt.Errorf("log in at the server: %w", errors.Join(proxy.ErrCredentialRefused, err))
}
