package admin

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/ca"
	"github.com/sallyport/sallyport/admin/oidc"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/creds"
)

// Sessions is what the control plane needs of those who serve sessions.
type Sessions interface {
	// Sessions lists the sessions that are open now.
	Sessions() []access.LiveSession
	// Kill ends a session, telling its client the reason, and says whether there was one.
	Kill(id, reason string) (access.Cut, bool)
	// Apply lets decisions be made by e from here on, and ends the sessions that would not be let in any more. A nil e
	// refuses everybody new.
	Apply(e *access.Engine) []access.Cut
}

// SecretStore keeps the values of credentials whose source is "sealed". They go in and are never read back here.
type SecretStore interface {
	Put(name string, secret creds.Secret) error
	Delete(name string) error
}

// Config is what a Service is made of. All fields are needed unless they say otherwise.
type Config struct {
	Store    *store.Store
	Journal  audit.Appender
	Searcher audit.Index
	Sessions Sessions   // nil: none are served
	Prover   Prover     // nil: events cannot be proved here
	Rotator  KeyRotator // nil: there is no key to rotate
	Secrets  SecretStore
	Sealer   ca.Sealer // seals the certificate authority's key
	UI       fs.FS     // the built web UI, index.html at its root; nil: none
	Log      *slog.Logger
	Gateway  string           // this gateway's name in events
	OIDC     *oidc.Provider   // by which people sign in; nil: they do not
	URL      string           // the web UI's public address, such as https://sally.acme.com; empty: passkeys work on localhost alone
	Address  func() string    // where the web UI is reached when URL is empty, such as http://127.0.0.1:7080; nil: that is not known
	Tunnel   func() string    // host:port of the tunnel entrance for clients; nil: none
	Health   func() error     // what else must work for this process to be well; nil: nothing
	Now      func() time.Time // nil: time.Now
	// BlindLimit is how long the last state decides when the store cannot be read; 0 means 30 seconds.
	BlindLimit time.Duration
	// AskEvery is how often the store is asked whether others have changed the state; 0 means every second.
	AskEvery time.Duration
	Measured Measured // what /metrics tells of the rest of the process
	// Handout opens the sealed credentials that gateways ask for; nil: they get none.
	Handout creds.Source
	// GatewayRecords keeps the journals of gateways; nil: they stay where they are.
	GatewayRecords GatewayRecords
	// Recordings are what terminals showed, as far as it can be read here.
	Recordings Recordings
	// OfflineLimit is how long gateways work without word from a control plane; 0 means 15 minutes.
	OfflineLimit time.Duration
	// Protocols are those that resources may speak, in the order in which people are told of them.
	Protocols []Protocol
	// AccessRequests says what is told of access requests, and to whom.
	AccessRequests AccessRequests
	// Facts tells what a statement's text is about, for explaining and simulating; nil: that goes without statements.
	Facts func(protocol string, text []byte) (access.Statement, error)
	// Metrics is where the service registers what it measures, beside what others do; nil: a registry of its own.
	Metrics *prometheus.Registry
}

// Service is the control plane of one process. It is safe for concurrent use.
type Service struct {
	store    *store.Store
	journal  audit.Appender
	searcher audit.Index
	prover   Prover
	rotator  KeyRotator
	metrics  *prometheus.Registry
	secrets  SecretStore
	ui       fs.FS
	log      *slog.Logger
	gateway  string
	tunnel   func() string
	address  func() string
	health   func() error
	now      func() time.Time

	authority  *ca.Authority
	sessions   Sessions
	links      *gatewayLinks
	journals   *gatewayJournals
	recordings Recordings
	growing    *growingRecordings
	readings   readings

	mu      sync.Mutex // held over each change: check, record, apply, reload
	current atomic.Pointer[snapshot]
	newest  int64 // the newest generation that was ever loaded

	tracker *tracker

	exports      chan struct{}  // holds one for each export that runs
	addrFailures networkLimiter // wrong sign-ins at the API
	usage        *tokenUsage
	accounts     accounts
	signIns      signIns
	notices      *notices
	facts        func(protocol string, text []byte) (access.Statement, error)
	protocols    []Protocol
}

