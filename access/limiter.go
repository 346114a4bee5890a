package access

import (
	"sync"
	"time"
)

// maxLimited bounds the keys that a limiter remembers.
const maxLimited = 10_000

// Limiter counts failures by key: burst of them at once, and one more for each pause that passes. It is safe for
// concurrent use.
type Limiter struct {
	burst float64
	pause time.Duration

	mu   sync.Mutex
	keys map[string]debt
}

// debt is how many failures weigh on a key as of a moment.
type debt struct {
	failures float64
	at       time.Time
}

// NewLimiter makes a limiter.
func NewLimiter(burst int, pause time.Duration) *Limiter {
	return &Limiter{burst: float64(burst), pause: pause, keys: map[string]debt{}}
}

// Blocked says how long the key has to wait; 0 when it need not.
func (l *Limiter) Blocked(key string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	over := l.present(key, now) + 1 - l.burst
	if over <= 0 {
		return 0
	}
	return time.Duration(over * float64(l.pause))
}

// Note counts a failure.
func (l *Limiter) Note(key string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.keys[key]; !known && len(l.keys) >= maxLimited {
		l.forget(now)
	}
	l.keys[key] = debt{failures: l.present(key, now) + 1, at: now}
}

func (l *Limiter) present(key string, now time.Time) float64 {
	d, ok := l.keys[key]
	if !ok {
		return 0
	}
	return max(0, d.failures-float64(now.Sub(d.at))/float64(l.pause))
}

// forget drops the keys that owe nothing; when all still owe, it drops some, since memory is bounded first.
func (l *Limiter) forget(now time.Time) {
	for key := range l.keys {
		if l.present(key, now) == 0 {
			delete(l.keys, key)
		}
	}
	for key := range l.keys {
		if len(l.keys) < maxLimited/2 {
			return
		}
		delete(l.keys, key)
	}
}
