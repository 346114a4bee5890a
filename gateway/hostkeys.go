package gateway

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// Files of a HostKeys, each with mode 0600.
const (
	hostKeyFile         = "ssh_host_ed25519_key"
	hostCertificateFile = hostKeyFile + "-cert.pub"
)

// HostKeys is the key by which a gateway proves itself to SSH clients, and its certificate, by which they know it without ever
// having seen it. It is safe for concurrent use.
type HostKeys struct {
	dir     string
	key     ssh.Signer
	certify func(ctx context.Context, public string) (string, error)
	counts  func(authority string) bool
	now     func() time.Time
	log     *slog.Logger
	looks   chan struct{} // holds one: Look was called

	certified atomic.Pointer[certifiedKey] // nil: no certificate has come yet
	came      func()                       // closes first
	first     chan struct{}                // closed once a certificate has come
}

// firstPatience is how long a client waits for the gateway's first certificate, before it is shown the key alone.
const firstPatience = 5 * time.Second

// certifiedKey is the key with a certificate.
type certifiedKey struct {
	signer      ssh.Signer
	certificate *ssh.Certificate
}

// HostKeyOptions make a HostKeys. Dir, Certify and Log are needed.
type HostKeyOptions struct {
	Dir string // where the key and its certificate are kept; closed to others
	// Certify gives a certificate for the public key, both as in authorized_keys.
	Certify func(ctx context.Context, public string) (string, error)
	// Counts says whether certificates count that the authority, as in authorized_keys, has signed; nil: all do.
	Counts func(authority string) bool
	// Sealer, unless nil, keeps the key from who only has the directory, such as in a backup.
	Sealer Sealer
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now
}

// Sealer encrypts what is kept; ca.Sealer is one.
type Sealer interface {
	Seal(plain []byte) ([]byte, error)
	Open(sealed []byte) ([]byte, error)
}

// OpenHostKeys takes the key that is kept in the directory, or makes one, and takes up the certificate of the last run. Run gets
// new ones.
func OpenHostKeys(o HostKeyOptions) (*HostKeys, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Counts == nil {
		o.Counts = func(string) bool { return true }
	}
	h := &HostKeys{dir: o.Dir, certify: o.Certify, counts: o.Counts, now: o.Now, log: o.Log, looks: make(chan struct{}, 1), first: make(chan struct{})}
	h.came = sync.OnceFunc(func() { close(h.first) })
	text, err := os.ReadFile(filepath.Join(o.Dir, hostKeyFile))
	switch {
	case errors.Is(err, os.ErrNotExist):
		text, err = h.makeKey(o.Sealer)
	case err == nil && o.Sealer != nil:
		text, err = o.Sealer.Open(text)
	}
	if err != nil {
		return nil, fmt.Errorf("open SSH host key: %w", err)
	}
	if h.key, err = ssh.ParsePrivateKey(text); err != nil {
		return nil, fmt.Errorf("open SSH host key: %s is damaged; remove it, and another is made", filepath.Join(o.Dir, hostKeyFile)) // the cause may quote it
	}
	if line, err := os.ReadFile(filepath.Join(o.Dir, hostCertificateFile)); err == nil {
		if err := h.take(string(line)); err != nil {
			h.log.Info("the SSH host certificate that is kept cannot be used", "reason", err)
		}
	}
	return h, nil
}

// makeKey makes the key and keeps it, durably.
func (h *HostKeys) makeKey(sealer Sealer) ([]byte, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "sallyport gateway")
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	text := pem.EncodeToMemory(block)
	kept := text
	if sealer != nil {
		if kept, err = sealer.Seal(text); err != nil {
			return nil, fmt.Errorf("seal key: %w", err)
		}
	}
	return text, replaceFile(filepath.Join(h.dir, hostKeyFile), kept, true)
}

// take lets the certificate count, if it is the key's.
func (h *HostKeys) take(line string) error {
	public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return errors.New("it cannot be read")
	}
	certificate, ok := public.(*ssh.Certificate)
	if !ok || certificate.CertType != ssh.HostCert {
		return errors.New("it is no host certificate")
	}
	signer, err := ssh.NewCertSigner(certificate, h.key)
	if err != nil {
		return fmt.Errorf("it is of another key: %w", err)
	}
	h.certified.Store(&certifiedKey{signer, certificate})
	h.came()
	return nil
}

// Signers are the key with its certificate, while there is one that counts, and then the key alone. A gateway that has just been set
// up waits a moment for its first one, which a client that verifies it cannot do without.
func (h *HostKeys) Signers(ctx context.Context) ([]ssh.Signer, error) {
	wait, cancel := context.WithTimeout(ctx, firstPatience)
	defer cancel()
	select {
	case <-h.first:
	case <-wait.Done():
	}
	if c := h.certified.Load(); c != nil && h.now().Before(until(c.certificate)) {
		return []ssh.Signer{c.signer, h.key}, nil
	}
	return []ssh.Signer{h.key}, nil
}

// Look has Run look whether the certificate's authority counts still. It returns at once.
func (h *HostKeys) Look() {
	select {
	case h.looks <- struct{}{}:
	default: // it is going to
	}
}

// Run gets a certificate at once, so that it has the names that the gateway has now, and another whenever a third of its time is left
// or its authority does not count any more, until ctx ends.
func (h *HostKeys) Run(ctx context.Context) error {
	const first, last = 250 * time.Millisecond, time.Minute
	for retry, pause := first, time.Duration(0); ; {
		if !h.rest(ctx, pause) {
			return nil
		}
		err := h.Renew(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // whatever went wrong, it is over
		case err != nil:
			if h.certified.Load() != nil && h.now().Before(h.renewAt()) { // as at a start, when the one that was kept is good for long
				h.log.Debug("SSH host key not certified anew", "error", err)
			} else {
				h.log.Warn("SSH host key not certified", "error", err)
			}
			pause, retry = retry, min(2*retry, last)
		default:
			retry = first
			pause = max(last, h.renewAt().Sub(h.now()))
		}
	}
}

// rest waits for the time to pass, or until Look finds that the certificate does not count any more. It says whether ctx goes on.
func (h *HostKeys) rest(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-h.looks:
			if c := h.certified.Load(); c != nil && !h.isCounted(c.certificate) {
				return true
			}
		}
	}
}

func (h *HostKeys) isCounted(c *ssh.Certificate) bool { return h.counts(authorizedKey(c.SignatureKey)) }

// Renew gets a certificate now, and keeps it.
func (h *HostKeys) Renew(ctx context.Context) error {
	line, err := h.certify(ctx, authorizedKey(h.key.PublicKey()))
	if err != nil {
		return fmt.Errorf("certify SSH host key: %w", err)
	}
	if err := h.take(line); err != nil {
		return fmt.Errorf("take SSH host certificate: %w", err)
	}
	return replaceFile(filepath.Join(h.dir, hostCertificateFile), []byte(line+"\n"), false)
}

// renewAt is when a third of the certificate's time is left; if its authority does not count any more, that is past.
func (h *HostKeys) renewAt() time.Time {
	c := h.certified.Load().certificate
	if !h.isCounted(c) {
		return time.Time{}
	}
	end := until(c)
	return end.Add(-end.Sub(time.Unix(int64(c.ValidAfter), 0)) / 3)
}

func until(c *ssh.Certificate) time.Time { return time.Unix(int64(c.ValidBefore), 0) }
