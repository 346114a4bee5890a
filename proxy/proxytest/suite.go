package proxytest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
)

// Subject is what a protocol gives to the suite.
type Subject struct {
	// Protocol makes a new instance.
	Protocol func() proxy.Protocol
	// Store is a real one, and Secret opens it. BadSecret is refused by it.
	Store             access.Resource
	Secret, BadSecret creds.Secret
	// Native and Tunnel connect with a real client, as user with token to the resource, or over an open tunnel. An
	// error carries the words that the gateway said.
	Native func(ctx context.Context, addr, user, token, resource string) (Client, error)
	Tunnel func(ctx context.Context, dial func(context.Context) (net.Conn, error)) (Client, error)
	// Mark is a statement that leaves the mark n in the store, which Marked sees there without the gateway.
	Mark   func(n int) string
	Marked func(t *testing.T, n int) bool
	// Forbidden is a statement of a class of its own that Rules deny, and Mark not.
	Forbidden string
	Rules     access.StatementRules
	// Rows is a statement that returns n rows; nil: the protocol has none.
	Rows func(n int) string
	// Whole says that an answer with too many rows is withheld as a whole, and not cut off behind the last that may pass.
	Whole bool
	// Single says that statements cannot be sent together: RunAll is not used.
	Single bool
}

// Client is a real client's session.
type Client interface {
	// Run runs a statement; its error carries the words that the client was told.
	Run(ctx context.Context, statement string) error
	// RunAll sends all statements before it reads an answer, so that they take effect all together or not at all.
	RunAll(ctx context.Context, statements []string) error
	Close()
}

// patience bounds every wait of the suite.
const patience = 20 * time.Second

// Run runs the suite.
func Run(t *testing.T, s Subject) {
	for name, test := range map[string]func(*suite, *testing.T){
		"the exact story of a session":                 (*suite).testStory,
		"the tunnel tells the same story":              (*suite).testTunnel,
		"an expired certificate is refused in words":   (*suite).testExpiredCertificate,
		"who may not pass is told why and recorded":    (*suite).testDenied,
		"failed sign-ins are limited by address":       (*suite).testRateLimit,
		"nothing runs before its record":               (*suite).testRecordFirst,
		"a broken journal refuses statements":          (*suite).testBrokenJournal,
		"hold: no answer before the record is durable": (*suite).testHold,
		"strict: nothing runs before it is durable":    (*suite).testStrict,
		"a kill is told to the client":                 (*suite).testKill,
		"a lost lease ends the session":                (*suite).testLeaseLost,
		"a rotated credential is fetched anew, once":   (*suite).testRotation,
		"an unavailable credential is explained":       (*suite).testCredentialUnavailable,
		"an unreachable store is explained":            (*suite).testUnreachable,
		"shutdown drains":                              (*suite).testShutdown,
		"a denied statement never reaches the store":   (*suite).testStatementDenied,
		"a denial is recorded before it is told":       (*suite).testDenialRecorded,
		batches:                                        (*suite).testBatchDenied,
		"rules change while a session is open":         (*suite).testRulesChange,
		"a session ends when its permit does":          (*suite).testUntil,
		rows:                                           (*suite).testMaxRows,
	} {
		t.Run(name, func(t *testing.T) {
			if s.lacks(name) {
				t.Skip("the protocol has nothing of this")
			}
			test(newSuite(t, s), t)
		})
	}
}

// The tests of what not every protocol has.
const (
	batches = "a denied statement fails its batch"
	rows    = "rows are limited"
)

func (s *Subject) lacks(test string) bool {
	return test == batches && s.Single || test == rows && s.Rows == nil
}

// suite is one test's gateway.
type suite struct {
	Subject
	*Gateway
	ctx context.Context
}

func newSuite(t *testing.T, s Subject) *suite {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	g := Start(t, Options{Protocol: s.Protocol(), Store: s.Store, Secret: s.Secret})
	return &suite{Subject: s, Gateway: g, ctx: ctx}
}

func (s *suite) connect(user, token string) (Client, error) {
	return s.Subject.Native(s.ctx, s.Gateway.Native, user, token, s.Gateway.Store.Name)
}

func (s *suite) mustConnect(t *testing.T) Client {
	t.Helper()
	c, err := s.connect(User, Token)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// wantWords checks that err says each of words, and no secret.
func (s *suite) wantWords(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("want an error, have none")
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
	for _, secret := range []string{s.Secret.Password, s.BadSecret.Password, Token} {
		if secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("error %q tells a secret", err)
		}
	}
}

// wantTypes waits for as many events and checks that just these are recorded, in this order.
func (s *suite) wantTypes(t *testing.T, want ...audit.Type) []audit.Event {
	t.Helper()
	events := s.Journal.Find(s.ctx, t, func(e audit.Event) bool { return e.Seq == uint64(len(want)-1) })
	var have []audit.Type
	for _, e := range events {
		have = append(have, e.Type)
	}
	if fmt.Sprint(have) != fmt.Sprint(want) {
		t.Errorf("recorded %v, want %v", have, want)
	}
	return events
}

