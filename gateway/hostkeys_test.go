package gateway

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// hostAuthority certifies host keys, as a control plane does.
type hostAuthority struct {
	t      *testing.T
	signer ssh.Signer
	issued int
	broken error
	now    func() time.Time
}

func newHostAuthority(t *testing.T, now func() time.Time) *hostAuthority {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return &hostAuthority{t: t, signer: signer, now: now}
}

func (a *hostAuthority) certify(_ context.Context, public string) (string, error) {
	if a.broken != nil {
		return "", a.broken
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(public))
	if err != nil {
		return "", err
	}
	a.issued++
	c := &ssh.Certificate{Key: key, CertType: ssh.HostCert, ValidPrincipals: []string{"localhost"}, Serial: uint64(a.issued),
		ValidAfter: uint64(a.now().Unix()), ValidBefore: uint64(a.now().Add(30 * 24 * time.Hour).Unix())}
	if err := c.SignCert(rand.Reader, a.signer); err != nil {
		return "", err
	}
	return authorizedKey(c), nil
}

func (a *hostAuthority) open(dir string) *HostKeys {
	a.t.Helper()
	h, err := OpenHostKeys(HostKeyOptions{Dir: dir, Certify: a.certify, Log: slog.New(slog.DiscardHandler), Now: a.now})
	if err != nil {
		a.t.Fatal(err)
	}
	return h
}

func signersOf(t *testing.T, h *HostKeys) []ssh.Signer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond) // for a certificate that may not come
	defer cancel()
	signers, err := h.Signers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return signers
}

func TestFirstClientWaitsForTheCertificate(t *testing.T) {
	h := newHostAuthority(t, time.Now).open(t.TempDir())
	got := make(chan int)
	go func() {
		signers, _ := h.Signers(t.Context())
		got <- len(signers)
	}()
	time.Sleep(10 * time.Millisecond) // so that it does wait, most of the time
	if err := h.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := <-got; n != 2 {
		t.Errorf("%d keys are shown; want the certificate and the key", n)
	}
}

