package scan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

// run is one search under way.
type run struct {
	view
	ctx     context.Context // of the one call that the run lives in
	matcher *query.Matcher
	times   timeRange
	end     uint64 // only records before this one are still to be looked at
	more    bool   // there are some
	limit   int
	budget  int64
	page    audit.Page
	visit   func(*record) error // takes each match instead of the page; nil for a page
	block   block               // its memory serves one segment after the other
	rec     record              // the candidate at hand; its memory serves them all
}

var (
	// errEnough ends a run whose page is full, or whose budget is spent.
	errEnough = errors.New("enough")
	// errDamaged says that a record, or its result, cannot be read.
	errDamaged = errors.New("damaged")
)

func (r *run) setDefaults() {
	if r.limit <= 0 {
		r.limit = defaultLimit
	}
	r.limit = min(r.limit, maxLimit)
	if r.budget <= 0 {
		r.budget = defaultBudget
	}
	r.page.Rows = []audit.Event{}
}

func (r *run) search() error {
	for i := len(r.segments) - 1; i >= 0; i-- {
		seg := r.segments[i]
		if seg.first >= r.end || r.closed(i) && !seg.mayHold(r.times) {
			continue
		}
		r.more = true
		if err := r.segment(i); errors.Is(err, errEnough) {
			return nil
		} else if err != nil {
			return err
		}
		r.end = seg.first
	}
	r.more = false
	return nil
}

// segment looks through the i-th segment backwards, in blocks that begin small: the newest events are the most asked
// for.
func (r *run) segment(i int) error {
	const firstBlock, largestBlock = 64 << 10, 1 << 20 // bytes
	t, err := r.load(r.ctx, i)
	if err != nil {
		return err
	}
	seg := r.segments[i]
	hi := t.before(min(r.end, r.view.limit(i)), seg.first)
	if hi == 0 || !seg.holds(r.times) {
		return nil
	}
	f, err := os.Open(seg.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open segment: %w", err)
	}
	defer f.Close()
	b := &r.block
	b.begin(t, seg, i, f, hi)
	if needles := r.matcher.Needles(); len(needles) > 0 {
		b.needle = &needles[0]
	}
	for size := int64(firstBlock); hi > 0; size = min(2*size, largestBlock) {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if err := b.read(hi, size); err != nil {
			return fmt.Errorf("read segment: %w", err)
		}
		if err := r.lookThrough(b); err != nil {
			return err
		}
		hi = b.lo
	}
	return nil
}

// lookThrough judges the records of one block, newest first.
func (r *run) lookThrough(b *block) error {
	candidates := b.candidates()
	for i := b.hi - 1; i >= b.lo; i-- {
		r.page.Scanned++
		seq := b.seg.first + uint64(b.table.seqs[i])
		if b.table.flags[i]&isCorrupt != 0 {
			r.page.Skipped++
		} else if candidates[i-b.lo] {
			if err := r.candidate(b, i); err != nil {
				return err
			}
		}
		r.end = seq
		if r.visit == nil && len(r.page.Rows) == r.limit {
			r.more = i > 0 || b.at > 0
			return errEnough
		}
		if r.page.Scanned >= r.budget {
			r.page.Partial = true
			return errEnough
		}
	}
	return nil
}

func (r *run) candidate(b *block, i int) error {
	body := b.body(i)
	h, _ := parseHead(body)
	if !r.times.holds(h.time) {
		return nil
	}
	rec := &r.rec
	rec.begin(r, b, i, h)
	matches := r.matcher.Match(rec)
	if rec.err != nil && r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	if rec.err == nil && !matches {
		return nil
	}
	err := errDamaged
	switch {
	case rec.err != nil:
	case r.visit != nil:
		err = r.visit(rec)
	default:
		err = r.keep(rec)
	}
	switch {
	case !errors.Is(err, errDamaged):
		return err
	case r.ctx.Err() != nil:
		return r.ctx.Err()
	}
	r.page.Skipped++
	return nil
}

// keep puts the record on the page.
func (r *run) keep(rec *record) error {
	e, err := rec.event()
	if err != nil {
		return errDamaged
	}
	r.page.Rows = append(r.page.Rows, e)
	return nil
}

// result is the JSON of a statement's result; nil when it is not known.
func (r *run) result(b *block, i int, h head) ([]byte, error) {
	if b.table.flags[i]&isStatement == 0 || isRefused(b.body(i)) {
		return nil, nil
	}
	k, ok := b.table.link(i)
	switch {
	case !ok:
		return r.stray(r.ctx, b.at, string(h.id))
	case k < b.hi:
		return b.body(k), nil
	}
	return readBody(b.file, b.table.start(k), b.table.ends[k])
}

