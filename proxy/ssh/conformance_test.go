package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/test/servers"
)

// conformer is a client as the conformance suite wants it.
type conformer struct{ *ssh.Client }

// admitted gives the client, unless its first session says that it may not be: a request that no relay passes on is answered by yes
// where the gateway answers for itself.
func admitted(c *ssh.Client) (proxytest.Client, error) {
	channel, requests, err := c.OpenChannel(channelSession, nil)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	go ssh.DiscardRequests(requests)
	defer channel.Close()
	denied, err := channel.SendRequest("keepalive@openssh.com", true, nil)
	if err == nil && !denied {
		return conformer{c}, nil
	}
	words, _ := io.ReadAll(channel.Stderr())
	_ = c.Close()
	return nil, errors.New(string(words))
}

func (c conformer) Run(_ context.Context, statement string) error {
	if statement != requestShell {
		_, err := run(c.Client, statement, nil)
		return err
	}
	s, err := c.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	var errs bytes.Buffer
	s.Stderr = &errs
	if err := s.Shell(); err != nil {
		return err
	}
	if err := s.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, errs.String())
	}
	return nil
}

func (c conformer) RunAll(context.Context, []string) error { return errors.New("SSH has no batches") }

func (c conformer) Close() { _ = c.Client.Close() }

func TestConformance(t *testing.T) {
	sshd := servers.StartSSHD(t, servers.SSHDOptions{})
	resource, secret := resourceOf(t, sshd)
	bad := secret
	bad.Key = newKey(t)
	marks := t.TempDir()
	proxytest.Run(t, proxytest.Subject{
		Protocol: func() proxy.Protocol {
			p, _, _ := newProtocol(t, &people{})
			return p
		},
		Store:     resource,
		Secret:    secret,
		BadSecret: bad,
		Native: func(_ context.Context, addr, user, token, resource string) (proxytest.Client, error) {
			c, err := dial(addr, user, token, resource, &strings.Builder{})
			if err != nil {
				return nil, err
			}
			return admitted(c)
		},
		Tunnel: func(ctx context.Context, dial func(context.Context) (net.Conn, error)) (proxytest.Client, error) {
			conn, err := dial(ctx)
			if err != nil {
				return nil, err
			}
			config := &ssh.ClientConfig{User: "-", HostKeyCallback: ssh.FixedHostKey(hostKey.PublicKey()), Timeout: patience}
			c, channels, requests, err := ssh.NewClientConn(conn, "web-1:22", config)
			if err != nil {
				return nil, err
			}
			return admitted(ssh.NewClient(c, channels, requests))
		},
		Forbidden: requestShell,
		Rules:     access.StatementRules{Classes: []string{access.ClassExec}},
		Single:    true,
		Mark:      func(n int) string { return fmt.Sprintf("touch %s; echo marked", filepath.Join(marks, fmt.Sprint(n))) },
		Marked: func(_ *testing.T, n int) bool {
			_, err := os.Stat(filepath.Join(marks, fmt.Sprint(n)))
			return err == nil
		},
	})
}

// newKey is a private key that no server knows.
func newKey(t testing.TB) []byte {
	t.Helper()
	file, _ := servers.NewSSHKey(t, t.TempDir(), "key")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