func (s *suite) testStory(t *testing.T) {
	c := s.mustConnect(t)
	if err := c.Run(s.ctx, s.Mark(1)); err != nil {
		t.Fatal(err)
	}
	c.Close()
	events := s.wantTypes(t, audit.SessionStart, audit.StatementBegin, audit.StatementResult, audit.SessionEnd)
	for _, e := range events {
		if e.Type == audit.StatementResult {
			continue // stands on its statement's scope
		}
		if e.User != User || e.Resource != s.Gateway.Store.Name || e.Role != "developers" || e.Entrance != "native" || e.Gateway != "test" ||
			e.Protocol != s.Gateway.Store.Protocol || e.Credential == "" || e.ClientAddr == "" || e.Session == "" || e.Session != events[0].Session {
			t.Errorf("event without its scope: %+v", e)
		}
	}
	statement, result := events[1], events[2]
	if statement.Statement.String() != s.Mark(1) || statement.Verdict != audit.Allow {
		t.Errorf("statement recorded as %q, verdict %q", statement.Statement, statement.Verdict)
	}
	if result.Session != statement.Session || result.Of != statement.ID || !result.Done || result.ErrorCode != "" || result.BytesOut == 0 || result.Duration <= 0 {
		t.Errorf("result %+v does not fit statement %s", result, statement.ID)
	}
	if end := events[3]; end.Statements != 1 {
		t.Errorf("session end counts %d statements, want 1", end.Statements)
	}
	if fetched, released := s.Creds.Leases(); fetched != 1 || released != 1 {
		t.Errorf("%d leases fetched, %d released, want 1 and 1", fetched, released)
	}
	if !s.Marked(t, 1) {
		t.Error("the statement did not run")
	}
}

func (s *suite) tunnel(t *testing.T, user string, ttl time.Duration) (Client, error) {
	return s.Subject.Tunnel(s.ctx, func(context.Context) (net.Conn, error) { return s.DialTunnel(t, user, ttl) })
}

