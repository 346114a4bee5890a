package ssh

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/recording"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/test/servers"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// people know the test gateway's users by their keys, each of which is made of a token.
type people struct {
	mu      sync.Mutex
	pinned  string
	pinning error
	pins    func() // called before it; nil: nothing is
	signIn  func(ctx context.Context, user string, show func(url, code string) error, opened func()) (access.Identity, error)
}

// keyOf is the key of whoever has the token.
func keyOf(token string) ssh.Signer {
	seed := sha256.Sum256([]byte(token))
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		panic(err)
	}
	return signer
}

func (p *people) IdentifySSHKey(_ context.Context, user string, key ssh.PublicKey) (access.Identity, error) {
	switch {
	case !same(key, keyOf(proxytest.Token).PublicKey()):
		return access.Identity{}, &access.Denial{Cause: access.BadCredentials, Sentence: "this SSH key opens nothing here"}
	case user == proxytest.Suspended:
		return access.Identity{}, &access.Denial{Cause: access.Suspended, Sentence: "your access is suspended; ask an admin"}
	}
	return access.Identity{User: user, Kind: access.Person, Groups: []string{"eng"}}, nil
}

func (p *people) SignInByLink(ctx context.Context, user string, _ netip.Addr, show func(url, code string) error, opened func()) (access.Identity, error) {
	if p.signIn != nil {
		return p.signIn(ctx, user, show, opened)
	}
	return access.Identity{}, &access.Denial{Cause: access.BadCredentials, Sentence: "unknown user or wrong access token"}
}

func (p *people) PinHostKey(_ context.Context, _, session, key string) error {
	if p.pins != nil {
		p.pins()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if session == "" {
		return errors.New("pinned by no session")
	}
	p.pinned = key
	return p.pinning
}

// gateway is a test gateway before a real sshd.
type gateway struct {
	*proxytest.Gateway
	people *people
	tapes  *recording.Store
	reader *age.X25519Identity
}

var hostKey = keyOf("the gateway's host key")

// newProtocol makes the protocol with everything it needs.
func newProtocol(t testing.TB, p *people) (*Protocol, *recording.Store, *age.X25519Identity) {
	t.Helper()
	reader, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	tapes, err := recording.OpenStore(recording.Config{Dir: t.TempDir(), Recipient: func() string { return reader.Recipient().String() }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tapes.Close(); err != nil {
			t.Error(err)
		}
	})
	hostKeys := func(context.Context) ([]ssh.Signer, error) { return []ssh.Signer{hostKey}, nil }
	return New(Options{Directory: p, HostKeys: hostKeys, Recorder: tapes}), tapes, reader
}

// resourceOf is the resource of an sshd, and what opens it.
func resourceOf(t testing.TB, sshd *servers.SSHD) (access.Resource, creds.Secret) {
	t.Helper()
	key, err := os.ReadFile(sshd.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	return access.Resource{Name: "web-1", Protocol: "ssh", Address: sshd.Addr(), SSH: &access.SSH{HostKeys: []string{sshd.HostKey}}},
		creds.Secret{Username: sshd.Account, Key: key}
}

// startGateway runs a gateway before sshd. change, unless nil, changes the resource and what opens it.
func startGateway(t testing.TB, sshd *servers.SSHD, change func(*access.Resource, *creds.Secret)) *gateway {
	t.Helper()
	resource, secret := resourceOf(t, sshd)
	if change != nil {
		change(&resource, &secret)
	}
	g := &gateway{people: &people{}}
	var p *Protocol
	p, g.tapes, g.reader = newProtocol(t, g.people)
	g.Gateway = proxytest.Start(t, proxytest.Options{Protocol: p, Store: resource, Secret: secret})
	return g
}

// everything is a role that lets all classes run.
func everything() access.Role {
	return access.Role{Statements: &access.StatementRules{Classes: []string{"read", "write", "shell", "exec", "forward", "listen", "agent", "x11"}}}
}

// dial connects a client at the native entrance as the user who has the token.
func dial(addr, user, token, resource string, banner *strings.Builder) (*ssh.Client, error) {
	config := &ssh.ClientConfig{User: user + "#" + resource, HostKeyCallback: ssh.FixedHostKey(hostKey.PublicKey()), Timeout: patience,
		Auth: []ssh.AuthMethod{ssh.PublicKeys(keyOf(token)), ssh.KeyboardInteractive(func(_, instruction string, questions []string, _ []bool) ([]string, error) {
			banner.WriteString(instruction)
			return make([]string, len(questions)), nil
		})},
		BannerCallback: func(message string) error { banner.WriteString(message); return nil }}
	client, err := ssh.Dial("tcp", addr, config)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, banner)
	}
	return client, nil
}

