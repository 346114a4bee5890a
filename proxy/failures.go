package proxy

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// The bounds on failed sign-ins from one address: ten at once, then one in six seconds; addresses are
// remembered for ten minutes, and the oldest forgotten above maxFailing.
const (
	failureBurst    = 10
	failureInterval = 6 * time.Second
	failureMemory   = 10 * time.Minute
	maxFailing      = 100_000
)

// failures counts failed sign-ins by address, so that tokens cannot be guessed at speed.
type failures struct {
	mu    sync.Mutex
	hosts map[string]*failing
}

type failing struct {
	limiter *rate.Limiter
	last    time.Time
}

func newFailures() *failures { return &failures{hosts: make(map[string]*failing)} }

// blocked says how long the address has to wait; 0 when it may try.
func (f *failures) blocked(addr net.Addr) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.hosts[host(addr)]
	if h == nil || h.limiter.Tokens() >= 1 {
		return 0
	}
	return failureInterval
}

// note counts one failure.
func (f *failures) note(addr net.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.hosts[host(addr)]
	if h == nil {
		if len(f.hosts) >= maxFailing {
			return
		}
		h = &failing{limiter: rate.NewLimiter(rate.Every(failureInterval), failureBurst)}
		f.hosts[host(addr)] = h
	}
	h.last = time.Now()
	h.limiter.Allow()
}

// forget drops addresses that have been quiet.
func (f *failures) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, h := range f.hosts {
		if time.Since(h.last) > failureMemory {
			delete(f.hosts, name)
		}
	}
}

// host is what counts as one address: for IPv6 the network of 64 bits that one subscriber has.
func host(addr net.Addr) string {
	name, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip, err := netip.ParseAddr(name); err == nil && ip.Is6() && !ip.Is4In6() {
		if network, err := ip.WithZone("").Prefix(64); err == nil {
			return network.String()
		}
	}
	return name
}