func (s *suite) testTunnel(t *testing.T) {
	c, err := s.tunnel(t, User, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(s.ctx, s.Mark(2)); err != nil {
		t.Fatal(err)
	}
	c.Close()
	events := s.wantTypes(t, audit.SessionStart, audit.StatementBegin, audit.StatementResult, audit.SessionEnd)
	if events[0].User != User || events[0].Entrance != "tunnel" {
		t.Errorf("recorded as %s through %s", events[0].User, events[0].Entrance)
	}
}

func (s *suite) testExpiredCertificate(t *testing.T) {
	_, err := s.tunnel(t, User, -time.Minute)
	s.wantWords(t, err, "expired", "sally login")
	s.wantTypes(t, audit.SessionDenied)
}

func (s *suite) testDenied(t *testing.T) {
	_, err := s.connect(User, "sally_wrong_token")
	s.wantWords(t, err, "unknown user or wrong access token")
	_, err = s.connect(Suspended, Token)
	s.wantWords(t, err, "suspended")
	_, err = s.connect(Stranger, Token)
	s.wantWords(t, err, "no access")
	_, err = s.Subject.Native(s.ctx, s.Gateway.Native, User, Token, "nowhere")
	s.wantWords(t, err, "nowhere")
	events := s.wantTypes(t, audit.SessionDenied, audit.SessionDenied, audit.SessionDenied, audit.SessionDenied)
	for _, e := range events {
		if e.Verdict != audit.Deny || e.Reason == "" || e.User == "" {
			t.Errorf("denial recorded without verdict, reason or user: %+v", e)
		}
	}
	if fetched, _ := s.Creds.Leases(); fetched != 0 {
		t.Errorf("%d credentials opened for people without access", fetched)
	}
}

func (s *suite) testRateLimit(t *testing.T) {
	for range 15 {
		_, err := s.connect(User, "sally_wrong_token")
		if err == nil {
			t.Fatal("a wrong token was let in")
		}
		if strings.Contains(err.Error(), "too many failed sign-ins") {
			if _, err := s.connect(User, Token); err == nil {
				t.Error("the right token was let in while the address is blocked")
			}
			return
		}
	}
	t.Error("15 wrong tokens in a row were all tried")
}

func (s *suite) testRecordFirst(t *testing.T) {
	c := s.mustConnect(t)
	s.Journal.Stop()
	done := s.run(c, s.Mark(3))
	s.await(t, s.Journal.Waiting())
	if s.Marked(t, 3) {
		t.Error("the statement ran before it was recorded")
	}
	s.Journal.Heal()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !s.Marked(t, 3) {
		t.Error("the statement did not run after it was recorded")
	}
}

func (s *suite) testBrokenJournal(t *testing.T) {
	c := s.mustConnect(t)
	s.Journal.Break()
	s.wantWords(t, c.Run(s.ctx, s.Mark(4)), "audit log cannot be written")
	if s.Marked(t, 4) {
		t.Error("the statement ran unrecorded")
	}
	if _, err := s.connect(User, Token); err == nil {
		t.Error("a session began unrecorded")
	}
	s.Journal.Heal()
	c = s.mustConnect(t)
	if err := c.Run(s.ctx, s.Mark(5)); err != nil {
		t.Errorf("after the journal works again: %v", err)
	}
}

func (s *suite) testHold(t *testing.T) {
	c := s.mustConnect(t)
	s.Journal.LoseSync()
	done := s.run(c, s.Mark(6))
	s.await(t, s.Journal.Waiting())
	select {
	case err := <-done:
		t.Fatalf("answered before the record was durable: %v", err)
	default:
	}
	s.Journal.Heal()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func (s *suite) testStrict(t *testing.T) {
	s.Gateway.Store.Durability = access.Strict
	c := s.mustConnect(t)
	s.Journal.LoseSync()
	done := s.run(c, s.Mark(7))
	s.await(t, s.Journal.Waiting())
	if s.Marked(t, 7) {
		t.Error("the statement ran before its record was durable")
	}
	s.Journal.Heal()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func (s *suite) testKill(t *testing.T) {
	c := s.mustConnect(t)
	live := s.Server.Sessions()
	if len(live) != 1 || live[0].User != User || live[0].Resource != s.Gateway.Store.Name {
		t.Fatalf("live sessions: %+v", live)
	}
	if cuts := s.Cut("your access was suspended by an admin"); len(cuts) != 1 || cuts[0].User != User {
		t.Fatalf("cut: %+v", cuts)
	}
	events := s.wantTypes(t, audit.SessionStart, audit.SessionEnd)
	if !strings.Contains(events[1].Reason, "suspended") {
		t.Errorf("session end recorded with reason %q", events[1].Reason)
	}
	if err := c.Run(s.ctx, s.Mark(8)); err == nil || s.Marked(t, 8) {
		t.Error("a killed session still runs statements")
	}
	if _, killed := s.Server.Kill(live[0].ID, "again"); killed {
		t.Error("a dead session was killed again")
	}
}

func (s *suite) testLeaseLost(t *testing.T) {
	s.mustConnect(t)
	s.Creds.Lose()
	events := s.wantTypes(t, audit.SessionStart, audit.SessionEnd)
	if !strings.Contains(events[1].Reason, "credential") {
		t.Errorf("session end recorded with reason %q", events[1].Reason)
	}
}

func (s *suite) testRotation(t *testing.T) {
	s.Creds.Stale = &s.BadSecret
	c := s.mustConnect(t)
	if err := c.Run(s.ctx, s.Mark(9)); err != nil {
		t.Fatal(err)
	}
	s.Creds.Stale, s.Creds.Secret = nil, s.BadSecret
	_, err := s.connect(User, Token)
	s.wantWords(t, err, "refused the credential")
}

func (s *suite) testCredentialUnavailable(t *testing.T) {
	s.Creds.Err = &creds.Unavailable{Credential: "store-app", Sentence: "the credential store-app cannot be opened: Vault is sealed",
		Err: errors.New("503 at https://vault.internal")}
	_, err := s.connect(User, Token)
	s.wantWords(t, err, "store-app", "Vault is sealed")
	if strings.Contains(err.Error(), "vault.internal") {
		t.Errorf("error %q tells internal addresses", err)
	}
	s.wantTypes(t, audit.SessionStart, audit.SessionEnd)
}

func (s *suite) testUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Gateway.Store.Address = l.Addr().String()
	l.Close()
	_, err = s.connect(User, Token)
	s.wantWords(t, err, s.Gateway.Store.Name, "cannot be reached")
	s.wantTypes(t, audit.SessionStart, audit.SessionEnd)
}

func (s *suite) testShutdown(t *testing.T) {
	c := s.mustConnect(t)
	if err := c.Run(s.ctx, s.Mark(10)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	down := make(chan struct{})
	go func() {
		defer close(down)
		s.Server.Shutdown(ctx)
	}()
	for { // new clients are turned away first
		c, err := s.connect(User, Token)
		if err != nil {
			break
		}
		c.Close()
	}
	if err := c.Run(s.ctx, s.Mark(11)); err != nil {
		t.Errorf("a session is cut before its time: %v", err)
	}
	cancel()
	s.await(t, down)
	if err := c.Run(s.ctx, s.Mark(12)); err == nil {
		t.Error("a session lives on after shutdown")
	}
}

func (s *suite) run(c Client, statement string) <-chan error {
	done := make(chan error, 1)
	go func() { done <- c.Run(s.ctx, statement) }()
	return done
}

func (s *suite) await(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-s.ctx.Done():
		t.Fatal("nobody waits for the journal")
	}
}
