package segment

import (
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

// Candidates are the blocks that may hold rows that v finds; the others do not. A damaged block is always one, so that
// the damage is noticed. Damage in the side index is a *FileError.
func (s *Segment) Candidates(v *query.View) (Bitmap, error) {
	blocks, err := s.candidates(v)
	if err != nil {
		return nil, s.indexError(err)
	}
	for i, m := range s.blocks {
		if m.flags&isDamaged != 0 {
			blocks.Set(i)
		}
	}
	return blocks, nil
}

// candidates gives a bitmap of the caller's own.
func (s *Segment) candidates(v *query.View) (Bitmap, error) {
	switch v.Kind {
	case query.ViewAnd:
		blocks := FullBitmap(len(s.blocks))
		for i := range v.Terms {
			if blocks.Empty() {
				break
			}
			term, err := s.candidates(&v.Terms[i])
			if err != nil {
				return nil, err
			}
			blocks.and(term)
		}
		return blocks, nil
	case query.ViewOr:
		blocks := NewBitmap(len(s.blocks))
		for i := range v.Terms {
			term, err := s.candidates(&v.Terms[i])
			if err != nil {
				return nil, err
			}
			blocks.or(term)
		}
		return blocks, nil
	case query.ViewTime:
		return s.candidatesInTime(v), nil
	case query.ViewNumber:
		return s.candidatesOfNumber(v)
	case query.ViewText:
		return s.candidatesOfText(needleKeys(v.Needle, v.WordStart, v.WordEnd))
	case query.ViewField:
		return s.candidatesOfField(v)
	}
	return FullBitmap(len(s.blocks)), nil
}

func (s *Segment) where(holds func(m *blockMeta) bool) Bitmap {
	blocks := NewBitmap(len(s.blocks))
	for i := range s.blocks {
		if holds(&s.blocks[i]) {
			blocks.Set(i)
		}
	}
	return blocks
}

func (s *Segment) candidatesInTime(v *query.View) Bitmap {
	from, to := int64(-1<<63), int64(1<<63-1)
	if !v.From.IsZero() {
		from = ceilMicros(v.From)
	}
	if !v.To.IsZero() {
		to = ceilMicros(v.To)
	}
	return s.where(func(m *blockMeta) bool { return m.to >= from && (m.from < to || v.To.IsZero()) })
}

func (s *Segment) candidatesOfNumber(v *query.View) (Bitmap, error) {
	if v.Field == query.Seq {
		return s.where(func(m *blockMeta) bool {
			// A Record's Seq is signed; beyond that all blocks are candidates.
			return m.lastSeq > 1<<63-1 || int64(m.lastSeq) >= v.Low && int64(m.firstSeq) <= v.High
		}), nil
	}
	body, err := s.readPart(s.trailer.largest)
	if err != nil {
		return nil, err
	}
	fields := numberFields()
	blocks := NewBitmap(len(s.blocks))
	for k, f := range fields {
		if f != v.Field {
			continue
		}
		for i := range s.blocks {
			if int64(binary.LittleEndian.Uint64(body[8*(i*len(fields)+k):])) >= v.Low {
				blocks.Set(i)
			}
		}
	}
	return blocks, nil
}

func (s *Segment) candidatesOfText(keys []key) (Bitmap, error) {
	blocks, err := s.candidatesOfKeys(keys)
	if err != nil {
		return nil, err
	}
	for i, m := range s.blocks {
		if m.flags&hasSideFiles != 0 {
			blocks.Set(i)
		}
	}
	return blocks, nil
}

// candidatesOfKeys are the blocks that have all of the keys.
func (s *Segment) candidatesOfKeys(keys []key) (Bitmap, error) {
	blocks := FullBitmap(len(s.blocks))
	if len(keys) == 0 {
		return blocks, nil
	}
	page := make([]byte, filterPage+checksumSize)
	for g, f := range s.trailer.filters {
		for _, k := range keys {
			row, err := s.filterRow(&f, k, page)
			if err != nil {
				return nil, err
			}
			if !narrow(blocks, g*filterGroup, row) {
				break
			}
		}
	}
	return blocks, nil
}

// filterRow reads what a filter tells of a key.
func (s *Segment) filterRow(f *filterPart, k key, page []byte) ([]byte, error) {
	position := int(k) % f.positions
	perPage := f.rowsInPage()
	page = page[:f.pageSize()]
	if _, err := s.index.ReadAt(page, f.offset+int64(position/perPage)*int64(f.pageSize())); err != nil {
		return nil, err
	}
	body, ok := checked(page)
	if !ok {
		return nil, errIndex
	}
	at := position % perPage * f.width
	return body[at : at+f.width], nil
}

// narrow keeps of the blocks from first on, a multiple of 64, those that the row has; false when none are left.
func narrow(blocks Bitmap, first int, row []byte) bool {
	left := uint64(0)
	for i := 0; i < len(row); i += 8 {
		var word [8]byte
		copy(word[:], row[i:])
		blocks[(first/64)+i/8] &= binary.LittleEndian.Uint64(word[:])
		left |= blocks[(first/64)+i/8]
	}
	return left != 0
}

func (s *Segment) candidatesOfField(v *query.View) (Bitmap, error) {
	switch v.Field {
	case query.Param:
		return s.candidatesOfParam(v)
	case query.ID:
		if v.Exact == nil {
			return FullBitmap(len(s.blocks)), nil
		}
		blocks := NewBitmap(len(s.blocks))
		for _, id := range v.Exact {
			blocks.or(s.candidatesOfID(string(id)))
		}
		return blocks, nil
	}
	sums, ok, err := s.sums(v.Field)
	if err != nil {
		return nil, err
	}
	if ok {
		return s.candidatesOfValues(v, sums)
	}
	if v.Exact == nil {
		return FullBitmap(len(s.blocks)), nil
	}
	blocks := NewBitmap(len(s.blocks))
	for _, folded := range v.Exact {
		one, err := s.candidatesOfKeys([]key{valueKey(v.Field, folded)})
		if err != nil {
			return nil, err
		}
		blocks.or(one)
	}
	return blocks, nil
}

func (s *Segment) candidatesOfParam(v *query.View) (Bitmap, error) {
	if v.Exact == nil {
		return FullBitmap(len(s.blocks)), nil
	}
	blocks := NewBitmap(len(s.blocks))
	for _, folded := range v.Exact {
		one, err := s.candidatesOfText(needleKeys(folded, true, true))
		if err != nil {
			return nil, err
		}
		blocks.or(one)
	}
	return blocks, nil
}

func (s *Segment) candidatesOfValues(v *query.View, sums *storedSums) (Bitmap, error) {
	blocks := NewBitmap(len(s.blocks))
	for i := range sums.values {
		if !v.Matches([]byte(sums.values[i].Value)) {
			continue
		}
		counts, err := s.counts(v.Field, sums, i)
		if err != nil {
			return nil, err
		}
		for _, c := range counts {
			blocks.Set(c.Block)
		}
	}
	return blocks, nil
}

// CandidatesOfID are the blocks that may hold the event of that ID. A UUIDv7 tells when it was made; its event's time is
// about that.
func (s *Segment) CandidatesOfID(id string) (Bitmap, error) { return s.candidatesOfID(id), nil }

func (s *Segment) candidatesOfID(id string) Bitmap {
	at, ok := timeOfID(id)
	if !ok {
		return FullBitmap(len(s.blocks))
	}
	return s.where(func(m *blockMeta) bool {
		return m.flags&isDamaged != 0 || m.from-idTolerance <= at && at <= m.to+idTolerance
	})
}

// idTolerance is how far, in microseconds, an ID's time may lie from its event's.
const idTolerance = 2e6

// timeOfID is the time in a UUIDv7, in microseconds.
func timeOfID(text string) (int64, bool) {
	id, err := uuid.Parse(text)
	if err != nil || id.Version() != 7 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(id[:8])>>16) * 1000, true
}

