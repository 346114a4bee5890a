package admin

import (
	"cmp"
	"maps"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// lockout makes guessing slow: each key has some attempts free, and then waits twice as long after each further one, up
// to a limit. Attempts count when they begin, so that many at once gain nothing, and are forgiven when they succeed.
type lockout struct {
	free  int           // attempts without a wait
	limit time.Duration // the longest wait
	quiet time.Duration // after that long without an attempt a key begins anew

	mu   sync.Mutex
	keys map[string]attempts
}

type attempts struct {
	count  int
	turned int // turned away since the last that counted
	at     time.Time
}

const (
	// maxLockoutKeys bounds memory.
	maxLockoutKeys = 10_000
	// firstWait is the wait after the first attempt that is not free.
	firstWait = time.Second
)

func newLockout(free int, limit time.Duration) *lockout {
	return &lockout{free: free, limit: limit, quiet: 24 * time.Hour, keys: map[string]attempts{}}
}

// attempt counts one for the key, unless it has to wait: then it gives the wait, and only notes that one was turned
// away. turned is how many were since the last that counted.
func (l *lockout) attempt(key string, now time.Time) (wait time.Duration, turned int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, known := l.keys[key]
	if known && now.Sub(a.at) >= l.quiet {
		a = attempts{}
	}
	if left := a.at.Add(l.pause(a.count)).Sub(now); left > 0 && a.count > 0 {
		a.turned++
		l.keys[key] = a
		return left, a.turned
	}
	if !known && len(l.keys) >= maxLockoutKeys {
		l.forget(now)
	}
	turned = a.turned
	l.keys[key] = attempts{count: a.count + 1, at: now}
	return 0, turned
}

// pause is the wait after that many attempts.
func (l *lockout) pause(count int) time.Duration {
	over := count - l.free
	if over < 0 {
		return 0
	}
	return time.Duration(min(float64(l.limit), float64(firstWait)*math.Pow(2, float64(over))))
}

// giveBack takes an attempt back that was not judged after all.
func (l *lockout) giveBack(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a, ok := l.keys[key]; ok && a.count > 0 {
		a.count--
		l.keys[key] = a
	}
}

// forgive forgets the key's attempts.
func (l *lockout) forgive(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.keys, key)
}

// forget makes room: what is quiet goes first, then who has tried least, so that a flood of names does not bring a key
// under attack back to its beginning.
func (l *lockout) forget(now time.Time) {
	maps.DeleteFunc(l.keys, func(_ string, a attempts) bool { return now.Sub(a.at) >= l.quiet })
	if len(l.keys) < maxLockoutKeys {
		return
	}
	byCount := slices.SortedFunc(maps.Keys(l.keys), func(a, b string) int { return cmp.Compare(l.keys[a].count, l.keys[b].count) })
	for _, key := range byCount[:maxLockoutKeys/2] {
		delete(l.keys, key)
	}
}

// networkOf is the address without its port; of IPv6 the /64, because one machine has as many addresses there as it
// likes.
func networkOf(addr string) string {
	host := hostOf(addr)
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if ip = ip.Unmap(); ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return host
	}
	return prefix.String()
}
