package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit/background"
	"github.com/sallyport/sallyport/link"
)

// LinkOptions make a Link. All but OfflineLimit, Record, Recordings, Wall and Lived are needed.
type LinkOptions struct {
	Identity  *Identity
	Dir       string     // where the identity is, and what else is kept; closed to others
	Servers   []string   // the control planes' addresses for gateways, https://host:port
	Directory *Directory // which the link lets decide
	Version   string
	// OfflineLimit makes the time shorter for which this gateway works without word from a control plane; 0 leaves it.
	OfflineLimit time.Duration
	Record       Record     // this gateway's journal, which is shipped; nil: it stays here
	Recordings   Recordings // which are shipped; nil: there are none
	Log          *slog.Logger
	Wall         func() time.Time     // nil: time.Now
	Lived        func() time.Duration // time that nobody can set; nil: the machine's
}

// Link is a gateway's connection to its control planes: it follows one of them, lets the directory decide by what comes
// from there, and tells there what is done. When none can be reached it closes the gateway after a while.
type Link struct {
	dir       string
	servers   []string
	directory *Directory
	version   string
	log       *slog.Logger
	wall      func() time.Time
	lease     *lease

	identity atomic.Pointer[Identity]
	client   atomic.Pointer[http.Client]
	server   atomic.Pointer[string] // the control plane that is followed; nil: none
	revoked  atomic.Bool            // the last word was that this gateway does not count any more

	secrets    *remoteSecrets
	reports    *reporter
	shipper    *shipper          // nil: nothing is shipped
	recordings *recordingShipper // nil: there are none

	keeping sync.Mutex // held while the heartbeat's file is written or removed

	mu     sync.Mutex // also held while the directory is told
	engine *access.Engine
	word   *link.Signed // the newest heartbeat
	open   bool         // the directory decides by engine
}

// OpenLink takes up what the last run left, and lets the directory decide by it if that may still be. Run does the rest.
func OpenLink(o LinkOptions) *Link {
	if o.Wall == nil {
		o.Wall = time.Now
	}
	if o.Lived == nil {
		o.Lived = lived
	}
	l := &Link{dir: o.Dir, servers: o.Servers, directory: o.Directory, version: o.Version, log: o.Log, wall: o.Wall,
		lease: &lease{lived: o.Lived, most: o.OfflineLimit}, reports: newReporter()}
	l.secrets = &remoteSecrets{link: l}
	if o.Record != nil {
		l.shipper = &shipper{link: l, record: o.Record}
	}
	if o.Recordings != nil {
		l.recordings = newRecordingShipper(l, o.Recordings)
	}
	l.setIdentity(o.Identity)
	if err := removeTemporaries(l.dir); err != nil {
		l.log.Error("half-written files of a former run are still there", "error", err)
	}
	l.directory.refusal.Store(l.waiting())
	l.recall()
	l.enforce()
	return l
}

func (l *Link) setIdentity(id *Identity) {
	l.identity.Store(id)
	if old := l.client.Swap(newHTTPClient(id.controlConfig())); old != nil {
		old.CloseIdleConnections()
	}
}

// Gateway is the gateway's name.
func (l *Link) Gateway() string { return l.identity.Load().Gateway }

// Certificate gives the gateway's own certificate, as tls.Config wants it.
func (l *Link) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return &l.identity.Load().Certificate, nil
}

// ClientCAs is what users' certificates are verified against.
func (l *Link) ClientCAs() *x509.CertPool { return l.identity.Load().Roots }

// NoteTokenUse remembers when an access token was used, for the next report.
func (l *Link) NoteTokenUse(token string, at time.Time) { l.reports.noteToken(token, at) }

// Run follows a control plane until ctx ends.
func (l *Link) Run(ctx context.Context) error {
	defer l.keepHeartbeat()
	run, ctx := errgroup.WithContext(ctx)
	run.Go(func() error { l.followAny(ctx); return nil })
	run.Go(func() error { l.report(ctx); return nil })
	run.Go(func() error { l.renew(ctx); return nil })
	run.Go(func() error { l.guard(ctx); return nil })
	if l.shipper != nil {
		run.Go(func() error { background.Run(func() { l.shipper.run(ctx) }); return nil })
	}
	if l.recordings != nil {
		run.Go(func() error { background.Run(func() { l.recordings.run(ctx) }); return nil })
	}
	return run.Wait()
}

