package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/sallyport/sallyport/proxy"
)

// killTimeout bounds the cancelling of a statement that runs while its session is ended; cancelAgain is how long it may
// run on before it is cancelled again.
const (
	killTimeout = 2 * time.Second
	cancelAgain = 100 * time.Millisecond
)

// link is a client whose store is open.
type link struct {
	client      *client
	store       *storeConn
	cancelStore func(context.Context) error
}

// Relay implements proxy.Link.
func (l *link) Relay(ctx context.Context, gate *proxy.Gate) error {
	conn := l.client.conn
	key, remove := l.client.protocol.cancels.add(l.store.pid, conn.Identity(), l.cancelStore)
	defer remove()
	if _, err := conn.Write(l.welcome(key)); err != nil {
		return fmt.Errorf("welcome client: %w", err)
	}
	r := newRelay(ctx, gate, l.client.protocol.facts, conn, conn.NewStream(l.store.conn), l.client.protocol.messageLimit,
		l.cancelStore)
	err := r.run(l.store.buffered)
	l.client.garbled = r.midway
	if ctx.Err() != nil { // ended from outside: what runs at the store must not run on
		cancelling, done := context.WithTimeout(context.WithoutCancel(ctx), killTimeout)
		defer done()
		l.stop(cancelling)
	}
	return err
}

// stop makes the store end what runs, and with it the session, until ctx ends. A cancel request that overtakes its
// statement is lost, so it is repeated until the store has closed the connection.
func (l *link) stop(ctx context.Context) {
	if c, ok := l.store.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
	for ctx.Err() == nil {
		_ = l.cancelStore(ctx)
		_ = l.store.conn.SetReadDeadline(time.Now().Add(cancelAgain))
		if _, err := io.Copy(io.Discard, l.store.conn); !proxy.Interrupted(err) {
			return
		}
	}
}

// welcome is what a client reads when it is in: the store's own parameters, and a cancel key of the gateway's.
func (l *link) welcome(key []byte) []byte {
	b := appendMessage(nil, 'R', []byte{0, 0, 0, 0})
	for _, p := range l.store.parameters {
		b = appendMessage(b, 'S', []byte(p.name), []byte{0}, []byte(p.value), []byte{0})
	}
	b = appendMessage(b, 'K', binary.BigEndian.AppendUint32(nil, l.store.pid), key)
	for _, notice := range l.store.notices {
		b = append(b, notice...)
	}
	return appendMessage(b, 'Z', []byte{l.store.txStatus})
}

// Close implements proxy.Link.
func (l *link) Close() error { return l.store.conn.Close() }
