package vault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// revokeTimeout bounds how long a session's end waits for Vault; past it the revocation goes on in the background.
	revokeTimeout = 3 * time.Second
	// revokeFor bounds how long a revocation is tried again in the background.
	revokeFor = 15 * time.Minute
)

// release revokes a session's lease. When Vault cannot be asked just now, it is asked again in the background, and
// that is no error; that Vault's policy forbids it is one. A lost lease has nothing to revoke.
func (s *Source) release(ctx context.Context, x *lease) error {
	if !s.finish(x) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(s.config.Timeout, revokeTimeout))
	defer cancel()
	var err error
	select {
	case <-x.kept: // a renewal may have been under way
		err = s.revoke(ctx, x)
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err == nil {
		return nil
	}
	if forbidden(err) && !tokenGone(err) {
		return err
	}
	s.log.Warn("lease could not be revoked, trying again in the background",
		"credential", x.credential, "lease_id", x.id, "error", err)
	s.queue(x)
	return nil
}

// revoke ends a lease in Vault, and returns when its account is gone from the store. Where the store does not
// let Vault remove the account now, the lease is given to Vault's own queue, which tries again by itself.
func (s *Source) revoke(ctx context.Context, x *lease) error {
	l, err := s.current(ctx)
	if err != nil {
		return err
	}
	ask := func(wait bool) error {
		_, err := l.client.Logical().WriteWithContext(ctx, "sys/leases/revoke", map[string]any{"lease_id": x.id, "sync": wait})
		return wrap("revoke lease", err)
	}
	err = ask(true)
	switch _, answer := answered(err); {
	case err == nil, leaseGone(err):
		return nil
	case tokenGone(err):
		s.end(l)
		return err
	case !answer, sealed(err), forbidden(err):
		return err
	}
	s.log.Warn("the store keeps a revoked account for now, vault goes on removing it",
		"credential", x.credential, "lease_id", x.id, "error", err)
	return ask(false)
}

// queue leaves a lease to the background. Once the source is closed, Close does what it can.
func (s *Source) queue(x *lease) {
	s.mu.Lock()
	if x.queued.IsZero() {
		x.queued = time.Now()
	}
	s.pending = append(s.pending, x)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // it is awake already
	}
}

// retryRevocations works on the pending revocations until the source is closed.
func (s *Source) retryRevocations() {
	retry := time.Duration(0)
	for {
		if retry == 0 {
			select {
			case <-s.wake:
			case <-s.stop:
				return
			}
			retry = nextRetry(0)
		}
		if !s.sleep(retry, nil) {
			return
		}
		if s.revokePending() {
			retry = 0
		} else {
			retry = nextRetry(retry)
		}
	}
}

// revokePending goes through the pending revocations, stops at the first that fails, and reports whether none
// is left.
func (s *Source) revokePending() bool {
	for {
		x := s.nextPending()
		if x == nil {
			return true
		}
		select {
		case <-s.stop:
			s.queue(x)
			return false
		default:
		}
		<-x.kept // which takes no longer than one request to Vault
		ctx, cancel := s.bounded()
		err := s.revoke(ctx, x)
		cancel()
		if err == nil {
			s.log.Info("lease is revoked", "credential", x.credential, "lease_id", x.id, "after", time.Since(x.queued).Round(time.Millisecond))
			continue
		}
		switch {
		case time.Now().After(x.expires):
			s.log.Info("lease has ended by itself before it could be revoked", "credential", x.credential, "lease_id", x.id)
		case time.Since(x.queued) > revokeFor, forbidden(err) && !tokenGone(err):
			s.log.Error("lease is not revoked: it ends by itself", "credential", x.credential, "lease_id", x.id,
				"expires", x.expires, "error", err)
		default:
			s.queue(x)
			return false
		}
	}
}

// nextPending takes the oldest pending revocation off the list.
func (s *Source) nextPending() *lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) == 0 {
		return nil
	}
	x := s.pending[0]
	s.pending = s.pending[1:]
	return x
}

// flush revokes what is live or pending, once, when all goroutines have ended.
func (s *Source) flush(ctx context.Context) error {
	s.mu.Lock()
	for x := range s.leases {
		s.pending = append(s.pending, x)
		delete(s.leases, x)
		close(x.over)
	}
	s.mu.Unlock()
	var failed []error
	for x := s.nextPending(); x != nil; x = s.nextPending() {
		bounded, cancel := context.WithTimeout(ctx, s.config.Timeout)
		err := s.revoke(bounded, x)
		cancel()
		if err != nil {
			failed = append(failed, fmt.Errorf("revoke lease %s of credential %s: %w", x.id, x.credential, err))
		}
		if _, reached := answered(err); err != nil && !reached {
			break // Vault is away: the rest would fare no better
		}
	}
	return errors.Join(failed...)
}
