package many

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// tailAgain is the pause before a source whose tail has failed is followed again.
const tailAgain = time.Second

// errEmit is what the caller's emit has returned.
type errEmit struct{ error }

// Tail implements audit.Searcher. It follows sources that are added later as well. What a source has while its tail fails
// is not told.
func (ix *Index) Tail(ctx context.Context, text string, emit func(audit.Event) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var one sync.Mutex // emit is called by one source at a time
	emitOne := func(e audit.Event) error {
		one.Lock()
		defer one.Unlock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := emit(e); err != nil {
			return errEmit{err}
		}
		return nil
	}
	var tails sync.WaitGroup
	defer tails.Wait()
	followed := map[string]bool{}
	for {
		ix.mu.RLock()
		sources, added := ix.sources, ix.added
		ix.mu.RUnlock()
		for _, s := range sources {
			if followed[s.name] {
				continue
			}
			followed[s.name] = true
			tails.Go(func() {
				if err := s.follow(ctx, text, emitOne); err != nil {
					cancel(err)
				}
			})
		}
		select {
		case <-added:
		case <-ctx.Done():
			var emitted errEmit
			if err := context.Cause(ctx); errors.As(err, &emitted) {
				return emitted.error
			} else if err != nil {
				return err
			}
			return ctx.Err()
		}
	}
}

// follow follows one source until ctx ends. Its error is one that ends the whole: emit's, or that of a text that cannot be
// understood.
func (s named) follow(ctx context.Context, text string, emit func(audit.Event) error) error {
	for {
		err := s.Tail(ctx, text, emit)
		var emitted errEmit
		var syntax *audit.SyntaxError
		if ctx.Err() != nil || errors.As(err, &emitted) || errors.As(err, &syntax) {
			return err
		}
		timer := time.NewTimer(tailAgain)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
