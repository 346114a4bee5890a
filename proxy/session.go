package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/creds"
)

// session is one client connection's way through the gateway.
type session struct {
	server   *Server
	protocol Protocol
	conn     *Conn
	log      *slog.Logger
	refusal  error // why the entrance already knows that the client may not pass; nil when it may

	id      string
	from    netip.Addr // where the client comes from; invalid for a Unix socket
	started time.Time
	scope   audit.Scope
	permit  access.Permit
	gate    *Gate

	ending   bool           // it was cut; guarded by live's lock
	deadline *time.Timer    // cuts it when its permit ends; nil: never; guarded by live's lock
	reviewed *access.Permit // what it goes on under; nil: permit; guarded by live's lock
	cancel   context.CancelCauseFunc
}

// run is the whole story of a session. Whatever ends it, the deferred block tells the client, the record and the
// log, once.
func (s *session) run(ctx context.Context, waiting *place) {
	defer s.conn.Close()
	client, err := s.accept(ctx, waiting)
	waiting.leave()
	if err != nil {
		s.logEnd(slog.LevelDebug, "connection without a session", err)
		return
	}
	ctx, s.cancel = context.WithCancelCause(ctx)
	defer s.cancel(nil)
	recorded := false
	defer func() { s.finish(ctx, client, recorded, err) }()

	if err = s.authorize(ctx, client.Login()); err != nil {
		return
	}
	if err = s.recordStart(); err != nil {
		return
	}
	recorded = true
	leave := s.server.live.enter(s)
	defer leave()
	// A suspension or a change of rules from before this could not see the session, one from here on reviews it.
	present, err := s.server.directory.Authorize(ctx, s.ask(s.permit.Identity, s.scope.Account))
	if err != nil {
		return
	}
	s.server.live.settle(s, &present)

	lease, link, err := s.open(ctx, client)
	if err != nil {
		return
	}
	defer s.release(ctx, lease)
	defer link.Close()
	held, stop := withLease(ctx, lease)
	defer stop()
	err = s.relay(held, link)
}

