package gateway

import (
	"sync"
	"time"
)

// lease is for how long the control plane's last word counts. It goes by the control plane's clock as it was measured on
// connecting, moved on by what this machine has lived through since, so that neither setting this machine's clock nor
// holding messages back makes it longer while the gateway runs. Across a restart the wall clock has to say how long that
// took (Link.recallHeartbeat): one that was set back to before the end counts for nothing, one that was set back by less
// makes the lease longer by as much. It is safe for concurrent use.
type lease struct {
	lived func() time.Duration // this machine's time, also while it sleeps; nobody can set it
	most  time.Duration        // bounds the limit; 0: the control plane's alone counts

	mu      sync.Mutex
	heard   time.Time     // when the newest heartbeat was issued
	limit   time.Duration // how long it counts
	control time.Time     // the control plane's time, at most, when lived was at
	at      time.Duration
}

// measured notes that the control plane answered at issued, by its clock, a question that was asked at lived time asked.
func (l *lease) measured(issued time.Time, asked time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.control, l.at = issued, asked
}

// renew notes a heartbeat. One that is older than another that was heard changes nothing.
func (l *lease) renew(issued time.Time, limit time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most > 0 {
		limit = min(limit, l.most)
	}
	if issued.After(l.heard) {
		l.heard, l.limit = issued, limit
	}
	if !l.control.IsZero() && l.nowLocked().Before(issued) { // this machine's time passes more slowly
		l.control, l.at = issued, l.lived()
	}
}

// left is how long the word counts yet; not positive: no longer.
func (l *lease) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heard.IsZero() || l.control.IsZero() {
		return 0
	}
	return l.limit - l.nowLocked().Sub(l.heard)
}

// now is the control plane's time, at most; zero when it was never measured.
func (l *lease) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.control.IsZero() {
		return time.Time{}
	}
	return l.nowLocked()
}

func (l *lease) nowLocked() time.Time { return l.control.Add(l.lived() - l.at) }

// word is when the newest heartbeat was issued, and how long it counts.
func (l *lease) word() (heard time.Time, limit time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.heard, l.limit
}
