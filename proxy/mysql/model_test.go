package mysql

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/redact"
)

// memoryRecord is a journal in memory that can be told to refuse.
type memoryRecord struct {
	mu      sync.Mutex
	refuse  func(i int) bool // whether the i-th Append fails
	tries   int
	events  []audit.Event // statements, in order
	results []audit.Event
}

func (m *memoryRecord) Append(e *audit.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.tries
	m.tries++
	if m.refuse != nil && m.refuse(i) {
		return fmt.Errorf("%w: by the test", audit.ErrUnavailable)
	}
	e.ID = fmt.Sprint(i)
	c := *e
	c.Statement = audit.Text{Bytes: bytes.Clone(e.Statement.Bytes)}
	c.Params = nil
	for _, p := range e.Params {
		p.Value = bytes.Clone(p.Value)
		c.Params = append(c.Params, p)
	}
	m.events = append(m.events, c)
	return nil
}

func (m *memoryRecord) Post(e *audit.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.results = append(m.results, *e)
	return nil
}

// passed are the statements that were not refused.
func (m *memoryRecord) passed() []audit.Event {
	return slices.DeleteFunc(slices.Clone(m.events), func(e audit.Event) bool { return e.Verdict == audit.Deny })
}

func (m *memoryRecord) Durable() uint64                            { return 1 << 60 }
func (m *memoryRecord) AwaitDurable(context.Context, uint64) error { return nil }
func (m *memoryRecord) Hasten()                                    {}

// writerConn is a connection that can only be written.
type writerConn struct {
	net.Conn
	write func([]byte) (int, error)
}

func (c writerConn) Write(b []byte) (int, error)     { return c.write(b) }
func (c writerConn) SetReadDeadline(time.Time) error { return nil }
func (c writerConn) Close() error                    { return nil }

// bench is a relay without sockets: a test gives it what each side sends.
type bench struct {
	relay    *relay
	record   *memoryRecord
	toClient bytes.Buffer
	rest     []byte // of the store
}

func newBench(store func([]byte) (int, error), limit int, c, m capability) *bench {
	b := &bench{record: &memoryRecord{}}
	gate := proxy.NewGate(b.record, audit.Scope{Resource: "r", Protocol: "mysql"},
		&access.Permit{Resource: access.Resource{Durability: access.Interval}}, redact.Builtin(nil))
	protocol := New(Options{MessageLimit: limit})
	l := &link{client: &client{protocol: protocol, conn: proxy.NewConn(writerConn{write: b.toClient.Write}, true), capabilities: c, mariadb: m},
		store: &storeConn{Conn: writerConn{write: store}, capabilities: c, mariadb: m}}
	b.relay = newRelay(context.Background(), gate, l)
	return b
}

// fromStore pushes bytes as the store's pump does.
func (b *bench) fromStore(chunk []byte) error {
	b.rest = append(b.rest, chunk...)
	used, err := b.relay.fromStore(b.rest)
	b.rest = bytes.Clone(b.rest[used:])
	return err
}

// toyStore takes commands and answers each at once. It checks that what runs there is in the record.
type toyStore struct {
	t        testing.TB
	bench    *bench
	in       []byte
	took     []byte // all that it got
	ran      int    // commands that are to be recorded
	prepared int
}

func newToy(t testing.TB, limit int, c, m capability) *toyStore {
	s := &toyStore{t: t}
	s.bench = newBench(s.write, limit, c, m)
	return s
}

// write is called with what the relay sends.
func (s *toyStore) write(b []byte) (int, error) {
	s.took = append(s.took, b...)
	s.in = append(s.in, b...)
	for {
		c, err := measure(s.in, 1<<30)
		if err != nil {
			s.t.Fatalf("the store gets packets out of order: %q", s.in)
		}
		if !c.whole {
			return len(b), nil
		}
		payload := bytes.Clone(c.payload(s.in[:c.size]))
		s.in = s.in[c.size:]
		if answer := s.command(payload); answer != nil {
			if err := s.bench.fromStore(appendPacket(nil, byte(c.packets), answer)); err != nil {
				s.t.Fatalf("the answer to %q: %v", payload, err)
			}
		}
	}
}

// command gives the answer to a command, after a look whether it is recorded.
func (s *toyStore) command(payload []byte) []byte {
	kind, body := payload[0], payload[1:]
	ok := []byte{packetOK, 1, 0, 2, 0, 0, 0}
	switch kind {
	case comQuit, comStmtClose, comStmtSendLongData:
		return nil
	case comPing, comStmtReset:
		return ok
	}
	events := s.bench.record.passed()
	if s.ran++; len(events) < s.ran {
		s.t.Fatalf("command %q runs before its record", payload)
	}
	said := events[len(events)-1]
	switch kind {
	case comQuery, comStmtPrepare:
		text := said.Statement.Bytes
		if kind == comQuery && s.bench.relay.capabilities.has(capQueryAttributes) {
			body = body[max(0, len(body)-len(text)):] // attributes come before it
		}
		if !bytes.Equal(text, body) && !bytes.Contains(text, []byte("[redacted")) {
			s.t.Fatalf("%q runs and %q is recorded", body, text)
		}
	case comStmtFetch:
		return []byte{packetEOF, 0, 0, 2, 0, 0, 0}
	}
	if kind != comStmtPrepare {
		return ok
	}
	s.prepared++
	answer := binary.LittleEndian.AppendUint32([]byte{packetOK}, uint32(s.prepared))
	if bytes.HasPrefix(body, []byte("bad")) {
		return []byte{packetError, 0x28, 4, '#', '4', '2', '0', '0', '0', 'n', 'o'}
	}
	params := bytes.Count(body, []byte("?"))
	answer = append(answer, 0, 0, byte(params), byte(params>>8), 0, 0, 0)
	if params == 0 {
		return answer
	}
	// Definitions follow: they are sent here, so that write sends the last one.
	if err := s.bench.fromStore(appendPacket(nil, 1, answer)); err != nil {
		s.t.Fatal(err)
	}
	for i := range params - 1 {
		if err := s.bench.fromStore(appendPacket(nil, byte(2+i), []byte("\x03def"))); err != nil {
			s.t.Fatal(err)
		}
	}
	return []byte("\x03def")
}
