package sshca_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/creds/sshca"
	"github.com/sallyport/sallyport/test/servers"
)

type others struct{}

func (others) Fetch(context.Context, creds.Request) (*creds.Lease, error) {
	return &creds.Lease{ID: "another's"}, nil
}

func authority(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	try(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	try(t, err)
	return signer
}

func source(signer ssh.Signer) *sshca.Source {
	return sshca.New(func() (ssh.Signer, error) { return signer, nil }, others{})
}

func request(username string) creds.Request {
	return creds.Request{Credential: access.Credential{Name: "web", Source: "sealed", Engine: sshca.Engine, Username: username},
		Session: "s-1", User: "alice@acme.com", Resource: "web-1", Account: "deploy"}
}

// login takes what a lease holds as a client of SSH does.
func login(t *testing.T, lease *creds.Lease) (ssh.Signer, *ssh.Certificate) {
	t.Helper()
	key, err := ssh.ParsePrivateKey(lease.Secret.Key)
	try(t, err)
	public, _, _, _, err := ssh.ParseAuthorizedKey(lease.Secret.Certificate)
	try(t, err)
	certificate := public.(*ssh.Certificate)
	signer, err := ssh.NewCertSigner(certificate, key)
	try(t, err)
	return signer, certificate
}

func TestCertificate(t *testing.T) {
	ca := authority(t)
	before := time.Now()
	lease, err := source(ca).Fetch(t.Context(), request(""))
	try(t, err)
	_, c := login(t, lease)
	checker := ssh.CertChecker{IsUserAuthority: func(k ssh.PublicKey) bool { return string(k.Marshal()) == string(ca.PublicKey().Marshal()) }}
	if !checker.IsUserAuthority(c.SignatureKey) {
		t.Error("signed by another key")
	}
	try(t, checker.CheckCert("deploy", c))
	for _, other := range []string{"root", "alice@acme.com", ""} {
		if checker.CheckCert(other, c) == nil {
			t.Errorf("good for %q", other)
		}
	}
	if c.KeyId != "sallyport user=alice@acme.com session=s-1 resource=web-1" || c.CertType != ssh.UserCert || len(c.CriticalOptions) > 0 {
		t.Errorf("%q, kind %d, options %v", c.KeyId, c.CertType, c.CriticalOptions)
	}
	if ends := time.Unix(int64(c.ValidBefore), 0); ends.Before(before.Add(2*time.Minute)) || ends.After(before.Add(4*time.Minute)) {
		t.Errorf("good until %v", ends)
	}
	if whole := time.Duration(c.ValidBefore-c.ValidAfter) * time.Second; whole > 5*time.Minute {
		t.Errorf("good for %v", whole)
	}
	for _, name := range []string{"permit-pty", "permit-port-forwarding", "permit-agent-forwarding", "permit-X11-forwarding"} {
		if _, ok := c.Extensions[name]; !ok {
			t.Errorf("no %s", name)
		}
	}
	again, err := source(ca).Fetch(t.Context(), request(""))
	try(t, err)
	if _, d := login(t, again); string(d.Key.Marshal()) == string(c.Key.Marshal()) || d.Serial == c.Serial {
		t.Error("a second session has the same key or serial number")
	}
}

// The credential's username goes before the account, for principals that are no accounts.
func TestUsername(t *testing.T) {
	r := request("ops-team")
	r.User, r.Session = "eve session=forged\n", "x y"
	lease, err := source(authority(t)).Fetch(t.Context(), r)
	try(t, err)
	_, c := login(t, lease)
	if lease.Secret.Username != "ops-team" || len(c.ValidPrincipals) != 1 || c.ValidPrincipals[0] != "ops-team" {
		t.Errorf("user %q, principals %v", lease.Secret.Username, c.ValidPrincipals)
	}
	if c.KeyId != "sallyport user=eve_session_forged_ session=x_y resource=web-1" {
		t.Errorf("key ID %q", c.KeyId)
	}
}

func TestWhatCannotBeSigned(t *testing.T) {
	locked := sshca.New(func() (ssh.Signer, error) { return nil, errors.New("the authority is locked") }, others{})
	nobody := request("")
	nobody.Account = ""
	for name, fetch := range map[string]func() (*creds.Lease, error){
		"no signer":    func() (*creds.Lease, error) { return locked.Fetch(t.Context(), request("")) },
		"no principal": func() (*creds.Lease, error) { return source(authority(t)).Fetch(t.Context(), nobody) },
	} {
		lease, err := fetch()
		var unavailable *creds.Unavailable
		if !errors.As(err, &unavailable) || !strings.Contains(unavailable.Sentence, "credential web cannot be opened: ") {
			t.Errorf("%s: %v, %v", name, lease, err)
		}
	}
	lease, err := locked.Fetch(t.Context(), creds.Request{Credential: access.Credential{Source: "sealed"}})
	if err != nil || lease.ID != "another's" {
		t.Errorf("another engine's: %v, %v", lease, err)
	}
}

// A real sshd that trusts the authority lets the session in, tells the key ID in its log, and gives a terminal and forwards.
func TestRealServer(t *testing.T) {
	ca := authority(t)
	server := servers.StartSSHD(t, servers.SSHDOptions{UserCAs: []string{string(ssh.MarshalAuthorizedKey(ca.PublicKey()))}})
	lease, err := source(ca).Fetch(t.Context(), request(server.Account))
	try(t, err)
	signer, _ := login(t, lease)
	client := dial(t, server, signer)
	session, err := client.NewSession()
	try(t, err)
	try(t, session.RequestPty("xterm", 24, 80, ssh.TerminalModes{}))
	if out, err := session.CombinedOutput("tty && echo in"); err != nil || !strings.Contains(string(out), "in") {
		t.Errorf("%q, %v", out, err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	try(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	conn, err := client.Dial("tcp", listener.Addr().String())
	try(t, err)
	try(t, conn.Close())
	written, err := os.ReadFile(server.LogFile)
	try(t, err)
	if !strings.Contains(string(written), "sallyport user=alice@acme.com session=s-1 resource=web-1") {
		t.Errorf("the log does not name user and session:\n%s", written)
	}

	stranger, err := source(authority(t)).Fetch(t.Context(), request(server.Account))
	try(t, err)
	other, _ := login(t, stranger)
	if client, err := ssh.Dial("tcp", address(server), config(t, server, other)); err == nil {
		_ = client.Close()
		t.Error("another authority's certificate opens it")
	}
}

func address(server *servers.SSHD) string {
	return net.JoinHostPort(server.Host, strconv.Itoa(server.Port))
}

func config(t *testing.T, server *servers.SSHD, signer ssh.Signer) *ssh.ClientConfig {
	t.Helper()
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(server.HostKey))
	try(t, err)
	return &ssh.ClientConfig{User: server.Account, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.FixedHostKey(key)}
}

func dial(t *testing.T, server *servers.SSHD, signer ssh.Signer) *ssh.Client {
	t.Helper()
	client, err := ssh.Dial("tcp", address(server), config(t, server, signer))
	try(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func try(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
