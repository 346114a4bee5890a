package admin

import (
	"time"

	"github.com/sallyport/sallyport/access"
)

// networkLimiter counts by the network of an address, so that somebody with an IPv6 network of their own is one.
type networkLimiter struct{ *access.Limiter }

// Blocked says how long the address has to wait; 0 when it need not.
func (l networkLimiter) Blocked(addr string, now time.Time) time.Duration {
	return l.Limiter.Blocked(networkOf(addr), now)
}

// Note counts a failure from the address.
func (l networkLimiter) Note(addr string, now time.Time) { l.Limiter.Note(networkOf(addr), now) }
