package proxy

import (
	"net"
	"sync"
)

// recordConn lies between TLS and its socket and sends all records of one write in one system call: crypto/tls itself
// writes each record, of 16 KiB at most, by itself.
type recordConn struct {
	net.Conn

	mu      sync.Mutex
	holding bool
	held    []byte
}

// Records is a connection for TLS to run on, so that a Stream over that TLS, its handshake done, writes its records
// together.
func Records(conn net.Conn) net.Conn { return &recordConn{Conn: conn} }

// writeThrough writes b by way of t, the TLS above, and then everything that TLS made of it.
func (c *recordConn) writeThrough(t net.Conn, b []byte) (int, error) {
	if len(b) <= maxRecord {
		return t.Write(b) // one record: there is nothing to put together
	}
	c.hold(true)
	n, err := t.Write(b)
	if flushErr := c.flush(); err == nil {
		err = flushErr
	}
	return n, err
}

// maxRecord is how much one TLS record carries, in bytes (RFC 8446, section 5.1).
const maxRecord = 16 << 10

func (c *recordConn) hold(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = on
}

func (c *recordConn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = false
	_, err := c.Conn.Write(c.held)
	if c.held = c.held[:0]; cap(c.held) > maxHeld {
		c.held = nil
	}
	return err
}

// maxHeld bounds the memory that a connection keeps for its next large write, in bytes.
const maxHeld = 2 * chunkSize

// Write implements net.Conn for TLS.
func (c *recordConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.holding {
		return c.Conn.Write(b)
	}
	c.held = append(c.held, b...)
	return len(b), nil
}
