// Package vault is the credential source for HashiCorp Vault and OpenBao: static secrets of the key-value engine in
// both versions, and the accounts of the database engine, dynamic and static. It logs in by itself, renews
// each lease while its session lives, and revokes it when the session ends.
package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/sallyport/sallyport/creds"
)

// Source opens credentials in one Vault. It is safe for concurrent use, and must be closed.
type Source struct {
	config   Config
	envToken string
	log      *slog.Logger
	client   *api.Client // holds no token; each login has a copy that does
	web      *http.Client

	stop chan struct{} // closed by Close
	work sync.WaitGroup
	turn chan struct{} // holds one token of its own: who has it may log in
	wake chan struct{} // tells retryRevocations that there is something to do

	mu      sync.Mutex
	closed  bool
	login   *login          // in use; nil when there is none
	logins  map[*login]bool // not ended yet, the one in use included
	leases  map[*lease]bool // live
	pending []*lease        // released, but not revoked yet
	mounts  map[string]int  // version of each key-value mount
}

// New makes a source and logs in to Vault in the background. That Vault cannot be reached is no error here: Fetch
// says so to each session, until Vault is back. envToken is the value of VAULT_TOKEN, used by method token
// without a token file; empty when there is none.
func New(c Config, envToken string, log *slog.Logger) (*Source, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("configure vault: %w", err)
	}
	c = c.withDefaults()
	client, web, err := c.client()
	if err != nil {
		return nil, err
	}
	s := &Source{
		config: c, envToken: envToken, log: log.With("vault", c.Address), client: client, web: web,
		stop: make(chan struct{}), turn: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		logins: map[*login]bool{}, leases: map[*lease]bool{}, mounts: map[string]int{},
	}
	if u, err := url.Parse(c.Address); err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		s.log.Warn("vault is spoken to without TLS: tokens and credentials can be read on the way")
	}
	s.spawn(s.retryRevocations)
	s.spawn(s.firstLogin)
	return s, nil
}

// Fetch implements creds.Source. It returns within Config.Timeout. No value is cached: each Fetch reads Vault.
func (s *Source) Fetch(ctx context.Context, r creds.Request) (*creds.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	lease, err := s.open(ctx, r)
	if err != nil {
		return nil, s.unavailable(r.Credential.Name, err)
	}
	return lease, nil
}

// open reads the credential, with a second login when the first one's token has ended unnoticed.
func (s *Source) open(ctx context.Context, r creds.Request) (*creds.Lease, error) {
	const logins = 2
	for try := 1; ; try++ {
		l, err := s.current(ctx)
		if err != nil {
			return nil, err
		}
		lease, err := s.read(ctx, l, r)
		if !tokenGone(err) {
			return lease, err
		}
		s.end(l)
		if try == logins {
			return nil, &ownLogin{err}
		}
	}
}

// read asks the engine that keeps the credential.
func (s *Source) read(ctx context.Context, l *login, r creds.Request) (*creds.Lease, error) {
	switch r.Credential.Engine {
	case "", "kv":
		return s.readKV(ctx, l, r.Credential)
	case "database":
		return s.readDatabase(ctx, l, r.Credential)
	case "ssh":
		return s.signSSH(ctx, l, r)
	case "ssh-otp":
		return s.readOTP(ctx, l, r)
	}
	return nil, fmt.Errorf("engine %q is not one of kv, database, ssh, ssh-otp: %w", r.Credential.Engine, errConfig)
}

// Close ends what the source holds in Vault: leases that are still live, revocations that wait, and its own
// login where it made that itself. The context bounds it; what is left then ends in Vault by its time to live.
func (s *Source) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.stop)
	s.mu.Unlock()

	idle := make(chan struct{})
	go func() {
		s.work.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-ctx.Done():
		return fmt.Errorf("close vault source: %w", ctx.Err())
	}
	err := errors.Join(s.flush(ctx), s.logOut(ctx))
	s.web.CloseIdleConnections()
	if err != nil {
		return fmt.Errorf("close vault source: %w", err)
	}
	return nil
}

// spawn runs f in a goroutine that Close waits for; it does not when the source is closed.
func (s *Source) spawn(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.work.Go(f)
	return true
}

// bounded is a context for one request to Vault that no session waits for.
func (s *Source) bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), s.config.Timeout)
}

// pathBelow joins a mount and a path of the API. Segments that would lead elsewhere are refused.
func pathBelow(mount string, parts ...string) (string, error) {
	path := strings.Trim(mount, "/")
	for _, part := range parts {
		path += "/" + strings.Trim(part, "/")
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return "", fmt.Errorf("path %q: %w", path, errConfig)
		}
	}
	return path, nil
}

// seconds is a duration of Vault's.
func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

func isLoopback(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}
