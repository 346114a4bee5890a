package redis

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/redact"
)

// double is a relay between two ends that take all and say nothing, with a journal in memory.
type double struct {
	*relay
	toStore, toClient *end
	journal           *memory
}

// end is a connection that keeps what is written to it.
type end struct {
	net.Conn
	written bytes.Buffer
	closed  bool // nothing is kept
}

func (e *end) Write(b []byte) (int, error) {
	if !e.closed {
		e.written.Write(b)
	}
	return len(b), nil
}

func (e *end) SetReadDeadline(time.Time) error  { return nil }
func (e *end) SetWriteDeadline(time.Time) error { return nil }

// memory is a journal that keeps nothing longer than its process, and encodes each event as a real one would.
type memory struct {
	events  []audit.Event
	encoded []byte
	drop    bool
	seq     uint64
}

func (m *memory) Append(e *audit.Event) error {
	e.Seq = m.seq
	m.seq++
	e.ID = "0192d2a0-0000-7000-8000-000000000000"
	if m.drop {
		m.encoded = e.AppendJSON(m.encoded[:0])
		return nil
	}
	e.ID = fmt.Sprint(e.Seq)
	kept := *e
	kept.Statement.Bytes = bytes.Clone(e.Statement.Bytes)
	kept.Tables = append([]string(nil), e.Tables...)
	kept.Columns = append([]string(nil), e.Columns...)
	m.events = append(m.events, kept)
	return nil
}

func (m *memory) Post(e *audit.Event) error                      { return m.Append(e) }
func (m *memory) Durable() uint64                                { return m.seq }
func (m *memory) AwaitDurable(_ context.Context, _ uint64) error { return nil }
func (m *memory) Hasten()                                        {}
func (m *memory) statements() (out []audit.Event)                { return m.of(audit.StatementBegin) }
func (m *memory) results() (out []audit.Event)                   { return m.of(audit.StatementResult) }
func (m *memory) of(kind audit.Type) (out []audit.Event) {
	for _, e := range m.events {
		if e.Type == kind {
			out = append(out, e)
		}
	}
	return out
}

// newDouble makes one whose store speaks the version of RESP.
func newDouble(resp int) *double {
	d := &double{toStore: &end{}, toClient: &end{}, journal: &memory{}}
	permit := &access.Permit{Resource: access.Resource{Name: "cache", Durability: access.Interval}}
	redactor := redact.Builtin(map[string]redact.Reader{"redis": newReader()})
	gate := proxy.NewGate(d.journal, audit.Scope{Resource: "cache", Protocol: "redis"}, permit, redactor)
	l := &link{client: &client{protocol: New(1 << 20), conn: proxy.NewConn(d.toClient, true), resp: resp},
		store: &storeConn{Conn: d.toStore, resp: resp}}
	d.relay = newRelay(context.Background(), gate, l)
	return d
}

// BenchmarkPipeline passes commands that come together and their answers, everything recorded but the writing to disk.
func BenchmarkPipeline(b *testing.B) {
	for _, size := range []int{1, 16, 100} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var questions, answers []byte
			for i := range size {
				if i%2 == 0 {
					questions = append(questions, sent("SET", fmt.Sprintf("key:%012d", i*7919), "xxx")...)
					answers = append(answers, "+OK\r\n"...)
				} else {
					questions = append(questions, sent("GET", fmt.Sprintf("key:%012d", i*7919))...)
					answers = append(answers, "$3\r\nxxx\r\n"...)
				}
			}
			d := newDouble(2)
			d.toStore.closed, d.toClient.closed, d.journal.drop = true, true, true
			pass := func() {
				if n, err := d.fromClient(questions); n != len(questions) || err != nil {
					b.Fatal(n, err)
				}
				if n, err := d.fromStore(answers); n != len(answers) || err != nil {
					b.Fatal(n, err)
				}
			}
			for range 100 {
				pass()
			}
			b.ReportAllocs()
			for b.Loop() {
				pass()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/command")
		})
	}
}

// BenchmarkBulk passes a long answer in pieces.
func BenchmarkBulk(b *testing.B) {
	d := newDouble(2)
	d.toClient.closed, d.toStore.closed, d.journal.drop = true, true, true
	const size = 1 << 20
	answer := append(appendHeader(nil, '$', size), make([]byte, size+2)...)
	question := []byte(sent("GET", "big"))
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.fromClient(question); err != nil {
			b.Fatal(err)
		}
		for at := 0; at < len(answer); {
			n, err := d.fromStore(answer[at:min(at+64<<10, len(answer))])
			if err != nil {
				b.Fatal(err)
			}
			at += n
		}
	}
}
