package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/sallyport/sallyport/creds"
)

// lease is an account that Vault made for one session.
type lease struct {
	id         string
	credential string
	login      *login
	ttl        time.Duration // what a renewal asks for

	// The keeper's own, until kept is closed.
	renewable bool
	expires   time.Time

	lost chan struct{} // closed when the account ended before its session
	over chan struct{} // closed when nobody needs the account any more
	kept chan struct{} // closed when the keeper has ended

	queued time.Time // when its revocation was first left to the background
}

// borrowed is the lease that came with an answer to what was asked then.
func borrowed(operation string, secret *api.Secret, l *login, credential string, asked time.Time) (*lease, error) {
	if secret.LeaseID == "" {
		return nil, fmt.Errorf("%s: no lease came with it: %w", operation, errConfig)
	}
	ttl := seconds(secret.LeaseDuration)
	return &lease{
		id: secret.LeaseID, credential: credential, login: l, renewable: secret.Renewable, ttl: ttl, expires: asked.Add(ttl),
		lost: make(chan struct{}), over: make(chan struct{}), kept: make(chan struct{}),
	}, nil
}

// lend makes Vault make something for one session. A session that does not wait for the answer leaves nothing behind: the
// answer is waited for anyhow, for one more timeout, and its lease revoked.
func (s *Source) lend(ctx context.Context, operation string, ask func(context.Context) (*lease, creds.Secret, error)) (*creds.Lease, error) {
	type outcome struct {
		lease *lease
		value creds.Secret
		err   error
	}
	made := make(chan outcome)
	running := s.spawn(func() {
		patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*s.config.Timeout)
		defer cancel()
		var o outcome
		o.lease, o.value, o.err = ask(patient)
		select {
		case made <- o:
		case <-ctx.Done():
			if o.lease != nil {
				close(o.lease.kept) // it never had a keeper
				s.queue(o.lease)
			}
		}
	})
	if !running {
		return nil, errClosed
	}
	select {
	case o := <-made:
		if o.err != nil {
			return nil, o.err
		}
		return s.begin(o.lease, o.value)
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", operation, ctx.Err())
	}
}

// begin keeps a lease alive from now on, and hands it to its session.
func (s *Source) begin(x *lease, value creds.Secret) (*creds.Lease, error) {
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.leases[x] = true // from here on, Close revokes it if nobody else does
	}
	s.mu.Unlock()
	if closed {
		ctx, cancel := s.bounded()
		defer cancel()
		return nil, errors.Join(errClosed, s.revoke(ctx, x))
	}
	running := s.spawn(func() {
		defer close(x.kept)
		s.keepLease(x)
	})
	if !running {
		close(x.kept)
		return nil, errClosed
	}
	return &creds.Lease{
		Secret: value, ID: x.id, Lost: x.lost,
		Revoke: func(ctx context.Context) error { return s.release(ctx, x) },
	}, nil
}

// keepLease renews a lease until its session is over; when that can be done no longer, it says so by closing lost,
// at the latest when the lease ends.
func (s *Source) keepLease(x *lease) {
	retry := time.Duration(0)
	for {
		left := time.Until(x.expires)
		if left <= 0 {
			s.lose(x, "it has expired", nil)
			return
		}
		wait := left * 2 / 3
		if !x.renewable {
			wait = left
		} else if retry > 0 {
			wait = min(left, retry)
		}
		switch s.awaitRenewal(x, wait) {
		case finished:
			return
		case orphaned:
			s.lose(x, "the token that it was opened with has ended", nil)
			return
		}
		if !x.renewable {
			continue
		}
		err := s.renew(x)
		switch {
		case leaseGone(err), tokenGone(err):
			s.lose(x, "vault no longer knows it", err)
			return
		case err != nil:
			s.log.Warn("lease could not be renewed", "credential", x.credential, "lease_id", x.id, "error", err,
				"left", time.Until(x.expires).Round(time.Second))
			retry = nextRetry(retry)
		default:
			retry = 0
		}
	}
}

// wakening is why a keeper woke up.
type wakening int

const (
	due      wakening = iota // the time was over
	finished                 // the session or the source was
	orphaned                 // the login was
)

func (s *Source) awaitRenewal(x *lease, d time.Duration) wakening {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return due
	case <-x.login.ended:
		return orphaned
	case <-x.over:
		return finished
	case <-s.stop:
		return finished
	}
}

// renew asks for the lease's whole life again. Near its maximum Vault gives less than that; it is then left to end.
func (s *Source) renew(x *lease) error {
	ctx, cancel := s.bounded()
	defer cancel()
	asked := time.Now()
	secret, err := x.login.client.Sys().RenewWithContext(ctx, x.id, int(x.ttl.Seconds()))
	if err != nil {
		return wrap("renew lease", err)
	}
	before := x.expires
	x.renewable = secret.Renewable
	x.expires = asked.Add(seconds(secret.LeaseDuration))
	if x.expires.Sub(before) < x.ttl/4 {
		x.renewable = false
		s.log.Warn("lease has reached its maximum life: its session will be cut",
			"credential", x.credential, "lease_id", x.id, "left", time.Until(x.expires).Round(time.Second))
	}
	return nil
}

// lose tells the session that its account has ended.
func (s *Source) lose(x *lease, why string, err error) {
	if !s.finish(x) {
		return
	}
	s.log.Warn("lease is lost", "credential", x.credential, "lease_id", x.id, "why", why, "error", err)
	close(x.lost)
}

// finish takes a lease off the live ones; it reports false when it was not among them.
func (s *Source) finish(x *lease) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.leases[x] {
		return false
	}
	delete(s.leases, x)
	close(x.over)
	return true
}
