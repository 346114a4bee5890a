package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

const drainBuffer = 256 << 10

// discardQuery runs a simple query and throws its answer away, walking from header to header, so that the client
// costs little beside what it measures. It returns the bytes received.
func discardQuery(conn *pgconn.PgConn, query string) (int64, error) {
	message, err := (&pgproto3.Query{String: query}).Encode(nil)
	if err != nil {
		return 0, fmt.Errorf("encode query: %w", err)
	}
	if _, err := conn.Conn().Write(message); err != nil {
		return 0, fmt.Errorf("send query: %w", err)
	}
	d := drain{in: conn.Conn(), buffer: make([]byte, drainBuffer)}
	if err := d.untilReady(); err != nil {
		return 0, err
	}
	return d.received, nil
}

// drain reads the server's messages and keeps none.
type drain struct {
	in       io.Reader
	buffer   []byte
	have     []byte // unread part of buffer
	received int64
}

// untilReady reads up to ReadyForQuery; an ErrorResponse before it is an error.
func (d *drain) untilReady() error {
	for {
		if err := d.fill(5); err != nil {
			return err
		}
		kind, size := d.have[0], int(binary.BigEndian.Uint32(d.have[1:5]))+1
		if kind == 'E' {
			if err := d.fill(min(size, len(d.buffer))); err != nil {
				return err
			}
			return fmt.Errorf("the server answered with an error: %q", bytes.ReplaceAll(d.have[5:min(size, len(d.have))], []byte{0}, []byte{' '}))
		}
		if err := d.skip(size); err != nil {
			return err
		}
		if kind == 'Z' {
			return nil
		}
	}
}

// fill reads until at least n bytes are there; n is at most the buffer's size.
func (d *drain) fill(n int) error {
	for len(d.have) < n {
		if cap(d.have) < n {
			d.have = d.buffer[:copy(d.buffer, d.have)]
		}
		got, err := d.in.Read(d.have[len(d.have):cap(d.have)])
		if err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		d.have = d.have[:len(d.have)+got]
		d.received += int64(got)
	}
	return nil
}

// skip passes over n bytes, which may be more than the buffer holds.
func (d *drain) skip(n int) error {
	for n > len(d.have) {
		n -= len(d.have)
		d.have = d.buffer[:0]
		if err := d.fill(1); err != nil {
			return err
		}
	}
	d.have = d.have[n:]
	return nil
}

// rowReader yields rows of rowBytes bytes, line end included, until left is used up.
type rowReader struct{ left int64 }

// Read implements io.Reader. It expects a buffer of at least one row.
func (r *rowReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p))/rowBytes*rowBytes, r.left)
	if n == 0 {
		return 0, io.ErrShortBuffer
	}
	for i := int64(0); i < n; i += rowBytes {
		row := p[i : i+rowBytes]
		for j := range row {
			row[j] = 'x'
		}
		row[rowBytes-1] = '\n'
	}
	r.left -= n
	return int(n), nil
}
