package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// segment is one of the journal's files, and what is known of it so far. Nothing is read before a search needs it.
type segment struct {
	path  string
	first uint64 // sequence number of its first record

	mu      sync.Mutex
	header  journal.Header
	known   bool // header has been read
	sealed  bool // the table covers the file, which does not grow any more
	table   table
	size    int64             // bytes that the table covers
	pending map[string]uint32 // statements without a result yet, by ID
	// strays are the results whose statement stands in an earlier segment, by its ID. Like the times they outlive the
	// table, which may be dropped to save memory.
	strays           map[string]stray
	earliest, latest string // time of the records that the table covers, as in audit.TimeFormat; empty without any
	edges            *edges // what a look at both ends of a file that is not read yet has told
	used             int64  // when the table was last asked for, by the Scan's count
}

// stray is where a result stands in its segment: the bytes of its line.
type stray struct{ start, end int64 }

// table says where a segment's records are. What a reader has of it never changes, but for links, which are atomic.
type table struct {
	base  int64    // where the first record's line begins
	ends  []int64  // where each line ends, newline included
	seqs  []uint32 // each record's sequence number, from the segment's first
	flags []uint8
	links []uint32 // a statement's result and a result's statement, as its place plus one; 0 is none
}

const (
	isCorrupt   uint8 = 1 << iota
	isResult          // of a statement
	isStatement       // that waits for a result
	isNoRow           // though no result
	isOpaque          // its statement or a parameter is in base64, in hex or in a side file
)

func (t *table) len() int { return len(t.ends) }

func (t *table) start(i int) int64 {
	if i == 0 {
		return t.base
	}
	return t.ends[i-1]
}

// link is the place of i's counterpart; false when there is none in this segment yet.
func (t *table) link(i int) (int, bool) {
	to := int(atomic.LoadUint32(&t.links[i])) - 1
	return to, to >= 0 && to < t.len()
}

// before counts the records whose sequence number, counted from first, is lower.
func (t *table) before(seq, first uint64) int {
	if seq <= first {
		return 0
	}
	return sort.Search(t.len(), func(i int) bool { return uint64(t.seqs[i]) >= seq-first })
}

func (s *segment) readHeader() error {
	if s.known {
		return nil
	}
	h, err := journal.ReadHeader(s.path)
	if err == nil {
		s.header, s.known = h, true
	}
	return err
}

// gateway is the name in the segment's header.
func (s *segment) gateway() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readHeader() != nil {
		return ""
	}
	return s.header.Gateway
}

// load brings the table up to the file's end and returns it. closed says that the file does not grow any more. A
// file that is gone is an empty table.
func (s *segment) load(ctx context.Context, closed bool) (table, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sealed && s.table.ends != nil {
		return s.table, nil
	}
	f, err := os.Open(s.path)
	if errors.Is(err, os.ErrNotExist) {
		return table{}, nil
	}
	if err != nil {
		return table{}, fmt.Errorf("open segment: %w", err)
	}
	defer f.Close()
	if !s.stillHolds(f) {
		s.forget()
	}
	if err := s.extend(ctx, f, closed); err != nil {
		return table{}, fmt.Errorf("read segment: %w", err)
	}
	if s.sealed = closed; closed {
		s.pending = nil
	}
	return s.table, nil
}

// forget drops the table, but not what is known of the results and times of a sealed segment.
func (s *segment) forget() {
	s.table, s.size, s.pending = table{}, 0, nil
	if !s.sealed { // of a sealed segment the file has not changed
		s.strays, s.earliest, s.latest = nil, "", ""
	}
}

// stillHolds says whether the table's last line is where it was: recovery cuts a torn tail, and other records follow.
func (s *segment) stillHolds(f *os.File) bool {
	n := s.table.len()
	if n == 0 {
		return false
	}
	line := make([]byte, s.table.ends[n-1]-s.table.start(n-1))
	if _, err := f.ReadAt(line, s.table.start(n-1)); err != nil || line[len(line)-1] != '\n' {
		return false
	}
	body, ok := lineBody(line[:len(line)-1])
	if s.table.flags[n-1]&isCorrupt != 0 {
		return !ok
	}
	h, isRecord := parseHead(body)
	return ok && isRecord && h.seq == s.first+uint64(s.table.seqs[n-1])
}

const readChunk = 1 << 20 // bytes

