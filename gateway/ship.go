package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/sallyport/sallyport/audit/copies"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
	"github.com/sallyport/sallyport/link"
)

// Record is the gateway's own journal; *journal.Journal is one.
type Record interface {
	Dir() string
	Durable() uint64
	Written() uint64
	Await(ctx context.Context, seq uint64) error
}

const (
	// shipBytes is about how much goes into one request, before it is compressed.
	shipBytes = 2 << 20
	// gatherFor lets more records come together, so that there are few requests while little is done. It is a part of the
	// time after which the control plane finds what was done here.
	gatherFor = 100 * time.Millisecond
	// lookForDurable is the pause between looks whether what was written is on disk.
	lookForDurable = 20 * time.Millisecond
	// proveEvery is the time between two shipments of checkpoints.
	proveEvery     = time.Second
	proofBytes     = 1 << 20
	firstShipPause = 100 * time.Millisecond
	lastShipPause  = 10 * time.Second
	// refusedPause is how long the shipper waits after the control plane has refused the journal itself: only a person can
	// help then.
	refusedPause = 30 * time.Second
)

// shipper sends the gateway's record to the control plane that is followed: what is on disk, in order, and again until it
// is acknowledged. The journal is its buffer: statements never wait for it.
type shipper struct {
	link   *Link
	record Record

	mu      sync.Mutex
	shipped uint64    // records before this one are known to be at a control plane
	proven  uint64    // so many of them are covered by checkpoints that are known to be there
	oldest  time.Time // of the records that are not; zero when there is none
	trouble string
}

// Shipped is the number of records that are known to be at a control plane, with the checkpoints that cover them: others
// must be kept.
func (l *Link) Shipped() uint64 {
	if l.shipper == nil {
		return 0
	}
	l.shipper.mu.Lock()
	defer l.shipper.mu.Unlock()
	return min(l.shipper.shipped, l.shipper.proven)
}

// state is what the next report tells; nil when nothing is shipped.
func (s *shipper) state() *link.Journal {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j := &link.Journal{Records: s.record.Durable(), Trouble: s.trouble}
	if j.Records > s.shipped {
		j.Oldest = s.oldest
	}
	return j
}

// noteShipped notes how far the copy is.
func (s *shipper) noteShipped(end copies.End) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shipped, s.proven, s.trouble = end.Journal.Next, end.Proof.Size, ""
	if s.shipped >= s.record.Durable() {
		s.oldest = time.Time{}
	}
}

// noteOldest notes when the oldest record that is not shipped was made.
func (s *shipper) noteOldest(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oldest = at
}

// noteTrouble logs a trouble when it begins or changes.
func (s *shipper) noteTrouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trouble != err.Error() {
		s.link.log.Warn("the record is not shipped; trying again", "shipped", s.shipped, "error", err)
	}
	s.trouble = err.Error()
}

// run ships until ctx ends.
func (s *shipper) run(ctx context.Context) {
	pause := firstShipPause
	for ctx.Err() == nil {
		server := s.link.server.Load()
		if server == nil {
			if !sleep(ctx, firstShipPause) {
				return
			}
			continue
		}
		p := &shipment{shipper: s, server: *server, sent: map[string]bool{}}
		err := p.run(ctx)
		if ctx.Err() != nil {
			return
		}
		if p.progress {
			pause = firstShipPause
		}
		s.noteTrouble(err)
		wait := pause
		var said *refused
		if errors.As(err, &said) && said.status == http.StatusConflict {
			wait = refusedPause
		}
		if !sleep(ctx, wait) {
			return
		}
		pause = min(2*pause, lastShipPause)
	}
}

// errMoved says that another control plane is followed by now.
var errMoved = errors.New("another control plane is followed")

// shipment is what goes to one control plane, until something goes wrong.
type shipment struct {
	*shipper
	server   string
	end      copies.End
	sent     map[string]bool // side files that were sent
	proved   time.Time
	progress bool // something was acknowledged
}

