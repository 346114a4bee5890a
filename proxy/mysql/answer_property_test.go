package mysql

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/audit"
)

// said is an answer as a store may give it, and what the record is to have of it.
type said struct {
	c, m     capability
	b        []byte
	sequence byte
	rows     int64
	failed   bool
	results  int
	database string
}

func (s *said) packet(payload []byte) {
	s.b = appendPacket(s.b, s.sequence, payload)
	s.sequence++
}

// ok says that a result has ended: by what looks like OK behind rows, too, where the client understands that.
func (s *said) ok(t *rapid.T, first byte, more bool) {
	status := uint16(statusAutocommit)
	if more {
		status |= statusMoreResults
	}
	if first == packetEOF && !s.c.has(capDeprecateEOF) {
		s.packet(binary.LittleEndian.AppendUint16([]byte{packetEOF, 0, 0}, status))
		return
	}
	affected := uint64(0)
	if first == packetOK {
		affected = rapid.SampledFrom([]uint64{0, 1, 250, 251, 70000}).Draw(t, "affected")
		s.rows += int64(affected)
	}
	var state []byte
	if s.c.has(capSessionTrack) && rapid.Bool().Draw(t, "changed") {
		status |= statusStateChanged
		s.database = rapid.StringN(1, 5, 5).Draw(t, "database")
		variable := concat(counted("autocommit"), counted("ON"))
		state = concat([]byte{0}, counted(string(variable)), []byte{changedSchema}, counted(string(counted(s.database))))
	}
	b := appendLength(appendLength([]byte{first}, affected), 7)
	b = append(binary.LittleEndian.AppendUint16(b, status), 0, 0)
	if info := rapid.SampledFrom([]string{"", "Rows matched: 1"}).Draw(t, "info"); info != "" || state != nil {
		b = append(b, counted(info)...)
	}
	if state != nil {
		b = append(b, counted(string(state))...)
	}
	s.packet(b)
}

func (s *said) definitions(n int) {
	for range n {
		s.packet([]byte("\x03def\x01d\x01t"))
	}
	if !s.c.has(capDeprecateEOF) {
		s.packet([]byte{packetEOF, 0, 0, 2, 0})
	}
}

// result is one result of a query.
func (s *said) result(t *rapid.T, more bool) {
	s.results++
	if s.m.has(mariaProgress) && rapid.Bool().Draw(t, "progress") {
		s.packet([]byte{packetError, 0xff, 0xff, 1, 2, 3, 0, 0, 0})
	}
	switch rapid.IntRange(0, 3).Draw(t, "result") {
	case 0:
		s.ok(t, packetOK, more)
		return
	case 1:
		s.fail()
		return
	}
	columns := rapid.IntRange(1, 300).Draw(t, "columns")
	count := appendLength(nil, uint64(columns))
	cached := s.m.has(mariaCacheMetadata) && rapid.Bool().Draw(t, "cached")
	if s.m.has(mariaCacheMetadata) {
		count = append(count, map[bool]byte{true: 0, false: 1}[cached])
	}
	s.packet(count)
	if cached {
		columns = 0
	}
	s.definitions(columns)
	for range rapid.IntRange(0, 5).Draw(t, "rows") {
		s.row(t)
	}
	if rapid.IntRange(0, 5).Draw(t, "fails midway") == 0 {
		s.fail()
		return
	}
	s.ok(t, packetEOF, more)
}

func (s *said) fail() {
	s.packet([]byte("\xff\x28\x04#42000no"))
	s.failed = true
}

// row is mostly short, begins as it likes, and rarely takes several packets.
func (s *said) row(t *rapid.T) {
	s.rows++
	if rapid.IntRange(0, 200).Draw(t, "large") == 0 {
		row := make([]byte, maxPayload+rapid.IntRange(0, 9).Draw(t, "beyond"))
		row[0] = packetEOF
		s.packet(row[:maxPayload])
		s.packet(row[maxPayload:])
		return
	}
	row := rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "row")
	if row[0] >= packetEOF {
		row[0] = 0xfb // NULL: what else begins with these is long
	}
	s.packet(row)
}

// TestAnswers walks answers in chunks of any size: the client reads what the store has said, the record has what it meant, and
// the next command may go when it is complete and not before.
func TestAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &said{c: rapid.SampledFrom([]capability{oldClient, newClient, oldClient | capSessionTrack, oldClient | capDeprecateEOF}).Draw(t, "capabilities"),
			m: rapid.SampledFrom([]capability{0, mariaProgress, mariaProgress | mariaCacheMetadata}).Draw(t, "mariadb"), sequence: 1}
		n := rapid.IntRange(1, 4).Draw(t, "results")
		for i := 0; i < n && !s.failed; i++ {
			s.result(t, i < n-1)
		}
		b := newBench(func(chunk []byte) (int, error) { return len(chunk), nil }, 64<<20, s.c, s.m)
		if _, err := b.relay.fromClient(packedQuery("SELECT 1")); err != nil {
			t.Fatal(err)
		}
		most := rapid.SampledFrom([]int{1, 7, 1000, 1 << 25}).Draw(t, "most")
		if len(s.b) > 1<<20 {
			most = 1 << 25
		}
		for rest := s.b; len(rest) > 0; {
			if !b.relay.atWork() {
				t.Fatalf("%d bytes before its end, the answer is taken for complete", len(rest))
			}
			size := min(len(rest), rapid.IntRange(1, most).Draw(t, "chunk"))
			if err := b.fromStore(rest[:size]); err != nil {
				t.Fatal(err)
			}
			rest = rest[size:]
		}
		if b.relay.atWork() || !bytes.Equal(b.toClient.Bytes(), s.b) || b.relay.midway || b.relay.sequence != 1 {
			t.Fatalf("at work %v, midway %v, next packet %d, %d bytes of %d", b.relay.atWork(), b.relay.midway, b.relay.sequence, b.toClient.Len(), len(s.b))
		}
		wantResult(t, s, b)
	})
}

func wantResult(t *rapid.T, s *said, b *bench) {
	if len(b.record.results) != 1 {
		t.Fatalf("%d results", len(b.record.results))
	}
	got := b.record.results[0]
	want := audit.Event{Rows: s.rows, BytesOut: int64(len(s.b))}
	if s.failed {
		want.ErrorCode = "1064 (42000)"
	}
	if got.Rows != want.Rows || got.BytesOut != want.BytesOut || got.ErrorCode != want.ErrorCode || b.relay.database != s.database {
		t.Fatal(fmt.Sprintf("recorded %d rows, %d bytes, error %q, database %q; want %+v in %q", got.Rows, got.BytesOut, got.ErrorCode,
			b.relay.database, want, s.database))
	}
}
