package embedded

import (
	"context"
	"errors"
	"time"
)

const (
	// maxActiveBytes bounds the JSON of the rows in memory at which a segment is cut.
	maxActiveBytes = 64 << 20
	upkeepEvery    = time.Second
	upkeepRetry    = 5 * time.Second
)

// nudge tells the upkeep that there may be something to do.
func (ix *Index) nudge() {
	select {
	case ix.wake <- struct{}{}:
	default:
	}
}

// upkeep is the one goroutine that cuts, mends and merges segments, one thing at a time, until ctx ends. What takes long
// lets a cut go first whenever one is due.
func (ix *Index) upkeep(ctx context.Context) {
	timer := time.NewTimer(upkeepEvery)
	defer timer.Stop()
	for {
		pause := upkeepEvery
		if err := ix.upkeepOnce(ctx); err != nil && ctx.Err() == nil {
			ix.fail(err)
			pause = upkeepRetry
		} else {
			ix.count.trouble.Store(nil)
		}
		timer.Reset(pause)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-ix.wake:
			if pause == upkeepRetry {
				select {
				case <-ctx.Done():
					return
				case <-timer.C:
				}
			}
		}
	}
}

// upkeepOnce does what there is to do now.
func (ix *Index) upkeepOnce(ctx context.Context) error {
	for {
		if err := ix.cutIfDue(ctx); err != nil {
			return err
		}
		mended, err := ix.mend(ctx)
		if err != nil {
			return err
		}
		merged := false
		if !mended {
			if merged, err = ix.compact(ctx); err != nil {
				return err
			}
		}
		if !mended && !merged {
			return nil
		}
	}
}

// fail makes an error of the upkeep known, in the log once.
func (ix *Index) fail(err error) {
	text := err.Error()
	if before := ix.count.trouble.Swap(&text); before == nil {
		ix.o.Log.Error("the index cannot write its segments; trying again", "err", err)
	}
	// Whoever waits for room learns of it.
	ix.mu.Lock()
	defer ix.mu.Unlock()
	close(ix.room)
	ix.room = make(chan struct{})
}

// pace makes work that is not urgent take only its share of a core. It is called between blocks.
type pace struct {
	share float64
	begun time.Time
}

func newPace(share float64) pace { return pace{share, time.Now()} }

// rest sleeps in proportion to the time since the last rest.
func (p *pace) rest(ctx context.Context) error {
	if p.share < 1 {
		worked := time.Since(p.begun)
		timer := time.NewTimer(time.Duration(float64(worked) * (1 - p.share) / p.share))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	p.resume()
	return ctx.Err()
}

// resume begins to count the work's time anew.
func (p *pace) resume() { p.begun = time.Now() }

var errChanged = errors.New("the segments have changed meanwhile")
