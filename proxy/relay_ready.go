package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// relays are the connections that gateways behind this one have dialled, and the clients that wait for one.
type relays struct {
	directory RelayDirectory
	tls       *tls.Config

	mu      sync.Mutex // guards what follows
	conns   map[*relayConn]struct{}
	ready   []*relayConn   // the longest ready first
	waiters []*relayWaiter // first come, first served
	closed  bool
}

// relayConn is a connection that a gateway behind has dialled. Whoever takes it releases it.
type relayConn struct {
	*tls.Conn
	gateway     string
	certificate *x509.Certificate
	taken       chan struct{} // closed when a client has it
	released    chan struct{} // closed when the client is done with it
}

type relayWaiter struct {
	gateways []string
	got      chan *relayConn // holds one
}

func newRelays(d RelayDirectory, config *tls.Config) *relays {
	return &relays{directory: d, tls: config, conns: map[*relayConn]struct{}{}}
}

// enter counts a connection, unless its gateway has enough.
func (r *relays) enter(c *relayConn) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	standing := 0
	for _, other := range r.ready {
		if other.gateway == c.gateway {
			standing++
		}
	}
	switch {
	case r.closed:
		return errors.New("this gateway is being stopped")
	case standing >= relayMost:
		return fmt.Errorf("%d connections of the gateway %s stand ready already", standing, c.gateway)
	}
	r.conns[c] = struct{}{}
	return nil
}

func (r *relays) leave(c *relayConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

func (r *relays) all() []*relayConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	conns := make([]*relayConn, 0, len(r.conns))
	for c := range r.conns {
		conns = append(conns, c)
	}
	return conns
}

// offer gives the connection to the client that waits longest for its gateway, or lets it stand ready.
func (r *relays) offer(c *relayConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, w := range r.waiters {
		if slices.Contains(w.gateways, c.gateway) {
			r.waiters = slices.Delete(r.waiters, i, i+1)
			close(c.taken)
			w.got <- c
			return
		}
	}
	r.ready = append(r.ready, c)
	if r.closed {
		_ = c.NetConn().Close()
	}
}

// withdraw takes the connection back from those that stand ready; false means that a client has it.
func (r *relays) withdraw(c *relayConn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.ready, c)
	if i >= 0 {
		r.ready = slices.Delete(r.ready, i, i+1)
	}
	return i >= 0
}

// take gets a connection to one of the gateways, waiting for one until ctx ends.
func (r *relays) take(ctx context.Context, gateways []string) (*relayConn, error) {
	r.mu.Lock()
	for i, c := range r.ready {
		if slices.Contains(gateways, c.gateway) {
			r.ready = slices.Delete(r.ready, i, i+1)
			close(c.taken)
			r.mu.Unlock()
			return c, nil
		}
	}
	w := &relayWaiter{gateways: gateways, got: make(chan *relayConn, 1)}
	r.waiters = append(r.waiters, w)
	r.mu.Unlock()
	select {
	case c := <-w.got:
		return c, nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	i := slices.Index(r.waiters, w)
	if i >= 0 {
		r.waiters = slices.Delete(r.waiters, i, i+1)
	}
	r.mu.Unlock()
	if i < 0 { // it came at the last moment
		return <-w.got, nil
	}
	return nil, fmt.Errorf("no connection to %v: %w", gateways, ctx.Err())
}

// waitingFor counts the clients that wait for the gateway.
func (r *relays) waitingFor(gateway string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.waiters {
		if slices.Contains(w.gateways, gateway) {
			n++
		}
	}
	return n
}

// close ends what stands ready, so that the gateways behind dial whoever follows this program.
func (r *relays) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, c := range r.ready {
		_ = c.NetConn().Close()
	}
}

// hand tells the gateway behind of a client, and waits until it has taken it.
func (c *relayConn) hand(h relayHeader) error {
	if err := c.SetDeadline(time.Now().Add(relayAnswer)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	frame, err := h.frame()
	if err != nil {
		return err
	}
	if err := c.exchange(frame, relayTaken); err != nil {
		return err
	}
	return c.SetDeadline(time.Time{})
}

// ping looks whether the gateway behind still answers.
func (c *relayConn) ping() error {
	if time.Now().After(c.certificate.NotAfter) {
		return fmt.Errorf("relay: the certificate of %s has expired", c.gateway)
	}
	if err := c.SetDeadline(time.Now().Add(relayAnswer)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	if err := c.exchange([]byte{relayPinged}, relayPinged); err != nil {
		return err
	}
	return c.SetDeadline(time.Time{})
}

func (c *relayConn) exchange(frame []byte, want byte) error {
	if _, err := c.Write(frame); err != nil {
		return fmt.Errorf("write to %s: %w", c.gateway, err)
	}
	var answer [1]byte
	if _, err := c.Read(answer[:]); err != nil {
		return fmt.Errorf("read from %s: %w", c.gateway, err)
	}
	if answer[0] != want {
		return fmt.Errorf("%s answers %d, not %d", c.gateway, answer[0], want)
	}
	return nil
}

// release closes the connection that a client had.
func (c *relayConn) release() {
	_ = c.NetConn().Close()
	close(c.released)
}
