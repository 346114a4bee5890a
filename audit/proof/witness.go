package proof

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Witness keeps checkpoints out of the reach of whoever could change the record here. Send is called by one goroutine
// at a time, and again with the same or a newer checkpoint after an error.
type Witness interface {
	// Name says which it is, in the log and to admins.
	Name() string
	// Send hands over a signed checkpoint, before ctx ends.
	Send(ctx context.Context, signed string) error
}

const (
	sendTime       = 10 * time.Second // bounds one attempt
	firstSendRetry = time.Second
	maxSendRetry   = time.Minute
)

// sender brings checkpoints to one witness. When the witness is slow it passes over all but the newest, which contains
// the others: nothing ever waits for it.
type sender struct {
	witness Witness
	log     *slog.Logger
	queue   chan string // holds the newest checkpoint that was not sent
	cancel  context.CancelFunc
	closing chan struct{}
	done    chan struct{}

	mu   sync.Mutex
	fail string
}

func newSender(w Witness, log *slog.Logger) *sender {
	ctx, cancel := context.WithCancel(context.Background())
	s := &sender{witness: w, log: log, queue: make(chan string, 1), cancel: cancel, closing: make(chan struct{}), done: make(chan struct{})}
	go s.run(ctx)
	return s
}

// offer leaves a checkpoint to be sent. It is called by one goroutine at a time.
func (s *sender) offer(signed string) {
	select {
	case <-s.queue:
	default:
	}
	s.queue <- signed // only this function fills the queue, and it is empty now
}

// close sends what is left, until ctx ends at most. Nothing may be offered any more.
func (s *sender) close(ctx context.Context) {
	close(s.closing)
	select {
	case <-s.done:
	case <-ctx.Done():
	}
	s.cancel()
	<-s.done
}

func (s *sender) trouble() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail
}

func (s *sender) run(ctx context.Context) {
	defer close(s.done)
	for {
		select {
		case signed := <-s.queue:
			s.deliver(ctx, signed)
			continue
		case <-ctx.Done():
			return
		case <-s.closing:
		}
		select {
		case signed := <-s.queue:
			s.deliver(ctx, signed)
		default:
		}
		return
	}
}

// deliver sends the checkpoint, or a newer one that comes in meanwhile, until that has worked. While the log is being
// closed one attempt is all.
func (s *sender) deliver(ctx context.Context, signed string) {
	for delay := firstSendRetry; ; delay = min(2*delay, maxSendRetry) {
		err := s.attempt(ctx, signed)
		if err == nil || ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-s.closing:
			return
		case <-time.After(delay):
		}
		select {
		case signed = <-s.queue:
		default:
		}
	}
}

func (s *sender) attempt(ctx context.Context, signed string) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	err := s.witness.Send(ctx, signed)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil && s.fail == "":
		s.log.Error("a witness does not take checkpoints; trying again", "witness", s.witness.Name(), "err", err)
	case err == nil && s.fail != "":
		s.log.Info("the witness takes checkpoints again", "witness", s.witness.Name())
	}
	s.fail = ""
	if err != nil {
		s.fail = err.Error()
	}
	return err
}
