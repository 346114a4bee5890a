package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Tunnel carries the connections of local listeners to one resource, each in a TLS connection of its own.
type Tunnel struct {
	// Resource names it, for Trouble.
	Resource string
	// Dial opens a connection to the resource.
	Dial func(ctx context.Context) (Conn, error)
	// Report is told why a connection could not be opened or broke; it must be safe for concurrent use. A connection that
	// the client itself broke is not reported.
	Report func(resource string, err error)

	open atomic.Int64
}

// Conn is a connection whose sending side can be closed alone, as TCP, Unix and TLS connections can.
type Conn interface {
	net.Conn
	CloseWrite() error
}

const (
	copyBuffer = 64 << 10 // bytes, one for each direction of a connection
	// lastWords bounds how long the gateway's remaining bytes are passed on after it stopped taking ours; they tell why.
	lastWords = 5 * time.Second
)

// Open counts the connections that are open now.
func (t *Tunnel) Open() int { return int(t.open.Load()) }

// Serve accepts connections until l is closed, then waits until those that are open have ended. When ctx ends, l and
// all connections are closed at once.
func (t *Tunnel) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var connections sync.WaitGroup
	defer connections.Wait()
	for pause := time.Duration(0); ; {
		conn, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil: // out of file descriptors, mostly: it passes when connections end
			t.Report(t.Resource, fmt.Errorf("accept connection: %w", err))
			pause = min(max(2*pause, 10*time.Millisecond), time.Second)
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			continue
		}
		pause = 0
		local, ok := conn.(Conn)
		if !ok {
			_ = conn.Close()
			return fmt.Errorf("serve %s: connections of %T cannot be half closed", t.Resource, l)
		}
		t.open.Add(1)
		connections.Go(func() {
			defer t.open.Add(-1)
			t.carry(ctx, local)
		})
	}
}

// carry opens the way for one local connection and passes bytes until both directions have ended.
func (t *Tunnel) carry(ctx context.Context, local Conn) {
	defer func() { _ = local.Close() }()
	gateway, err := t.Dial(ctx)
	if err != nil {
		if ctx.Err() == nil {
			t.Report(t.Resource, err)
		}
		return
	}
	defer func() { _ = gateway.Close() }()
	stop := context.AfterFunc(ctx, func() {
		_ = local.Close()
		_ = gateway.Close()
	})
	defer stop()
	if err := pass(local, gateway); err != nil && ctx.Err() == nil {
		t.Report(t.Resource, explainBreak(err, t.Resource, gateway.RemoteAddr()))
	}
}

// pass copies both ways until both directions have ended, handing on half closes. It returns an error when the
// gateway's side broke; a local client that breaks off just ends it.
func pass(local, gateway Conn) error {
	var broken error // why the gateway took no more bytes
	var up sync.WaitGroup
	up.Go(func() {
		read, write := copyBytes(gateway, local)
		switch {
		case read != nil:
			_ = gateway.Close()
		case write != nil:
			// What the gateway still has to say arrives by the other direction; its end is the end of both.
			broken = write
			_ = gateway.SetReadDeadline(time.Now().Add(lastWords))
		default:
			_ = gateway.CloseWrite() // if it fails, so does the other direction
		}
	})
	read, write := copyBytes(local, gateway)
	if read == nil && write == nil {
		_ = local.CloseWrite() // if it fails, the client is gone and its own direction ends
	} else {
		_ = local.Close()
		_ = gateway.Close()
	}
	up.Wait()
	if write != nil || errors.Is(read, net.ErrClosed) { // the client went first
		read = nil
	}
	if broken != nil && errors.Is(read, os.ErrDeadlineExceeded) { // no last words came
		return broken
	}
	return read
}

// copyBytes copies from src to dst until src ends, and says apart which side failed. io.Copy would not say it.
func copyBytes(dst io.Writer, src io.Reader) (read, write error) {
	buffer := make([]byte, copyBuffer)
	for {
		n, err := src.Read(buffer)
		if n > 0 {
			if _, err := dst.Write(buffer[:n]); err != nil {
				return nil, err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return err, nil
		}
	}
}