// guard closes the gateway when the lease ends, and keeps what it stands at.
func (l *Link) guard(ctx context.Context) {
	kept := l.lease.lived()
	for {
		pause := time.Second
		if left := l.lease.left(); left > 0 {
			pause = min(pause, left+time.Millisecond)
		}
		if !sleep(ctx, pause) {
			return
		}
		l.enforce()
		if now := l.lease.lived(); now-kept >= keepEvery {
			l.keepHeartbeat()
			kept = now
		}
	}
}

// enforce lets the directory decide while the lease counts, and refuse everything otherwise.
func (l *Link) enforce() {
	l.mu.Lock()
	defer l.mu.Unlock()
	heard, limit := l.lease.word()
	var reason *access.Denial
	switch {
	case l.revoked.Load():
		reason = stale("the gateway %s was removed by an admin; use another", l.Gateway())
	case heard.IsZero() || l.engine == nil:
		reason = l.waiting()
	case l.lease.left() <= 0:
		reason = stale("the gateway %s has not heard from its control plane since %s, longer than %s, so it lets nobody in; use another, or tell an operator of Sallyport",
			l.Gateway(), heard.UTC().Format(time.RFC3339), limit)
	}
	switch {
	case reason != nil && (l.open || l.directory.refusal.Load() == nil || l.directory.refusal.Load().Sentence != reason.Sentence):
		l.open = false
		cuts := l.directory.Refuse(reason)
		l.secrets.forget()
		l.reports.noteCuts(cuts)
		l.log.Error("this gateway lets nobody in", "reason", reason.Sentence, "sessions_cut", len(cuts))
	case reason == nil && !l.open:
		l.open = true
		l.reports.noteApplied(l.engine.Snapshot().Generation, l.directory.Apply(l.engine), l.wall())
		l.log.Info("this gateway lets people in", "generation", l.engine.Snapshot().Generation)
	}
}

func (l *Link) waiting() *access.Denial {
	return stale("the gateway %s waits for word from its control plane; try again, or use another", l.Gateway())
}

func stale(format string, args ...any) *access.Denial {
	return &access.Denial{Cause: access.PolicyStale, Sentence: fmt.Sprintf(format, args...)}
}

// generation is that of the snapshot that is held; 0: none.
func (l *Link) generation() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.engine == nil {
		return 0
	}
	return l.engine.Snapshot().Generation
}

// errForged says that what came is not what a control plane sends. The connection is given up.
var errForged = errors.New("the control plane sent what it must not")

// takeSnapshot verifies a snapshot and decides by it from here on.
func (l *Link) takeSnapshot(signed link.Signed) error {
	snapshot := &access.Snapshot{}
	if err := signed.Open(l.identity.Load().SnapshotKey, link.SnapshotPurpose, snapshot); err != nil {
		return fmt.Errorf("%w: %w", errForged, err)
	}
	if have := l.generation(); snapshot.Generation <= have {
		if snapshot.Generation == have {
			return nil
		}
		return fmt.Errorf("%w: a snapshot of generation %d after %d; if the control plane was restored from a backup, join again with a new join token",
			errForged, snapshot.Generation, have)
	}
	engine, err := access.Compile(snapshot)
	if err != nil {
		return fmt.Errorf("compile snapshot: %w", err)
	}
	l.mu.Lock()
	l.engine = engine
	if l.open {
		cuts := l.directory.Apply(engine)
		l.reports.noteApplied(snapshot.Generation, cuts, l.wall())
	} else {
		l.directory.hold(engine) // the heartbeat that follows opens
	}
	l.mu.Unlock()
	l.keepSnapshot(signed)
	return nil
}

// takeHeartbeat lets the lease go on. nonce, unless empty, was asked for at lived time asked.
func (l *Link) takeHeartbeat(signed link.Signed, nonce string, asked time.Duration) error {
	id := l.identity.Load()
	var beat link.Heartbeat
	if err := signed.Open(id.SnapshotKey, link.HeartbeatPurpose, &beat); err != nil {
		return fmt.Errorf("%w: %w", errForged, err)
	}
	if beat.Gateway != id.Gateway {
		return fmt.Errorf("%w: another gateway's heartbeat", errForged)
	}
	if nonce != "" {
		if beat.Nonce != nonce {
			return fmt.Errorf("%w: a heartbeat that is not new", errForged)
		}
		l.lease.measured(beat.Issued, asked)
	}
	if beat.Generation > l.generation() {
		return nil // rules are missing here; it does not count
	}
	l.lease.renew(beat.Issued, beat.OfflineLimit)
	l.revoked.Store(false)
	l.mu.Lock()
	l.word = &signed
	open := l.open
	l.mu.Unlock()
	if !open {
		l.enforce()
	}
	return nil
}

// sleep waits for d; false means that ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
