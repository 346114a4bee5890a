package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/redact"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

// memoryRecord is a journal in memory that can be told to refuse.
type memoryRecord struct {
	mu      sync.Mutex
	refuse  func(i int) bool // whether the i-th Append fails
	tries   int
	events  []audit.Event // statements, in order
	results map[string]audit.Event
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
	if m.results == nil {
		m.results = make(map[string]audit.Event)
	}
	m.results[e.Of] = *e
	return nil
}

func (m *memoryRecord) Durable() uint64                            { return 1 << 60 }
func (m *memoryRecord) AwaitDurable(context.Context, uint64) error { return nil }
func (m *memoryRecord) Hasten()                                    {}

// statements are the events without those that only bring a definition into the record.
func (m *memoryRecord) statements() []audit.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []audit.Event
	for _, e := range m.events {
		if e.Command != "parse" && e.Command != "bind" {
			list = append(list, e)
		}
	}
	return list
}

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
	relay                 *relay
	record                *memoryRecord
	toClient              bytes.Buffer
	clientRest, storeRest []byte
}

func newBench(store func([]byte) (int, error), limit int) *bench {
	b := &bench{record: &memoryRecord{}}
	gate := proxy.NewGate(b.record, audit.Scope{}, &access.Permit{Resource: access.Resource{Durability: access.Interval}}, redact.Builtin(nil))
	client := proxy.NewConn(writerConn{write: b.toClient.Write}, true)
	b.relay = newRelay(context.Background(), gate, sqltext.NewCache(), client, proxy.NewStream(writerConn{write: store}, nil), limit, nil)
	return b
}

// fromStore pushes bytes as the store's pump does.
func (b *bench) fromStore(chunk []byte) error {
	rest := slices.Concat(b.storeRest, chunk)
	used, err := b.relay.fromStore(rest)
	b.storeRest = bytes.Clone(rest[used:])
	return err
}

// fromClient pushes bytes as the client's pump does. answer is called when the relay waits for the store; false says
// that the store has nothing to say.
func (b *bench) fromClient(chunk []byte, answer func() bool) error {
	rest := slices.Concat(b.clientRest, chunk)
	var used int
	err := errors.New("the relay waits for an answer that will not come")
	done := make(chan struct{})
	go func() {
		defer close(done)
		used, err = b.relay.fromClient(rest)
	}()
	for {
		synctest.Wait()
		select {
		case <-done:
			b.clientRest = bytes.Clone(rest[used:])
			return err
		default:
		}
		if !answer() {
			hung := err
			b.relay.interrupt()
			<-done
			return hung
		}
	}
}

func drawScript(t *rapid.T) [][]byte {
	long := strings.Repeat("n", maxName)
	names := rapid.SampledFrom([]string{"a", "b", "", "a", long + "x", long + "y"})
	portals := rapid.SampledFrom([]string{"", "p", "q", ""})
	sqlNames := rapid.SampledFrom([]string{"a", "b", "p", "q", long})
	id := 0
	sql := func() string {
		id++
		switch rapid.IntRange(0, 14).Draw(t, "sql") {
		case 0:
			return fmt.Sprintf("FAIL %d", id)
		case 1:
			return fmt.Sprintf("BAD %d", id)
		case 2, 3:
			return "BEGIN"
		case 4:
			return "COMMIT"
		case 5:
			return "ROLLBACK"
		case 6:
			return fmt.Sprintf("PREPARE %s AS SELECT %d", sqlNames.Draw(t, "name"), id)
		case 7:
			return "DEALLOCATE " + sqlNames.Draw(t, "name")
		case 8:
			return "EXECUTE " + sqlNames.Draw(t, "name")
		case 9:
			return fmt.Sprintf("DECLARE %s CURSOR FOR SELECT %d", sqlNames.Draw(t, "name"), id)
		case 10:
			return "CLOSE " + sqlNames.Draw(t, "name")
		case 11:
			return "FETCH " + sqlNames.Draw(t, "name")
		case 12:
			return ""
		}
		return fmt.Sprintf("SELECT %d", id)
	}
	what := rapid.SampledFrom([]byte("SP"))
	var script [][]byte
	add := func(m pgproto3.FrontendMessage) {
		b, err := m.Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		script = append(script, b)
	}
	for range rapid.IntRange(1, 40).Draw(t, "messages") {
		switch rapid.IntRange(0, 16).Draw(t, "message") {
		case 0, 1, 2:
			add(parse(names.Draw(t, "statement"), sql()))
		case 3, 4, 5:
			add(bind(portals.Draw(t, "portal"), names.Draw(t, "statement")))
		case 6, 7, 8:
			add(&pgproto3.Execute{Portal: portals.Draw(t, "portal"), MaxRows: uint32(rapid.IntRange(0, 2).Draw(t, "rows"))})
		case 9:
			w := what.Draw(t, "what")
			name := names.Draw(t, "name")
			if w == 'P' {
				name = portals.Draw(t, "name")
			}
			add(&pgproto3.Describe{ObjectType: w, Name: name})
		case 10:
			w := what.Draw(t, "what")
			name := names.Draw(t, "name")
			if w == 'P' {
				name = portals.Draw(t, "name")
			}
			add(&pgproto3.Close{ObjectType: w, Name: name})
		case 11:
			add(&pgproto3.Flush{})
		case 12, 13:
			text := sql()
			for text != "" && rapid.IntRange(0, 3).Draw(t, "more") == 0 {
				more := sql()
				if more == "" {
					break
				}
				text += "; " + more
			}
			add(query(text))
		default:
			add(&pgproto3.Sync{})
		}
	}
	add(&pgproto3.Sync{})
	return script
}