// New loads the state, makes or opens the certificate authority, and is then ready to serve. End it with Close.
func New(ctx context.Context, c Config) (*Service, error) {
	s := &Service{
		store: c.Store, journal: c.Journal, searcher: c.Searcher, prover: c.Prover, rotator: c.Rotator, metrics: c.Metrics,
		facts: c.Facts, protocols: c.Protocols, secrets: c.Secrets, ui: c.UI, log: c.Log, gateway: c.Gateway, tunnel: c.Tunnel, address: c.Address, health: c.Health, now: c.Now,
		exports:      make(chan struct{}, maxExports),
		addrFailures: networkLimiter{access.NewLimiter(20, 3*time.Second)},
	}
	s.signIns = newSignIns(c)
	var err error
	if s.accounts, err = newAccounts(c.URL); err != nil {
		return nil, err
	}
	s.tracker = newTracker(c.BlindLimit, c.AskEvery)
	if s.sessions = c.Sessions; s.sessions == nil {
		s.sessions = noSessions{}
	}
	s.journals, s.recordings, s.growing = newGatewayJournals(c.GatewayRecords), c.Recordings, newGrowingRecordings()
	if s.now == nil {
		s.now = time.Now
	}
	if s.tunnel == nil {
		s.tunnel = func() string { return "" }
	}
	if s.address == nil {
		s.address = func() string { return "" }
	}
	if s.health == nil {
		s.health = func() error { return nil }
	}
	if err := s.registerMetrics(c.Measured); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	if err := s.openAuthority(ctx, c.Sealer); err != nil {
		return nil, fmt.Errorf("open certificate authority: %w", err)
	}
	links, err := s.openGatewayLinks(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open keys for gateways: %w", err)
	}
	s.links = links
	if _, err := s.reload(ctx); err != nil {
		return nil, err
	}
	if c.AccessRequests.URL == "" {
		c.AccessRequests.URL = c.URL
	}
	if s.notices, err = startNotices(c.AccessRequests, s.log, s.now); err != nil {
		return nil, err
	}
	s.usage = startTokenUsage(s.store, s.log)
	s.startTracking()
	return s, nil
}

// Close writes down what is still in memory. The store stays open.
func (s *Service) Close() {
	s.stopTracking()
	s.notices.close()
	s.usage.stop()
}

type noSessions struct{}

func (noSessions) Sessions() []access.LiveSession      { return nil }
func (noSessions) Kill(_, _ string) (access.Cut, bool) { return access.Cut{}, false }
func (noSessions) Apply(_ *access.Engine) []access.Cut { return nil }

// NoteTokenUse remembers when an access token was used.
func (s *Service) NoteTokenUse(id string, at time.Time) { s.usage.note(id, at) }

const authorityName = "root"

func (s *Service) openAuthority(ctx context.Context, sealer ca.Sealer) error {
	certificate, sealed, err := s.keptKey(ctx, authorityName, func() (string, string, error) { return ca.Create(sealer, s.now()) })
	if err != nil {
		return err
	}
	s.authority, err = ca.Load(sealer, certificate, sealed)
	return err
}

// keptKey reads the public part of a key and the sealed one, and makes them on the first start. Of several control planes
// that start at once one makes them for all.
func (s *Service) keptKey(ctx context.Context, name string, create func() (public, sealed string, err error)) (public, sealed string, err error) {
	public, sealed, err = s.store.Authority(ctx, name)
	if !errors.Is(err, store.ErrNotFound) {
		return public, sealed, err
	}
	if public, sealed, err = create(); err != nil {
		return "", "", err
	}
	if err := s.store.AddAuthority(ctx, name, public, sealed); err != nil {
		return "", "", err
	}
	return s.store.Authority(ctx, name)
}

// ClientCAs is what gateways verify user certificates against.
func (s *Service) ClientCAs() *x509.CertPool { return s.authority.Pool() }

// CAPEM is the authority's certificate.
func (s *Service) CAPEM() string { return s.authority.PEM() }
