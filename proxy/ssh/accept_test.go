package ssh

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/test/servers"
)

func TestSignInByLink(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	for name, test := range map[string]struct {
		signIn func(ctx context.Context, user string, show func(url, code string) error, opened func()) (access.Identity, error)
		in     bool
		told   []string
	}{
		"signed in": {func(_ context.Context, user string, show func(url, code string) error, _ func()) (access.Identity, error) {
			return access.Identity{User: user, Kind: access.Person}, show("https://sally.example/ssh/abc", "BCDF-GHJK")
		}, true, []string{"https://sally.example/ssh/abc", "BCDF-GHJK", proxytest.User}},
		"somebody else": {func(_ context.Context, _ string, show func(url, code string) error, _ func()) (access.Identity, error) {
			_ = show("https://sally.example/ssh/abc", "BCDF-GHJK")
			return access.Identity{}, &access.Denial{Cause: access.BadCredentials, Sentence: "somebody else has signed in by this link"}
		}, false, []string{"BCDF-GHJK", "sallyport: somebody else has signed in"}},
		"nobody": {func(_ context.Context, _ string, show func(url, code string) error, _ func()) (access.Identity, error) {
			_ = show("https://sally.example/ssh/abc", "BCDF-GHJK")
			return access.Identity{}, context.DeadlineExceeded
		}, false, []string{"nobody has signed in by the link"}},
	} {
		t.Run(name, func(t *testing.T) {
			g.people.signIn = test.signIn
			told := &strings.Builder{}
			c, err := dial(g.Native, proxytest.User, "an unknown key", g.Store.Name, told)
			if test.in != (err == nil) {
				t.Fatal(err)
			}
			for _, words := range test.told {
				if !strings.Contains(told.String(), words) {
					t.Errorf("told %q, want %q", told, words)
				}
			}
			if err == nil {
				if out, err := run(c, "echo in", nil); err != nil || string(out) != "in\n" {
					t.Errorf("%q, %v", out, err)
				}
				_ = c.Close()
			}
		})
	}
}

// TestLinkWhoseClientLeaves wants that a sign-in ends with the client that wanted it.
func TestLinkWhoseClientLeaves(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	shown, ended := make(chan struct{}), make(chan error, 1)
	g.people.signIn = func(ctx context.Context, _ string, show func(url, code string) error, _ func()) (access.Identity, error) {
		_ = show("https://sally.example/ssh/abc", "BCDF-GHJK")
		close(shown)
		select {
		case <-ctx.Done():
			ended <- nil
		case <-time.After(patience):
			ended <- context.DeadlineExceeded
		}
		return access.Identity{}, ctx.Err()
	}
	conn, err := net.Dial("tcp", g.Native)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-shown
		_ = conn.Close()
	}()
	config := &ssh.ClientConfig{User: proxytest.User + "#web-1", HostKeyCallback: ssh.FixedHostKey(hostKey.PublicKey()),
		Auth: []ssh.AuthMethod{ssh.KeyboardInteractive(func(string, string, []string, []bool) ([]string, error) { return nil, nil })}}
	if _, _, _, err := ssh.NewClientConn(conn, "", config); err == nil {
		t.Error("let in")
	}
	if err := <-ended; err != nil {
		t.Error("the sign-in goes on without its client")
	}
}

// TestNoPasswords wants that nobody is ever asked for a password, and that MaxAuthTries ends who guesses keys.
func TestNoPasswords(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	asked := false
	config := &ssh.ClientConfig{User: proxytest.User + "#web-1", HostKeyCallback: ssh.FixedHostKey(hostKey.PublicKey()),
		Auth: []ssh.AuthMethod{ssh.PasswordCallback(func() (string, error) { asked = true; return "guess", nil })}}
	if _, err := ssh.Dial("tcp", g.Native, config); err == nil || asked {
		t.Errorf("asked: %v, %v", asked, err)
	}
	var keys []ssh.Signer
	for i := range 2 * maxAttempts {
		keys = append(keys, keyOf(strings.Repeat("x", i)))
	}
	config.Auth = []ssh.AuthMethod{ssh.PublicKeys(append(keys, keyOf(proxytest.Token))...)}
	if _, err := ssh.Dial("tcp", g.Native, config); err == nil || !strings.Contains(err.Error(), "too many authentication failures") {
		t.Errorf("the right key after %d wrong ones: %v", len(keys), err)
	}
	events := g.events(t, 1)
	if e := events[0]; e.Type != audit.SessionDenied || e.User != proxytest.User || e.Resource != "web-1" || e.Application == "" || e.Reason == "" {
		t.Errorf("%+v", e)
	}
}

// TestTunnelAccounts has the user name of the tunnel name the account.
func TestTunnelAccounts(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	for user, want := range map[string]string{"-": "", proxytest.User: "", "alice": "", "app": "", "root": "you may not use the account root"} {
		conn, err := g.DialTunnel(t, proxytest.User, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		c, channels, requests, err := ssh.NewClientConn(conn, "", &ssh.ClientConfig{User: user, HostKeyCallback: ssh.FixedHostKey(hostKey.PublicKey())})
		if err != nil {
			t.Fatal(err)
		}
		out, err := run(ssh.NewClient(c, channels, requests), "echo in", nil)
		if want == "" && string(out) != "in\n" || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("as %s: %q, %v", user, out, err)
		}
		_ = c.Close()
	}
}

// TestAlgorithms offers clients nothing that is weak, one kind at a time.
func TestAlgorithms(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	weak, fine := ssh.InsecureAlgorithms(), ssh.SupportedAlgorithms()
	take := func(config ssh.Config) error {
		c, err := ssh.Dial("tcp", g.Native, &ssh.ClientConfig{Config: config, User: proxytest.User + "#web-1",
			HostKeyCallback: ssh.FixedHostKey(hostKey.PublicKey()), Auth: []ssh.AuthMethod{ssh.PublicKeys(keyOf(proxytest.Token))}})
		if err == nil {
			_ = c.Close()
		}
		return err
	}
	offered := forClients()
	for _, test := range []struct {
		algorithms, offered []string
		config              func(string) ssh.Config
	}{
		{append(weak.KeyExchanges, fine.KeyExchanges...), offered.KeyExchanges, func(a string) ssh.Config { return ssh.Config{KeyExchanges: []string{a}} }},
		{append(weak.Ciphers, fine.Ciphers...), offered.Ciphers, func(a string) ssh.Config { return ssh.Config{Ciphers: []string{a}} }},
		{append(weak.MACs, fine.MACs...), offered.MACs, func(a string) ssh.Config {
			return ssh.Config{MACs: []string{a}, Ciphers: []string{ssh.CipherAES128CTR}}
		}},
	} {
		for _, algorithm := range test.algorithms {
			want := false
			for _, one := range test.offered {
				want = want || one == algorithm
			}
			if err := take(test.config(algorithm)); want != (err == nil) {
				t.Errorf("%s: %v", algorithm, err)
			}
		}
	}
}