// TestRecordIsWhatRuns plays random pipelines through a relay to a model of PostgreSQL: what is recorded is what the
// model runs, before it runs; the client reads what it would have read without the relay; nothing hangs.
func TestRecordIsWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 20 { // of a hundred each
			rapid.Check(bubbled{t}, func(t *rapid.T) {
				refused := map[int]bool{}
				if rapid.Bool().Draw(t, "refusals") {
					for _, i := range rapid.SliceOfN(rapid.IntRange(0, 20), 0, 4).Draw(t, "refused") {
						refused[i] = true
					}
				}
				checkScript(t, drawScript(t), refused)
			})
		}
	})
}

// bubbled hides the deadline, which must not be asked for under synctest.
type bubbled struct{ testing.TB }

func checkScript(t *rapid.T, script [][]byte, refused map[int]bool) {
	store := newModel()
	b := newBench(store.Write, 1<<20)
	b.record.refuse = func(i int) bool { return refused[i] }
	unrecorded := false
	store.saw = func(i int) { unrecorded = unrecorded || len(b.record.statements()) <= i }
	deliver := func(n int) {
		chunk := bytes.Clone(store.sent[:n])
		store.sent = store.sent[n:]
		if err := b.fromStore(chunk); err != nil {
			t.Fatalf("from store: %v", err)
		}
	}
	answer := func() bool {
		n := len(store.sent)
		deliver(n)
		return n > 0
	}
	all := bytes.Join(script, nil)
	for rest := all; len(rest) > 0; {
		n := rapid.IntRange(1, len(rest)).Draw(t, "chunk")
		err := b.fromClient(rest[:n], answer)
		if errors.Is(err, audit.ErrUnavailable) && len(refused) > 0 {
			checkCutOff(t, b, store, unrecorded)
			return
		}
		if err != nil {
			t.Fatalf("from client: %v", err)
		}
		rest = rest[n:]
		if len(store.sent) > 0 {
			deliver(rapid.IntRange(0, len(store.sent)).Draw(t, "answers"))
		}
	}
	for answer() {
	}
	if unrecorded {
		t.Fatal("the store saw a statement before its record")
	}
	if b.relay.queue.count != 0 || b.relay.skipping {
		t.Fatalf("%d messages are still awaited, skipping: %v", b.relay.queue.count, b.relay.skipping)
	}
	checkRecord(t, b.record, store.runs)
	if len(refused) > 0 {
		return
	}
	direct := newModel()
	_, _ = direct.Write(all)
	if got := b.toClient.Bytes(); !bytes.Equal(got, direct.sent) {
		t.Fatalf("the client reads\n%q, without the gateway\n%q", got, direct.sent)
	}
}

// checkCutOff checks a session that had to end because a definition could not be recorded: the store has seen nothing
// that is not in the record, and every record has a result.
func checkCutOff(t *rapid.T, b *bench, store *model, unrecorded bool) {
	if unrecorded || len(b.record.statements()) < len(store.runs) {
		t.Fatal("the store saw a statement before its record")
	}
	b.relay.abandon()
	for _, e := range b.record.events {
		if _, ok := b.record.results[e.ID]; !ok {
			t.Fatalf("%s %q has no result", e.Command, e.Statement)
		}
	}
}

func checkRecord(t *rapid.T, record *memoryRecord, runs []modelRun) {
	statements := record.statements()
	if len(statements) != len(runs) {
		t.Fatalf("%d statements are recorded, %d reached the store", len(statements), len(runs))
	}
	known := func(text, id string) bool {
		for _, e := range record.events {
			if string(e.Statement.Bytes) == text {
				return true
			}
			if e.ID == id {
				break
			}
		}
		return false
	}
	for i, e := range statements {
		run, text := runs[i], e.Statement.String()
		if p := run.portal; p != nil && text != p.source {
			if !p.declared || !strings.HasPrefix(text, "FETCH FROM") || !known(p.source, e.ID) {
				t.Fatalf("statement %d ran %q, recorded %q", i, p.source, text)
			}
		}
		for _, reached := range run.reached {
			if !known(reached, e.ID) {
				t.Fatalf("statement %d %q ran %q, which is not recorded", i, text, reached)
			}
		}
		result, ok := record.results[e.ID]
		if !ok {
			t.Fatalf("statement %d %q has no result", i, text)
		}
		switch {
		case run.skipped && result.ErrorMessage == "":
			t.Fatalf("statement %d %q was skipped, but recorded as run", i, text)
		case !run.skipped && result.ErrorCode != run.code:
			t.Fatalf("statement %d %q ended with %q, recorded %q", i, text, run.code, result.ErrorCode)
		}
	}
}