// extend reads on from where the table ends.
func (s *segment) extend(ctx context.Context, f *os.File, closed bool) error {
	buf := make([]byte, 0, readChunk)
	offset := s.size // of buf in the file
	defer func() {
		s.size = offset
		if !closed {
			s.leaveTail()
		}
	}()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(buf) == cap(buf) {
			buf = append(buf, make([]byte, cap(buf))...)[:len(buf)]
		}
		n, err := f.ReadAt(buf[len(buf):cap(buf)], offset+int64(len(buf)))
		buf = buf[:len(buf)+n]
		used := s.take(buf, offset)
		offset += int64(used)
		buf = append(buf[:0], buf[used:]...)
		if errors.Is(err, io.EOF) && n == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
}

// take adds the whole lines in buf, which stands at offset in the file, and counts their bytes.
func (s *segment) take(buf []byte, offset int64) int {
	used := 0
	for {
		n := bytes.IndexByte(buf[used:], '\n')
		if n < 0 {
			return used
		}
		line := buf[used : used+n]
		used += n + 1
		end := offset + int64(used)
		if s.table.base == 0 {
			s.table.base = end // the header
			continue
		}
		s.add(line, end)
	}
}

// leaveTail takes damaged lines at the end of a growing file out again: they may be a write that is not whole yet.
func (s *segment) leaveTail() {
	t := &s.table
	n := t.len()
	for n > 0 && t.flags[n-1]&isCorrupt != 0 {
		n--
	}
	if n == t.len() {
		return
	}
	s.size = t.start(n)
	// What readers have of these places stays theirs: the next append must not write there.
	t.ends, t.seqs, t.flags, t.links = t.ends[:n:n], t.seqs[:n:n], t.flags[:n:n], t.links[:n:n]
}

func (s *segment) add(line []byte, end int64) {
	t := &s.table
	i := uint32(t.len())
	body, ok := lineBody(line)
	h, isRecord := parseHead(body)
	var last uint32
	if i > 0 {
		last = t.seqs[i-1]
	}
	if !ok || !isRecord || h.seq < s.first+uint64(last) || h.seq-s.first > math.MaxUint32 {
		t.append(end, last, isCorrupt, 0)
		return
	}
	if s.earliest == "" || string(h.time) < s.earliest {
		s.earliest = string(h.time)
	}
	if string(h.time) > s.latest {
		s.latest = string(h.time)
	}
	var flags uint8
	var link uint32
	switch audit.Type(h.event) {
	case audit.StatementBegin:
		flags = isStatement
		if s.pending == nil {
			s.pending = map[string]uint32{}
		}
		s.pending[string(h.id)] = i
	case audit.RecordingGrown:
		flags = isNoRow
	case audit.StatementResult:
		flags = isResult
		link = s.linkResult(body, i, end, len(line)+1)
	}
	if isOpaqueBody(body) {
		flags |= isOpaque
	}
	t.append(end, uint32(h.seq-s.first), flags, link)
}

func (t *table) append(end int64, seq uint32, flags uint8, link uint32) {
	t.ends = append(t.ends, end)
	t.seqs = append(t.seqs, seq)
	t.flags = append(t.flags, flags)
	t.links = append(t.links, link)
}

// linkResult joins result i to its statement and returns its own link. Of two results the first one counts.
func (s *segment) linkResult(body []byte, i uint32, end int64, size int) uint32 {
	of := stringMember(body, `,"of":`, nil)
	statement, ok := s.pending[string(of)]
	if ok {
		delete(s.pending, string(of))
		atomic.StoreUint32(&s.table.links[statement], i+1)
		return statement + 1
	}
	if s.strays == nil {
		s.strays = map[string]stray{}
	}
	if _, twice := s.strays[string(of)]; !twice {
		s.strays[string(of)] = stray{end - int64(size), end}
	}
	return 0
}

// strayOf finds the line of a result of a statement in an earlier segment.
func (s *segment) strayOf(ctx context.Context, id string, closed bool) (stray, bool, error) {
	s.mu.Lock()
	sealed := s.sealed
	s.mu.Unlock()
	if !sealed {
		if _, err := s.load(ctx, closed); err != nil {
			return stray{}, false, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.strays[id]
	return at, ok, nil
}

// isOpaqueBody says whether a record holds an object within: no other member is one.
func isOpaqueBody(body []byte) bool {
	rest := body[1:]
	for {
		i := bytes.IndexByte(rest, '{')
		if i < 0 || i+1 == len(rest) {
			return false
		}
		if rest[i+1] == '"' {
			return true
		}
		rest = rest[i+1:]
	}
}