func (p *shipment) run(ctx context.Context) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	for {
		if now := p.link.server.Load(); now != nil && *now != p.server {
			return errMoved
		}
		sent, err := p.lines(ctx)
		if err == nil && time.Since(p.proved) >= proveEvery {
			err = p.checkpoints(ctx)
		}
		if err != nil {
			return err
		}
		if sent {
			continue
		}
		if err := p.await(ctx); err != nil {
			return err
		}
	}
}

// begin learns where the copy ends, and whether it is one of this journal.
func (p *shipment) begin(ctx context.Context) error {
	if err := p.ask(ctx, http.MethodGet, link.JournalPath, nil, nil, &p.end); err != nil {
		return err
	}
	err := p.end.Journal.Holds(p.record.Dir())
	if errors.Is(err, journal.ErrOtherJournal) {
		return p.beginAnew(ctx, err)
	}
	if err == nil {
		p.noteShipped(p.end)
	}
	return err
}

// beginAnew tells the control plane that the copy is not of this journal; it decides whether that may be.
func (p *shipment) beginAnew(ctx context.Context, reason error) error {
	if err := p.ask(ctx, http.MethodPost, link.BeginPath, map[string]string{link.ReasonParam: reason.Error()}, nil, nil); err != nil {
		return err
	}
	if err := p.ask(ctx, http.MethodGet, link.JournalPath, nil, nil, &p.end); err != nil {
		return err
	}
	if p.end.Journal.Next > 0 {
		return reason
	}
	p.noteShipped(p.end)
	return nil
}

// lines sends what comes next; false when there is nothing.
func (p *shipment) lines(ctx context.Context) (sent bool, err error) {
	l, err := journal.ReadLines(p.record.Dir(), p.end.Journal, p.record.Durable(), shipBytes)
	if errors.Is(err, journal.ErrOtherJournal) || errors.Is(err, journal.ErrRemoved) {
		return false, p.beginAnew(ctx, err)
	}
	if err != nil || len(l.Bytes) == 0 {
		return false, err
	}
	p.noteOldest(firstTime(l))
	for _, sum := range journal.SideFilesIn(l.Bytes) {
		if err := p.sideFile(ctx, sum); err != nil {
			return false, err
		}
	}
	if err := p.sendLines(ctx, l); err != nil {
		return false, err
	}
	p.progress = true
	p.noteShipped(p.end)
	return true, nil
}

// checkpoints sends the checkpoints that are new and that the copy holds the records of.
func (p *shipment) checkpoints(ctx context.Context) error {
	b, err := proof.BundleSince(p.record.Dir(), p.end.Proof, proofBytes)
	if errors.Is(err, proof.ErrNotesRemoved) { // as it is when the control plane was set back to an older copy
		return p.beginAnew(ctx, fmt.Errorf("retention on the gateway has removed checkpoints that the copy lacks: %w", err))
	}
	if err != nil {
		return err
	}
	p.proved = time.Now()
	if len(b.Notes) == 0 {
		return nil
	}
	err = p.prove(ctx, b)
	var said *refused
	if errors.As(err, &said) && said.status == http.StatusPreconditionFailed {
		// Signed since the lines were read: with the next ones the copy has what these cover.
		return p.ask(ctx, http.MethodGet, link.JournalPath, nil, nil, &p.end)
	}
	if err == nil {
		p.noteShipped(p.end)
	}
	return err
}

// await waits until there is something to send: lines that are on disk, or checkpoints.
func (p *shipment) await(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, proveEvery)
	defer cancel()
	err := p.record.Await(waiting, p.end.Journal.Next)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return nil // time for checkpoints
		}
		return err
	}
	if !sleep(ctx, gatherFor) {
		return ctx.Err()
	}
	for p.record.Durable() <= p.end.Journal.Next {
		if !sleep(waiting, lookForDurable) {
			return ctx.Err()
		}
	}
	return nil
}
