package segment

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

// maxValues is how many values of a field the side index of a segment keeps.
const maxValues = 2048

// rankedFields are the fields whose values are kept and counted.
func rankedFields() []query.Field {
	var ranked []query.Field
	for _, f := range query.Fields() {
		if isRanked(f) {
			ranked = append(ranked, f)
		}
	}
	return ranked
}

func isRanked(f query.Field) bool { return !f.IsNumber() && f != query.ID && f != query.Param }

// numberFields are those of which a block's largest is kept.
func numberFields() []query.Field {
	return []query.Field{query.Rows, query.Bytes, query.Duration, query.FirstRow, query.BytesIn, query.BytesOut,
		query.Statements}
}

// fieldSums adds up a field's values over a segment's blocks.
type fieldSums struct {
	field  query.Field
	values map[string]*valueSums // nil when there are too many
}

type valueSums struct {
	total  audit.TopValue
	blocks []BlockCount
}

func newFieldSums(f query.Field) *fieldSums {
	return &fieldSums{field: f, values: map[string]*valueSums{}}
}

// add takes in block i and gives its keys to the filter.
func (s *fieldSums) add(b *Block, i int, rows Bitmap, filter *blockFilter) {
	sums := make([]*audit.TopValue, 0, 64)
	b.Rank(s.field, rows, func(value []byte) *audit.TopValue {
		sum := &audit.TopValue{Value: string(value)}
		sums = append(sums, sum)
		query.EachShortForm(s.field, value, func(form []byte) {
			filter.set(valueKey(s.field, query.Fold(nil, form)))
		})
		return sum
	})
	if s.values == nil {
		return
	}
	for _, sum := range sums {
		v := s.values[sum.Value]
		if v == nil {
			if len(s.values) == maxValues {
				s.values = nil
				return
			}
			v = &valueSums{total: audit.TopValue{Value: sum.Value}}
			s.values[sum.Value] = v
		}
		v.total.Count += sum.Count
		v.total.Rows += sum.Rows
		v.total.Bytes += sum.Bytes
		v.total.Duration += sum.Duration
		v.blocks = append(v.blocks, BlockCount{Block: i, Rows: int(sum.Count)})
	}
}

// A field's section in the side index: the number of values, then of each its text, sums, and where its counts end;
// then the counts, as pairs of steps between blocks and rows, each value's with a checksum. Numbers are varints.

// appendTo writes the section; its first part has this many bytes.
func (s *fieldSums) appendTo(dst []byte) (section []byte, head int) {
	start := len(dst)
	values := make([]*valueSums, 0, len(s.values))
	for _, v := range s.values {
		values = append(values, v)
	}
	slices.SortFunc(values, func(a, b *valueSums) int { return strings.Compare(a.total.Value, b.total.Value) })
	dst = binary.AppendUvarint(dst, uint64(len(values)))
	var counts []byte
	for _, v := range values {
		counts = appendCounts(counts, v.blocks)
		dst = binary.AppendUvarint(dst, uint64(len(v.total.Value)))
		dst = append(dst, v.total.Value...)
		dst = binary.AppendUvarint(dst, uint64(v.total.Count))
		dst = binary.AppendVarint(dst, v.total.Rows)
		dst = binary.AppendVarint(dst, v.total.Bytes)
		dst = binary.AppendVarint(dst, micros(v.total.Duration))
		dst = binary.AppendUvarint(dst, uint64(len(counts)))
	}
	head = len(dst) - start
	return append(dst, counts...), head
}

func appendCounts(dst []byte, counts []BlockCount) []byte {
	start := len(dst)
	next := 0
	for _, c := range counts {
		dst = binary.AppendUvarint(dst, uint64(c.Block-next))
		dst = binary.AppendUvarint(dst, uint64(c.Rows))
		next = c.Block + 1
	}
	return appendChecksum(dst, start)
}

// storedSums are a field's values as the side index has them.
type storedSums struct {
	values []audit.TopValue
	ends   []int64 // of each value's counts
	size   int
}

func decodeSums(head []byte) (*storedSums, error) {
	r := reader{buf: head}
	n := r.uvarint()
	if n > maxValues {
		return nil, errIndex
	}
	s := &storedSums{size: 64}
	for range n {
		v := audit.TopValue{Value: string(r.bytes(r.uvarint())), Count: int64(r.uvarint()), Rows: r.varint(), Bytes: r.varint(),
			Duration: microsOf(r.varint())}
		s.values = append(s.values, v)
		s.ends = append(s.ends, int64(r.uvarint()))
		s.size += len(v.Value) + 80
	}
	return s, r.end()
}

func decodeCounts(part []byte, blocks int) ([]BlockCount, error) {
	r := reader{buf: part}
	var counts []BlockCount
	for next := 0; len(r.buf) > 0 && r.err == nil; {
		step, rows := r.uvarint(), r.uvarint()
		if step >= uint64(blocks) || next+int(step) >= blocks {
			return nil, errIndex
		}
		counts = append(counts, BlockCount{Block: next + int(step), Rows: int(rows)})
		next += int(step) + 1
	}
	return counts, r.end()
}