// isRefused says that the statement did not run: it has no result, and none is looked for.
func isRefused(body []byte) bool {
	_, ok := member(body, `,"verdict":"`+string(audit.Deny)+`"`)
	return ok
}

// block is a run of whole records of one segment, in memory.
type block struct {
	table  table
	seg    *segment
	at     int // the segment's place in the view
	file   *os.File
	needle *query.Needle
	top    int // the records from here on are not looked through

	lo, hi int // the records that are in buf
	buf    []byte
	folded []byte
	hits   []bool
	marked map[int]bool // statements, in blocks to come, whose results hold the needle
}

// begin makes the block ready for another segment, of which the records before hi are to be looked through.
func (b *block) begin(t table, seg *segment, at int, f *os.File, hi int) {
	b.table, b.seg, b.at, b.file, b.top = t, seg, at, f, hi
	b.marked = map[int]bool{}
}

// read takes the records before hi, at least one and up to size bytes.
func (b *block) read(hi int, size int64) error {
	end := b.table.ends[hi-1]
	b.hi = hi
	b.lo = sort.Search(hi-1, func(i int) bool { return b.table.start(i) >= end-size })
	start := b.table.start(b.lo)
	if n := int(end - start); cap(b.buf) < n {
		b.buf = make([]byte, n)
	} else {
		b.buf = b.buf[:n]
	}
	_, err := b.file.ReadAt(b.buf, start)
	return err
}

// body is the JSON of record i, which is in the block.
func (b *block) body(i int) []byte {
	origin := b.table.start(b.lo)
	return b.buf[b.table.start(i)-origin+linePrefix : b.table.ends[i]-origin-1]
}

// candidates says, for each record of the block, whether it can match.
func (b *block) candidates() []bool {
	n := b.hi - b.lo
	if cap(b.hits) < n {
		b.hits = make([]bool, n)
	}
	b.hits = b.hits[:n]
	for k := range b.hits {
		b.hits[k] = b.mustLook(b.lo + k)
	}
	if b.needle != nil {
		b.findNeedle()
	}
	for k := range b.hits {
		if b.table.flags[b.lo+k]&(isResult|isNoRow|isCorrupt) != 0 {
			b.hits[k] = false
		}
	}
	return b.hits
}

// mustLook says whether the block's bytes cannot tell about record i.
func (b *block) mustLook(i int) bool {
	if b.needle == nil {
		return true
	}
	flags := b.table.flags[i]
	if b.needle.InText && flags&isOpaque != 0 {
		return true
	}
	if b.needle.InResult && flags&isStatement != 0 {
		if b.marked[i] {
			delete(b.marked, i)
			return true
		}
		k, linked := b.table.link(i)
		return !linked || k >= b.top
	}
	return false
}

// findNeedle marks the records whose bytes hold the needle, and the statements whose results do.
func (b *block) findNeedle() {
	b.folded = query.FoldASCII(b.folded[:0], b.buf)
	origin := b.table.start(b.lo)
	i := b.lo
	for at := 0; ; {
		found := bytes.Index(b.folded[at:], b.needle.Bytes)
		if found < 0 {
			return
		}
		at += found
		for b.table.ends[i]-origin <= int64(at) {
			i++
		}
		b.hits[i-b.lo] = true
		if b.needle.InResult && b.table.flags[i]&isResult != 0 {
			b.markStatement(i)
		}
		at = int(b.table.ends[i] - origin)
	}
}

func (b *block) markStatement(result int) {
	statement, ok := b.table.link(result)
	switch {
	case !ok:
	case statement >= b.lo:
		b.hits[statement-b.lo] = true
	default:
		b.marked[statement] = true
	}
}

// readLine reads the JSON of the line that stands from start to end in the file at path.
func readLine(path string, start, end int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	defer f.Close()
	return readBody(f, start, end)
}

func readBody(f io.ReaderAt, start, end int64) ([]byte, error) {
	line := make([]byte, end-start)
	if _, err := f.ReadAt(line, start); err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	body, ok := lineBody(line[:len(line)-1])
	if !ok {
		return nil, fmt.Errorf("read record at %d: checksum does not hold", start)
	}
	return body, nil
}

func decode(body []byte) (audit.Event, error) {
	var e audit.Event
	if err := json.Unmarshal(body, &e); err != nil {
		return audit.Event{}, fmt.Errorf("decode record: %w", err)
	}
	return e, nil
}
