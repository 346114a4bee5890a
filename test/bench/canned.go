package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	rowBytes       = 100       // payload of one row
	cannedChunk    = 256 << 10 // what the canned server hands to the kernel at once
	cannedMaxFrame = 1 << 20
)

// cannedServer speaks enough of PostgreSQL's protocol to answer "select pad from rows limit N" from memory, as
// fast as a socket takes it, and any other simple query with nothing. It asks for no password.
type cannedServer struct {
	listener net.Listener
	greeting []byte
	chunk    []byte // whole rows
	rows     int    // in chunk
	open     sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]struct{}
}

func startCanned() (*cannedServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the canned server: %w", err)
	}
	s := &cannedServer{listener: listener, conns: make(map[net.Conn]struct{})}
	if s.greeting, err = encode(
		&pgproto3.AuthenticationOk{},
		&pgproto3.ParameterStatus{Name: "server_version", Value: "15.0"},
		&pgproto3.ParameterStatus{Name: "server_encoding", Value: "UTF8"},
		&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"},
		&pgproto3.ParameterStatus{Name: "DateStyle", Value: "ISO, MDY"},
		&pgproto3.ParameterStatus{Name: "TimeZone", Value: "UTC"},
		&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"},
		&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: 1},
		&pgproto3.ReadyForQuery{TxStatus: 'I'},
	); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	row, err := encode(&pgproto3.DataRow{Values: [][]byte{[]byte(strings.Repeat("x", rowBytes))}})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	for len(s.chunk)+len(row) <= cannedChunk {
		s.chunk = append(s.chunk, row...)
		s.rows++
	}
	s.open.Go(s.accept)
	return s, nil
}

func (s *cannedServer) addr() string { return s.listener.Addr().String() }

// close cuts every connection and waits for its goroutine.
func (s *cannedServer) close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for conn := range s.conns {
		_ = conn.Close() // the peer may have closed it before
	}
	s.mu.Unlock()
	s.open.Wait()
	return err
}

func (s *cannedServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.mu.Lock()
		s.conns[conn] = struct{}{}
		s.mu.Unlock()
		s.open.Go(func() {
			_ = s.serve(conn) // how a connection ended is seen by its client
			_ = conn.Close()
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		})
	}
}

// serve greets the client and answers its queries until it leaves.
func (s *cannedServer) serve(conn net.Conn) error {
	in := bufio.NewReader(conn)
	for {
		body, err := readBody(in)
		if err != nil {
			return err
		}
		const sslRequest, gssRequest = 80877103, 80877104
		code := binary.BigEndian.Uint32(body)
		if code != sslRequest && code != gssRequest {
			break
		}
		if _, err := conn.Write([]byte{'N'}); err != nil {
			return fmt.Errorf("refuse encryption: %w", err)
		}
	}
	if _, err := conn.Write(s.greeting); err != nil {
		return fmt.Errorf("greet: %w", err)
	}
	for {
		kind, err := in.ReadByte()
		if err != nil {
			return fmt.Errorf("read message: %w", err)
		}
		body, err := readBody(in)
		if err != nil {
			return err
		}
		switch kind {
		case 'Q':
			err = s.answer(conn, strings.TrimRight(string(body), "\x00"))
		case 'X':
			return nil
		default:
			err = fmt.Errorf("message %q is none that the canned server knows", kind)
		}
		if err != nil {
			return err
		}
	}
}

// answer sends the rows that the query's last word asks for.
func (s *cannedServer) answer(conn net.Conn, query string) error {
	rows := 0
	if text, ok := strings.CutPrefix(query, "select pad from rows limit "); ok {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			return fmt.Errorf("read limit: %w", err)
		}
	}
	head, err := encode(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{
		{Name: []byte("pad"), DataTypeOID: 25, DataTypeSize: -1, TypeModifier: -1},
	}})
	if err != nil {
		return err
	}
	if _, err := conn.Write(head); err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	for left := rows; left > 0; {
		n := min(left, s.rows)
		if _, err := conn.Write(s.chunk[:n*len(s.chunk)/s.rows]); err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
		left -= n
	}
	end, err := encode(&pgproto3.CommandComplete{CommandTag: fmt.Appendf(nil, "SELECT %d", rows)},
		&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err != nil {
		return err
	}
	if _, err := conn.Write(end); err != nil {
		return fmt.Errorf("write end of rows: %w", err)
	}
	return nil
}

// readBody reads a message's length and what follows it; at least four bytes.
func readBody(in *bufio.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, fmt.Errorf("read message length: %w", err)
	}
	size := binary.BigEndian.Uint32(head[:])
	if size < 4 || size > cannedMaxFrame {
		return nil, fmt.Errorf("message length %d is out of bounds", size)
	}
	body := make([]byte, max(4, size-4))
	if _, err := io.ReadFull(in, body[:size-4]); err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	return body[:max(4, size-4)], nil
}

func encode(messages ...pgproto3.BackendMessage) ([]byte, error) {
	var out []byte
	for _, m := range messages {
		var err error
		if out, err = m.Encode(out); err != nil {
			return nil, fmt.Errorf("encode message: %w", err)
		}
	}
	return out, nil
}
