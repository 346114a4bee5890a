package client

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// passOnAfter bounds the attempt at one gateway while others are left.
	passOnAfter = 4 * time.Second
	// A gateway that did not answer is tried after the others for this long, doubled with each failure up to the most.
	leastAvoided = 2 * time.Second
	mostAvoided  = time.Minute
)

// Routes finds a gateway for each connection: the one that served last, then the others in the server's order, those
// that failed a moment ago at the end. Every gateway is tried before a connection fails. Safe for concurrent use.
type Routes struct {
	dial func(ctx context.Context, resource, address string) (*GatewayConn, error)
	now  func() time.Time

	mu sync.Mutex // guards what follows
	// chosen is the gateway that served last, by the list that the server gave. A new list is a new choice: the server puts
	// gateways that are being drained at its end.
	chosen  map[string]string
	avoided map[string]avoidance
}

type avoidance struct {
	until time.Time
	pause time.Duration
}

// NewRoutes gives Routes that dial by d.
func NewRoutes(d *Dialer) *Routes {
	return &Routes{dial: d.Dial, now: time.Now, chosen: map[string]string{}, avoided: map[string]avoidance{}}
}

// Dial connects to the resource by one of the ways, which are gateways' addresses. When none leads there, the error is
// the first way's.
func (r *Routes) Dial(ctx context.Context, resource string, ways []string) (*GatewayConn, error) {
	var first error
	for _, address := range r.order(ways) {
		conn, err := r.try(ctx, resource, address, len(ways) > 1)
		if err == nil {
			r.succeeded(ways, address)
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		r.failed(address)
		if first == nil {
			first = err
		}
	}
	return nil, first
}

func (r *Routes) try(ctx context.Context, resource, address string, others bool) (*GatewayConn, error) {
	if others {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, passOnAfter)
		defer cancel()
	}
	return r.dial(ctx, resource, address)
}

// Retry forgets which gateways failed: the network is another one now, or the machine has slept.
func (r *Routes) Retry() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.avoided)
}

// Chosen is the gateway that served the ways last, or empty.
func (r *Routes) Chosen(ways []string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.chosen[listed(ways)]
}

func (r *Routes) order(ways []string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, preferred := r.now(), r.chosen[listed(ways)]
	rank := func(address string) int {
		switch {
		case now.Before(r.avoided[address].until):
			return 2
		case address != preferred:
			return 1
		}
		return 0
	}
	ordered := slices.Clone(ways)
	slices.SortStableFunc(ordered, func(a, b string) int { return rank(a) - rank(b) })
	return ordered
}

func (r *Routes) succeeded(ways []string, address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.avoided, address)
	r.chosen[listed(ways)] = address
}

func (r *Routes) failed(address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pause := min(max(2*r.avoided[address].pause, leastAvoided), mostAvoided)
	r.avoided[address] = avoidance{until: r.now().Add(pause), pause: pause}
}

func listed(ways []string) string { return strings.Join(ways, " ") }
