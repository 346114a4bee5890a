package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// RelayTarget says where the relay is, and how it and this gateway prove themselves to each other. It is asked anew for
// each connection.
type RelayTarget func() (address string, config *tls.Config, err error)

const (
	// relayReady is the number of connections that stand ready, and relayBurst how many more are opened at once when
	// clients wait.
	relayReady = 4
	relayBurst = 64
	// relayDial bounds the opening of one connection. It is long, because a relay that is followed by another program
	// lets connections wait meanwhile.
	relayDial = 15 * time.Second
	// After a failure nothing is dialled for a pause, doubled with each failure.
	leastRelayPause = 50 * time.Millisecond
	mostRelayPause  = 5 * time.Second
)

// RelayListener is the tunnel entrance of a gateway where nothing may listen: its connections are dialled to the relay,
// and are clients' as soon as the relay has one for them. Their RemoteAddr is the client's, by the relay's word.
type RelayListener struct {
	target RelayTarget
	log    *slog.Logger

	accepted chan net.Conn
	events   chan relayEvent
	ctx      context.Context // ends with Close
	close    context.CancelFunc
}

// relayEvent is what happened to a connection that is dialled or stands ready.
type relayEvent struct {
	connected bool  // it stands ready
	waiting   int   // it was taken; so many clients wait for others
	err       error // it broke, or could not be dialled
}

// NewRelayListener makes a listener that accepts nothing before Run.
func NewRelayListener(target RelayTarget, log *slog.Logger) *RelayListener {
	l := &RelayListener{target: target, log: log, accepted: make(chan net.Conn), events: make(chan relayEvent)}
	l.ctx, l.close = context.WithCancel(context.Background())
	return l
}

// Accept waits for a client.
func (l *RelayListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accepted:
		return c, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close ends what stands ready, and Accept and Run. Connections of clients go on.
func (l *RelayListener) Close() error {
	l.close()
	return nil
}

// Addr is no address: nothing listens.
func (l *RelayListener) Addr() net.Addr { return relayAddr{} }

type relayAddr struct{}

func (relayAddr) Network() string { return "relay" }
func (relayAddr) String() string  { return "dialled out" }

// Run keeps connections standing ready until Close.
func (l *RelayListener) Run() error {
	var standing sync.WaitGroup
	defer standing.Wait()
	var resume <-chan time.Time // nil: dialling
	var pause time.Duration
	up := false
	for open, wanted := 0, relayReady; ; {
		for ; resume == nil && open < wanted; open++ {
			standing.Go(func() { l.tell(l.stand()) })
		}
		select {
		case <-l.ctx.Done():
			return nil
		case <-resume:
			resume = nil
		case e := <-l.events:
			switch {
			case e.connected:
				if pause = 0; !up {
					up = true
					l.log.Info("relay reached")
				}
				continue
			case e.err == nil:
				open, wanted = open-1, relayReady+min(e.waiting, relayBurst)
				continue
			}
			open, wanted = open-1, relayReady
			if resume == nil {
				pause = min(max(2*pause, leastRelayPause), mostRelayPause)
				wait := pause/2 + rand.N(pause) //nolint:gosec // so that gateways that lost a relay together do not come together
				l.log.Warn("relay not reached: clients cannot come through it", "error", e.err, "retry_in", wait)
				resume, up = time.After(wait), false
			}
		}
	}
}

func (l *RelayListener) tell(e relayEvent) {
	select {
	case l.events <- e:
	case <-l.ctx.Done():
	}
}

// stand dials one connection and lets it stand until the relay has a client for it.
func (l *RelayListener) stand() relayEvent {
	t, err := l.dial()
	if err != nil {
		return relayEvent{err: err}
	}
	stop := context.AfterFunc(l.ctx, func() { _ = t.NetConn().Close() })
	client, waiting, err := awaitClient(t, func() { l.tell(relayEvent{connected: true}) })
	if !stop() || err != nil { // closed by Close, or broken
		_ = t.NetConn().Close()
		return relayEvent{err: errors.Join(err, l.ctx.Err())}
	}
	select {
	case l.accepted <- client:
	case <-l.ctx.Done():
		_ = client.Close()
	}
	return relayEvent{waiting: waiting}
}

func (l *RelayListener) dial() (*tls.Conn, error) {
	address, config, err := l.target()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(l.ctx, relayDial)
	defer cancel()
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}}
	raw, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("dial relay: %w", err)
	}
	config.MinVersion, config.NextProtos, config.DynamicRecordSizingDisabled = tls.VersionTLS13, []string{RelayALPN}, true
	t := tls.Client(Records(raw), config)
	if err := t.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("dial relay: %w", err)
	}
	if t.ConnectionState().NegotiatedProtocol != RelayALPN {
		_ = raw.Close()
		return nil, fmt.Errorf("the gateway at %s is no relay: its version is older than this one's", address)
	}
	return t, nil
}

// awaitClient answers the relay until it has a client. connected is called when the relay has spoken first.
func awaitClient(t *tls.Conn, connected func()) (net.Conn, int, error) {
	for first := true; ; first = false {
		if err := t.SetDeadline(time.Now().Add(relayPatience)); err != nil {
			return nil, 0, fmt.Errorf("set deadline: %w", err)
		}
		var kind [1]byte
		if _, err := io.ReadFull(t, kind[:]); err != nil {
			return nil, 0, fmt.Errorf("read from relay: %w", err)
		}
		var conn *relayedConn
		var waiting int
		switch kind[0] {
		case relayPinged:
		case relayTaken:
			header, from, err := readRelayHeader(t)
			if err != nil {
				return nil, 0, fmt.Errorf("read from relay: %w", err)
			}
			conn, waiting = &relayedConn{Conn: t, from: from, hello: bytes.NewReader(header.Hello)}, header.Waiting
		case relayRefused:
			return nil, 0, readRelayRefusal(t)
		default:
			return nil, 0, fmt.Errorf("the relay says %d, which this version does not know", kind[0])
		}
		if _, err := t.Write(kind[:]); err != nil {
			return nil, 0, fmt.Errorf("answer relay: %w", err)
		}
		if first {
			connected()
		}
		if conn != nil {
			return conn, waiting, t.SetDeadline(time.Time{})
		}
	}
}

// relayedConn is a client's connection that came by the relay.
type relayedConn struct {
	*tls.Conn
	from  net.Addr
	hello *bytes.Reader
}

// RemoteAddr is the client's address.
func (c *relayedConn) RemoteAddr() net.Addr { return c.from }

func (c *relayedConn) Read(b []byte) (int, error) {
	if c.hello.Len() > 0 {
		return c.hello.Read(b)
	}
	return c.Conn.Read(b)
}

// Close says the end, but does not wait for a relay that does not read.
func (c *relayedConn) Close() error {
	_ = c.SetWriteDeadline(time.Now().Add(writeGrace))
	return c.Conn.Close()
}