// connect is dial as User, who must be let in.
func (g *gateway) connect(t testing.TB) *ssh.Client {
	t.Helper()
	c, err := dial(g.Native, proxytest.User, proxytest.Token, g.Store.Name, &strings.Builder{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// run runs a command in a session of its own; the error carries what was said on stderr.
func run(c *ssh.Client, command string, stdin io.Reader) (stdout []byte, err error) {
	s, err := c.NewSession()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var out, errs bytes.Buffer
	s.Stdin, s.Stdout, s.Stderr = stdin, &out, &errs
	if err := s.Run(command); err != nil {
		return out.Bytes(), fmt.Errorf("%w: %s", err, errs.String())
	}
	return out.Bytes(), nil
}

// events waits until so many are recorded, and gives them.
func (g *gateway) events(t testing.TB, n int) []audit.Event {
	t.Helper()
	return g.find(t, func(e audit.Event) bool { return e.Seq == uint64(n-1) })
}

func (g *gateway) find(t testing.TB, match func(audit.Event) bool) []audit.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return g.Journal.Find(ctx, t, match)
}

// statement waits for the first statement with the text, or with it and something in parentheses behind.
func (g *gateway) statement(t testing.TB, text string) (statement audit.Event) {
	t.Helper()
	g.find(t, func(e audit.Event) bool {
		if e.Type == audit.StatementBegin && (e.Statement.String() == text || strings.HasPrefix(e.Statement.String(), text+" (")) {
			statement = e
		}
		return statement.ID != ""
	})
	return statement
}

// result waits for a result of the first statement with the text, and checks it.
func (g *gateway) result(t testing.TB, text string, right func(audit.Event) bool) (result audit.Event) {
	t.Helper()
	of := g.statement(t, text).ID
	g.find(t, func(e audit.Event) bool {
		if e.Type == audit.StatementResult && e.Of == of {
			result = e
		}
		return result.ID != ""
	})
	if !right(result) {
		t.Errorf("the result of %q is %+v", text, result)
	}
	return result
}

// replay gives what a recording holds: what was shown, what was typed, and the sizes that the terminal was given.
func (g *gateway) replay(t testing.TB, statement string) (shown, typed string, sizes []string) {
	t.Helper()
	r, err := g.tapes.Open(statement, g.reader)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		e, err := r.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			return shown, typed, sizes
		}
		switch e.Kind {
		case recording.Output:
			shown += string(e.Data)
		case recording.Input:
			typed += string(e.Data)
		case recording.Resize:
			sizes = append(sizes, string(e.Data))
		}
	}
}

// openssh are the arguments by which ssh, scp and sftp reach the native entrance as User.
func (g *gateway) openssh(t testing.TB, more ...string) []string {
	t.Helper()
	dir := t.TempDir()
	seed := sha256.Sum256([]byte(proxytest.Token))
	block, err := ssh.MarshalPrivateKey(ed25519.NewKeyFromSeed(seed[:]), "test")
	if err != nil {
		t.Fatal(err)
	}
	known := "* " + string(ssh.MarshalAuthorizedKey(hostKey.PublicKey()))
	for name, content := range map[string][]byte{"key": pem.EncodeToMemory(block), "known": []byte(known)} {
		if err := os.WriteFile(dir+"/"+name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, port, _ := net.SplitHostPort(g.Native)
	return append([]string{"-F", "none", "-o", "Port=" + port, "-o", "User=" + proxytest.User + "#" + g.Store.Name, "-o", "IdentityFile=" + dir + "/key",
		"-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" + dir + "/known", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"}, more...)
}

// ssh runs OpenSSH's client, and gives what it writes and how it ends.
func (g *gateway) ssh(t testing.TB, stdin io.Reader, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ssh", args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("ssh: %v", err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