// sums are a field's values; false when there are too many.
func (s *Segment) sums(f query.Field) (*storedSums, bool, error) {
	p, ok := s.trailer.sums[f]
	if !ok {
		return nil, false, nil
	}
	key := cacheKey{s.id, cachedSums, uint8(f), 0}
	if v, ok := s.cache.get(key); ok {
		return v.(*storedSums), true, nil
	}
	body, err := s.readPart(part{p.offset, p.head + checksumSize})
	if err != nil {
		return nil, false, err
	}
	sums, err := decodeSums(body)
	if err != nil {
		return nil, false, err
	}
	s.cache.put(key, sums, sums.size)
	return sums, true, nil
}

// counts are value i's.
func (s *Segment) counts(f query.Field, sums *storedSums, i int) ([]BlockCount, error) {
	p := s.trailer.sums[f]
	start := int64(0)
	if i > 0 {
		start = sums.ends[i-1]
	}
	length := p.size - p.head - checksumSize
	if start < 0 || sums.ends[i] < start || sums.ends[i] > length {
		return nil, errIndex
	}
	body, err := s.readPart(part{p.offset + p.head + checksumSize + start, sums.ends[i] - start})
	if err != nil {
		return nil, err
	}
	return decodeCounts(body, len(s.blocks))
}

// Sums are a field's values over the whole segment with their sums, as Block.Rank adds them up; false when there are
// more than the side index keeps, or a block is damaged, and the blocks must be read. The slice is only to be read.
func (s *Segment) Sums(f query.Field) (sums []audit.TopValue, ok bool, err error) {
	stored, ok, err := s.summed(f)
	if err != nil || !ok {
		return nil, false, err
	}
	return stored.values, true, nil
}

func (s *Segment) summed(f query.Field) (*storedSums, bool, error) {
	for _, m := range s.blocks {
		if m.flags&isDamaged != 0 {
			return nil, false, nil
		}
	}
	stored, ok, err := s.sums(f)
	if err != nil {
		return nil, false, s.indexError(fmt.Errorf("sums of %s: %w", f, err))
	}
	return stored, ok, nil
}

// ValueCounts is how often a value occurs in each block.
type ValueCounts struct {
	Value  string
	Blocks []BlockCount // ascending; those with rows
}

// BlockCount is a number of rows of a block.
type BlockCount struct {
	Block int
	Rows  int
}

// Counts are those of a field's values that matches holds for, with the number of rows in each block; false as for
// Sums. A nil matches stands for all. A row with several values counts for each.
func (s *Segment) Counts(f query.Field, matches func(value []byte) bool) (counts []ValueCounts, ok bool, err error) {
	stored, ok, err := s.summed(f)
	if err != nil || !ok {
		return nil, false, err
	}
	for i := range stored.values {
		value := stored.values[i].Value
		if matches != nil && !matches([]byte(value)) {
			continue
		}
		blocks, err := s.counts(f, stored, i)
		if err != nil {
			return nil, false, s.indexError(fmt.Errorf("counts of %s: %w", f, err))
		}
		counts = append(counts, ValueCounts{Value: value, Blocks: blocks})
	}
	return counts, true, nil
}
