package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/proxy"
)

// killTimeout bounds the cancelling of a statement that runs while its session is ended.
const killTimeout = 2 * time.Second

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
	r := newRelay(ctx, gate, conn, conn.NewStream(l.store.conn), l.client.protocol.messageLimit)
	err := r.run(l.store.buffered)
	l.client.garbled = r.toClient.skip > 0
	if ctx.Err() != nil { // ended from outside: what runs at the store must not run on
		cancelling, done := context.WithTimeout(context.WithoutCancel(ctx), killTimeout)
		defer done()
		_ = l.cancelStore(cancelling)
	}
	return err
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
