package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/vault/api"
)

// Delays between attempts while Vault cannot be asked.
const (
	retryFirst = 500 * time.Millisecond
	retryMost  = 30 * time.Second
)

// login is one token of Sallyport's own. Vault revokes the leases that were opened with a token when that
// token ends, so each lease knows its login.
type login struct {
	client    *api.Client
	made      bool          // by us, so it is ours to revoke
	renewable bool          //
	ttl       time.Duration // what a renewal asks for; 0: the token does not end by itself
	expires   time.Time     // moved by keepLogin alone
	ended     chan struct{} // closed by Source.end
}

// current is the login in use; where there is none, it logs in. Sessions that come together share one attempt.
func (s *Source) current(ctx context.Context) (*login, error) {
	if l, err := s.inUse(); l != nil || err != nil {
		return l, err
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, &ownLogin{fmt.Errorf("wait for another attempt: %w", ctx.Err())}
	}
	if l, err := s.inUse(); l != nil || err != nil {
		return l, err
	}
	return s.logIn(ctx)
}

func (s *Source) inUse() (*login, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.login == nil && s.closed {
		return nil, errClosed
	}
	return s.login, nil
}

// logIn makes a new login, puts it in use and keeps it alive. The caller holds the turn.
func (s *Source) logIn(ctx context.Context) (*login, error) {
	prove := s.byToken
	if s.config.Auth.Method == AppRole {
		prove = s.byAppRole
	}
	l, err := prove(ctx)
	if err != nil {
		return nil, &ownLogin{err}
	}
	l.ended = make(chan struct{})
	s.mu.Lock()
	s.login, s.logins[l] = l, true
	s.mu.Unlock()
	if l.ttl > 0 && !s.spawn(func() { s.keepLogin(l) }) {
		return nil, errClosed
	}
	s.log.Info("logged in to vault", "method", string(s.config.Auth.Method), "ttl", l.ttl, "renewable", l.renewable)
	return l, nil
}

// byAppRole trades the role id and the secret id for a token.
func (s *Source) byAppRole(ctx context.Context) (*login, error) {
	secretID, err := readSecretFile(s.config.Auth.SecretIDFile)
	if err != nil {
		return nil, err
	}
	client, err := s.client.Clone()
	if err != nil {
		return nil, fmt.Errorf("copy client: %w", err)
	}
	client.ClearToken()
	path := "auth/" + s.config.Auth.Mount + "/login"
	asked := time.Now()
	secret, err := client.Logical().WriteWithContext(ctx, path,
		map[string]any{"role_id": s.config.Auth.RoleID, "secret_id": secretID})
	if err != nil {
		return nil, wrap("write "+path, err)
	}
	if secret == nil || secret.Auth == nil || secret.Auth.ClientToken == "" {
		return nil, fmt.Errorf("write %s: the answer holds no token", path)
	}
	client.SetToken(secret.Auth.ClientToken)
	ttl := seconds(secret.Auth.LeaseDuration)
	return &login{client: client, made: true, renewable: secret.Auth.Renewable, ttl: ttl, expires: asked.Add(ttl)}, nil
}

// byToken takes the token that it was given and asks Vault how long it lives.
func (s *Source) byToken(ctx context.Context) (*login, error) {
	token, err := s.givenToken()
	if err != nil {
		return nil, err
	}
	client, err := s.client.Clone()
	if err != nil {
		return nil, fmt.Errorf("copy client: %w", err)
	}
	client.SetToken(token)
	asked := time.Now()
	secret, err := client.Auth().Token().LookupSelfWithContext(ctx)
	if err = wrap("look up own token", err); forbidden(err) && !tokenGone(err) {
		return &login{client: client}, nil // a policy without lookup-self: the token works, its life is unknown
	}
	if err != nil {
		return nil, err
	}
	ttl, err := secret.TokenTTL()
	if err != nil {
		return nil, errors.New("look up own token: the answer holds no time to live")
	}
	renewable, err := secret.TokenIsRenewable()
	if err != nil {
		return nil, errors.New("look up own token: the answer does not say whether it can be renewed")
	}
	l := &login{client: client, renewable: renewable, ttl: ttl, expires: asked.Add(ttl)}
	// A renewal asks for the token's whole life again, not for what was left of it when we came.
	if whole, ok := secret.Data["creation_ttl"].(json.Number); ok {
		if n, err := whole.Int64(); err == nil && ttl > 0 {
			l.ttl = max(ttl, seconds(int(n)))
		}
	}
	return l, nil
}