func (s *session) accept(ctx context.Context, waiting *place) (_ Client, err error) {
	defer Recover(&err)
	s.conn.patience, s.conn.signIn, s.conn.keepPlace, s.conn.blocked = s.patience(ctx, waiting), s.signIn(ctx), waiting.keep, s.blocked
	ctx, cancel := context.WithTimeout(ctx, s.server.limits.HandshakeTimeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	if err := s.conn.SetDeadline(deadline); err != nil {
		return nil, fmt.Errorf("set handshake deadline: %w", err)
	}
	client, err := s.protocol.Accept(ctx, s.conn)
	if err != nil {
		return nil, err
	}
	if err := s.conn.SetDeadline(time.Time{}); err != nil && client.Login().Refused == nil { // who was refused may be gone
		return nil, fmt.Errorf("lift handshake deadline: %w", err)
	}
	return client, nil
}

// patience lifts the handshake's deadline until what it gives is called; the end of ctx still ends what is read.
func (s *session) patience(ctx context.Context, waiting *place) func() (end func()) {
	return func() func() {
		waiting.leave()
		_ = s.conn.SetDeadline(time.Time{})
		stop := context.AfterFunc(ctx, func() { Interrupt(s.conn.Conn) })
		return func() {
			if stop() {
				_ = s.conn.SetDeadline(time.Now().Add(s.server.limits.HandshakeTimeout))
			}
		}
	}
}

// signIn moves the handshake's deadline to where that of a sign-in in a browser is.
func (s *session) signIn(ctx context.Context) func() (context.Context, context.CancelFunc) {
	return func() (context.Context, context.CancelFunc) {
		_ = s.conn.SetDeadline(time.Now().Add(s.server.limits.SignInTimeout + s.server.limits.LastWord))
		return context.WithTimeout(ctx, s.server.limits.SignInTimeout)
	}
}

// authorize finds out who the client is and whether they may open what they ask for.
func (s *session) authorize(ctx context.Context, login Login) error {
	tooLong := login.bound()
	s.describe(login)
	switch {
	case s.refusal != nil:
		return s.refusal
	case tooLong != nil:
		s.server.failures.note(s.conn.RemoteAddr())
		return tooLong
	}
	identity, err := s.identify(ctx, login)
	if err != nil {
		return err
	}
	s.scope.User, s.scope.Groups = identity.User, identity.Groups
	if s.scope.Resource == "" {
		return &access.Denial{Cause: access.UnknownResource, Sentence: "name the resource: connect as USER#RESOURCE, or, where clients name a database, to RESOURCE/DATABASE"}
	}
	permit, err := s.server.directory.Authorize(ctx, s.ask(identity, login.Account))
	if err != nil {
		return fmt.Errorf("authorize: %w", err)
	}
	if permit.Resource.Protocol != s.scope.Protocol {
		return &access.Denial{Cause: access.UnknownResource, Sentence: fmt.Sprintf("%s is not a %s resource; connect to it with a client for %s",
			permit.Resource.Name, s.scope.Protocol, permit.Resource.Protocol)}
	}
	if s.ofNode(&permit.Resource) && permit.Resource.Node(s.conn.Node()) == nil {
		return &access.Denial{Cause: access.UnknownResource, Sentence: fmt.Sprintf("%s has no node %s; ask an admin to name it in the resource",
			permit.Resource.Name, s.conn.Node())}
	}
	s.permit = permit
	s.conn.account = permit.Account
	s.scope.Role, s.scope.Account, s.scope.Credential = permit.Role, permit.Account, permit.Credential.Name
	if s.scope.Database == "" {
		s.scope.Database = permit.Resource.Database
	}
	return nil
}

func (s *session) ask(id access.Identity, account string) access.Ask {
	return access.Ask{Identity: id, Resource: s.scope.Resource, Account: account, Addr: s.from, Started: s.started}
}

func (s *session) describe(login Login) {
	s.scope.User, s.scope.Database = login.User, login.Database
	s.scope.Resource = s.conn.Resource()
	if login.Resource != "" {
		s.scope.Resource = login.Resource
	}
	s.scope.Account = login.Account
	s.scope.Application = s.server.redactor.Text(s.scope.Resource, login.Application)
}

func (s *session) identify(ctx context.Context, login Login) (access.Identity, error) {
	if id := s.conn.Identity(); id != nil {
		return *id, nil
	}
	if err := s.blocked(); err != nil {
		return access.Identity{}, err
	}
	if login.Identity != nil {
		return *login.Identity, nil
	}
	identity, err := access.Identity{}, login.Refused
	if err == nil {
		identity, err = s.server.directory.IdentifyToken(ctx, login.User, login.Token)
	}
	if err != nil {
		s.server.failures.note(s.conn.RemoteAddr())
		return access.Identity{}, fmt.Errorf("identify: %w", err)
	}
	return identity, nil
}

// blocked says why nobody may sign in from the client's address now; nil: they may.
func (s *session) blocked() error {
	wait := s.server.failures.blocked(s.conn.RemoteAddr())
	if wait <= 0 {
		return nil
	}
	return &access.Denial{Cause: access.RateLimited,
		Sentence: fmt.Sprintf("too many failed sign-ins from your address; try again in %s", wait.Round(time.Second))}
}

// open leases the credential and opens the store with it. A credential that the store refuses is fetched anew
// once, so that a rotation between fetch and connect is not seen.
func (s *session) open(ctx context.Context, client Client) (*creds.Lease, Link, error) {
	ctx, cancel := context.WithTimeout(ctx, s.server.limits.ConnectTimeout)
	defer cancel()
	for fresh := false; ; fresh = true {
		lease, err := s.server.credentials.Fetch(ctx, creds.Request{Credential: s.permit.Credential, Session: s.id, User: s.scope.User,
			Resource: s.scope.Resource, Address: s.permit.Resource.Address, Account: s.scope.Account, Identity: s.permit.Identity, From: s.from, Fresh: fresh})
		if err != nil {
			return nil, nil, fmt.Errorf("fetch credential: %w", err)
		}
		link, err := connect(ctx, client, s.store(), lease.Secret)
		if err == nil {
			s.scope.Login = lease.Secret.Username
			return lease, link, nil
		}
		s.release(ctx, lease)
		if fresh || !errors.Is(err, ErrCredentialRefused) {
			return nil, nil, err
		}
	}
}

// ofNode says whether the client came to one node of the resource: by TLS, or by the node's own entrance.
func (s *session) ofNode(r *access.Resource) bool {
	return s.conn.Node() != "" && s.conn.Resource() == r.Name
}

// store is the resource as it is to be dialled: of a cluster, the node that the client came to.
func (s *session) store() access.Resource {
	r := s.permit.Resource
	if s.ofNode(&r) {
		r.Address = r.Node(s.conn.Node()).Address // which authorize has found
	}
	return r
}

func connect(ctx context.Context, client Client, store access.Resource, secret creds.Secret) (_ Link, err error) {
	defer Recover(&err)
	return client.Connect(ctx, store, secret)
}

func (s *session) relay(ctx context.Context, link Link) (err error) {
	defer Recover(&err)
	gate := NewGate(s.server.journal, s.scope, &s.permit, s.server.redactor)
	s.conn.beginRelay(func() error { return gate.hold(ctx) }, gate.hasten)
	defer s.conn.endRelay()
	s.server.live.relaying(s, gate) // from here on the sweep looks at the connection
	err = link.Relay(ctx, gate)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func (s *session) release(ctx context.Context, lease *creds.Lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.server.limits.ReleaseTimeout)
	defer cancel()
	if err := lease.Release(ctx); err != nil {
		s.log.Warn("lease not released", "error", err)
	}
}

// finish is the only place that denies, records and logs a session's end.
func (s *session) finish(ctx context.Context, client Client, recorded bool, err error) {
	if cause := context.Cause(ctx); cause != nil && err != nil {
		err = cause // killed while it was being opened
	}
	if err != nil {
		_ = s.conn.SetDeadline(time.Now().Add(s.server.limits.LastWord))
		client.Deny(err)
	}
	if recordErr := s.recordEnd(recorded, err); recordErr != nil {
		s.log.Error("session end not recorded", "error", recordErr)
	}
	if err != nil {
		s.logEnd(slog.LevelInfo, "session refused or broken", err)
		s.conn.linger()
	}
}

// logEnd logs why a session ended; a panic at a level that nobody overlooks.
func (s *session) logEnd(level slog.Level, message string, err error) {
	var panicked *Panicked
	if errors.As(err, &panicked) {
		level = slog.LevelError
	}
	s.log.Log(context.Background(), level, message, "user", s.scope.User, "resource", s.scope.Resource, "reason", err)
}

func (s *session) recordStart() error {
	e := audit.Event{Type: audit.SessionStart, Scope: s.scope, Verdict: audit.Allow, Policy: s.permit.Role}
	if err := s.server.journal.Append(&e); err != nil {
		return fmt.Errorf("record session start: %w", err)
	}
	return nil
}

func (s *session) recordEnd(started bool, err error) error {
	e := audit.Event{Type: audit.SessionEnd, Scope: s.scope, Duration: audit.Micros(time.Since(s.started))}
	if !started {
		e.Type, e.Verdict = audit.SessionDenied, audit.Deny
	}
	if err != nil {
		e.Reason = s.server.redactor.Text(s.scope.Resource, Explain(err))
	}
	if s.gate != nil {
		s.gate.totals(&e)
	}
	if err := s.server.journal.Append(&e); err != nil {
		return fmt.Errorf("record session end: %w", err)
	}
	return nil
}

// kill ends the session from outside; its client is told the sentence.
func (s *session) kill(cause *Ended) { s.cancel(cause) }

// withLease ends the context when the lease is lost.
func withLease(ctx context.Context, lease *creds.Lease) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if lease.Lost == nil {
		return ctx, func() { cancel(nil) }
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-lease.Lost:
			cancel(&Ended{Sentence: "the credential of this session could not be renewed; connect again"})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

func newSessionID() string { return uuid.Must(uuid.NewV7()).String() }