func TestHostKeyIsKept(t *testing.T) {
	clock := time.Now()
	a := newHostAuthority(t, func() time.Time { return clock })
	dir := t.TempDir()
	h := a.open(dir)
	plain := signersOf(t, h)
	if len(plain) != 1 || plain[0].PublicKey().Type() != ssh.KeyAlgoED25519 {
		t.Fatalf("before a certificate has come: %v", plain)
	}
	if err := h.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{hostKeyFile, hostCertificateFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	again := signersOf(t, a.open(dir)) // the control plane is not asked
	if len(again) != 2 || a.issued != 1 || authorizedKey(again[1].PublicKey()) != authorizedKey(plain[0].PublicKey()) {
		t.Errorf("after a restart: %v, %d certificates were issued", again, a.issued)
	}
	clock = clock.Add(31 * 24 * time.Hour)
	if late := signersOf(t, a.open(dir)); len(late) != 1 {
		t.Errorf("a certificate that has expired is shown: %v", late)
	}
	if err := os.WriteFile(filepath.Join(dir, hostCertificateFile), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if damaged := signersOf(t, a.open(dir)); len(damaged) != 1 {
		t.Errorf("a certificate that is damaged: %v", damaged)
	}
	if err := os.WriteFile(filepath.Join(dir, hostKeyFile), []byte("-----BEGIN OPENSSH PRIVATE KEY-----\nsecret"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OpenHostKeys(HostKeyOptions{Dir: dir, Certify: a.certify, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "is damaged") || strings.Contains(err.Error(), "secret") {
		t.Errorf("a key that is damaged: %v", err)
	}
}

func TestHostCertificateIsRenewedInTime(t *testing.T) {
	clock := time.Now()
	a := newHostAuthority(t, func() time.Time { return clock })
	h := a.open(t.TempDir())
	if err := h.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if due := h.renewAt().Sub(clock).Round(time.Hour); due != 20*24*time.Hour {
		t.Errorf("renewed after %s", due)
	}
	a.broken = errors.New("away")
	if err := h.Renew(t.Context()); !errors.Is(err, a.broken) || len(signersOf(t, h)) != 2 {
		t.Errorf("when it cannot be renewed: %v, %v", err, signersOf(t, h))
	}
}

// A certificate is taken for the gateway's own key alone, and for a host alone.
func TestWrongHostCertificates(t *testing.T) {
	a := newHostAuthority(t, time.Now)
	h := a.open(t.TempDir())
	other, err := a.certify(t.Context(), authorizedKey(a.signer.PublicKey()))
	if err != nil {
		t.Fatal(err)
	}
	person := &ssh.Certificate{Key: h.key.PublicKey(), CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity}
	if err := person.SignCert(rand.Reader, a.signer); err != nil {
		t.Fatal(err)
	}
	for name, line := range map[string]string{"another key": other, "a user certificate": authorizedKey(person), "the key": authorizedKey(h.key.PublicKey()), "nothing": ""} {
		if err := h.take(line); err == nil || len(signersOf(t, h)) != 1 {
			t.Errorf("%s is taken", name)
		}
	}
}

// Run gets a certificate by which a client that knows the authority alone trusts the gateway.
func TestClientKnowsTheGatewayByItsCertificate(t *testing.T) {
	a := newHostAuthority(t, time.Now)
	h := a.open(t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- h.Run(ctx) }()
	for len(signersOf(t, h)) < 2 {
		if !sleep(t.Context(), 5*time.Millisecond) {
			t.Fatal("no certificate came")
		}
	}
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			config := &ssh.ServerConfig{NoClientAuth: true}
			for _, s := range signersOf(t, h) {
				config.AddHostKey(s)
			}
			var server *ssh.ServerConn
			if server, _, _, err = ssh.NewServerConn(conn, config); err == nil {
				err = server.Close()
			}
		}
		served <- err
	}()
	checker := ssh.CertChecker{IsHostAuthority: func(by ssh.PublicKey, _ string) bool { return authorizedKey(by) == authorizedKey(a.signer.PublicKey()) }}
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client, _, _, err := ssh.NewClientConn(conn, "localhost:22", &ssh.ClientConfig{User: "alice", HostKeyCallback: checker.CheckHostKey})
	if err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	if err := <-served; err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// turned is a Sealer for tests: it turns the bytes around.
type turned struct{}

func (turned) Seal(plain []byte) ([]byte, error) {
	sealed := bytes.Clone(plain)
	slices.Reverse(sealed)
	return sealed, nil
}

func (turned) Open(sealed []byte) ([]byte, error) { return turned{}.Seal(sealed) }

func TestHostKeyIsKeptSealed(t *testing.T) {
	dir := t.TempDir()
	var keys []string
	for range 2 {
		h, err := OpenHostKeys(HostKeyOptions{Dir: dir, Log: slog.New(slog.DiscardHandler), Sealer: turned{}})
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, authorizedKey(h.key.PublicKey()))
	}
	if keys[0] != keys[1] {
		t.Error("the key was not opened again, but made anew")
	}
	if kept, err := os.ReadFile(filepath.Join(dir, hostKeyFile)); err != nil || bytes.Contains(kept, []byte("PRIVATE KEY")) {
		t.Errorf("the key is kept in the clear: %v", err)
	}
}

// A certificate by an authority that does not count any more is renewed at once, and one by an authority that counts is left alone.
func TestHostCertificateFollowsItsAuthority(t *testing.T) {
	a := newHostAuthority(t, time.Now)
	next := newHostAuthority(t, time.Now)
	var counted atomic.Pointer[string]
	counts := func(s ssh.Signer) { line := authorizedKey(s.PublicKey()); counted.Store(&line) }
	counts(a.signer)
	certify := make(chan *hostAuthority, 1)
	certify <- a
	asked := make(chan struct{})
	h, err := OpenHostKeys(HostKeyOptions{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler),
		Counts: func(authority string) bool { return authority == *counted.Load() },
		Certify: func(ctx context.Context, public string) (string, error) {
			defer func() { asked <- struct{}{} }()
			return (<-certify).certify(ctx, public)
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- h.Run(ctx) }()
	<-asked
	h.Look() // it counts, so nobody is asked: certify would find no authority
	counts(next.signer)
	certify <- next
	h.Look()
	<-asked
	for by := ""; by != authorizedKey(next.signer.PublicKey()); {
		if certificate, ok := signersOf(t, h)[0].PublicKey().(*ssh.Certificate); ok {
			by = authorizedKey(certificate.SignatureKey)
		}
		if !sleep(t.Context(), time.Millisecond) {
			t.Fatal("the certificate of the next authority is not shown")
		}
	}
	cancel()
	if err := <-ran; err != nil || a.issued != 1 || next.issued != 1 {
		t.Errorf("%v, %d certificates by the former authority and %d by the next", err, a.issued, next.issued)
	}
}