// givenToken is the token of method token.
func (s *Source) givenToken() (string, error) {
	if s.config.Auth.TokenFile != "" {
		return readSecretFile(s.config.Auth.TokenFile)
	}
	if s.envToken == "" {
		return "", fmt.Errorf("neither auth.token_file nor %s is set", TokenEnv)
	}
	return s.envToken, nil
}

// firstLogin tells the log early when something is wrong; sessions try for themselves.
func (s *Source) firstLogin() {
	ctx, cancel := s.bounded()
	defer cancel()
	if _, err := s.current(ctx); err != nil && !errors.Is(err, errClosed) {
		s.log.Warn("vault cannot be used yet", "error", err)
	}
}

// keepLogin renews a login as long as that helps, puts a new one in its place before it ends, and ends it then.
// The leases opened with it go on until its very end.
func (s *Source) keepLogin(l *login) {
	retry := time.Duration(0)
	replaced := false
	for {
		left := time.Until(l.expires)
		if left <= 0 {
			s.log.Info("own vault token has ended", "replaced", replaced)
			s.end(l)
			return
		}
		wait := left * 2 / 3
		if replaced {
			wait = left
		} else if retry > 0 {
			wait = min(left, retry)
		}
		if !s.sleep(wait, l.ended) {
			return
		}
		done, err := s.prolong(l, &replaced)
		switch {
		case tokenGone(err):
			s.log.Warn("vault no longer knows our own token", "error", err)
			s.end(l)
			return
		case err != nil:
			s.log.Warn("own vault token could not be prolonged", "error", err, "left", time.Until(l.expires).Round(time.Second))
			retry = nextRetry(retry)
		case !done:
			retry = nextRetry(retry)
		default:
			retry = 0
		}
	}
}

// prolong renews the login; where that no longer gives it half of its life, it logs in anew. It reports whether
// either was reached.
func (s *Source) prolong(l *login, replaced *bool) (bool, error) {
	if *replaced {
		return true, nil
	}
	ctx, cancel := s.bounded()
	defer cancel()
	if l.renewable {
		asked := time.Now()
		secret, err := l.client.Auth().Token().RenewSelfWithContext(ctx, int(l.ttl.Seconds()))
		if err != nil {
			return false, wrap("renew own token", err)
		}
		if secret != nil && secret.Auth != nil {
			l.expires = asked.Add(seconds(secret.Auth.LeaseDuration))
			l.renewable = secret.Auth.Renewable
		}
		if time.Until(l.expires) > l.ttl/2 {
			return true, nil
		}
	}
	var err error
	*replaced, err = s.replace(ctx, l)
	return *replaced, err
}

// replace logs in anew; it reports false when the only token to be had is the old one.
func (s *Source) replace(ctx context.Context, old *login) (bool, error) {
	if s.config.Auth.Method == Token {
		token, err := s.givenToken()
		if err != nil {
			return false, err
		}
		if token == old.client.Token() {
			return false, nil
		}
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return false, &ownLogin{ctx.Err()}
	}
	_, err := s.logIn(ctx)
	return err == nil, err
}

// end takes a login out of use. Its leases are lost.
func (s *Source) end(l *login) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.logins[l] {
		return
	}
	delete(s.logins, l)
	if s.login == l {
		s.login = nil
	}
	close(l.ended)
}

// logOut revokes the tokens that the source made. Vault ends whatever was opened with them.
func (s *Source) logOut(ctx context.Context) error {
	s.mu.Lock()
	logins := s.logins
	s.logins, s.login = map[*login]bool{}, nil
	s.mu.Unlock()
	var failed []error
	for l := range logins {
		if !l.made {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
		if err := wrap("revoke own token", l.client.Auth().Token().RevokeSelfWithContext(ctx, "")); err != nil && !tokenGone(err) {
			failed = append(failed, err)
		}
		cancel()
	}
	return errors.Join(failed...)
}

// sleep waits; it reports false when the source was closed or the other channel was before the time was over.
func (s *Source) sleep(d time.Duration, other <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-other:
		return false
	case <-s.stop:
		return false
	}
}

// nextRetry doubles a delay within its bounds.
func nextRetry(d time.Duration) time.Duration { return min(max(2*d, retryFirst), retryMost) }
