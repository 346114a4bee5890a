package segment

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"github.com/sallyport/sallyport/audit/query"
)

// The side index, little-endian, every part with its CRC-32C:
//
//	magic
//	filters, a group of blocks each (filter.go)
//	directory: of each row group its dictionaries' pages, of each block its data pages
//	blocks: of each block its rows, sequence numbers and times, and whether it is damaged or has texts in side files
//	largest: of each block the largest of its numbers
//	sums of each ranked field (sums.go)
//	trailer: what stands where, and how long the Parquet file is; then its length and magic
const (
	indexMagic   = "SPXI\x00\x00\x00\x02" // the last byte is the format's version
	metaSize     = 4 + 2*8 + 2*8 + 1
	locationSize = 8 + 4 + 4 + 4
	entrySize    = int(columnCount)*locationSize + checksumSize
	tailSize     = 4 + 4 + len(indexMagic)
	maxTrailer   = 16 << 20
)

// blockMeta is what is known of a block without reading it.
type blockMeta struct {
	rows              int
	firstSeq, lastSeq uint64
	from, to          int64 // microseconds
	flags             uint8
}

const (
	hasSideFiles = 1 << iota // texts that the filter does not know
	isDamaged                // nothing is known of the block but its place
)

// location is where a page stands in the Parquet file.
type location struct {
	offset int64
	header int // bytes of the page's header
	size   int // bytes of the body, compressed
	raw    int // bytes of the body
	sum    uint32
}

func (l location) appendTo(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(l.offset)|uint64(l.header)<<48)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(l.size))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(l.raw))
	return binary.LittleEndian.AppendUint32(dst, l.sum)
}

func readLocation(r *reader) location {
	v := r.uint64()
	return location{offset: int64(v & (1<<48 - 1)), header: int(v >> 48), size: int(r.uint32()), raw: int(r.uint32()),
		sum: r.uint32()}
}

type pages [columnCount]location

func (p *pages) appendTo(dst []byte) []byte {
	start := len(dst)
	for _, l := range p {
		dst = l.appendTo(dst)
	}
	return appendChecksum(dst, start)
}

// part is where a part of the side index stands.
type part struct{ offset, size int64 }

func (p part) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(p.offset))
	return binary.AppendUvarint(dst, uint64(p.size))
}

func (r *reader) part() part { return part{int64(r.uvarint()), int64(r.uvarint())} }

// filterPart is where a group's filter stands.
type filterPart struct {
	offset int64
	transposed
	blocks int
}

// trailer is what Open reads of a side index.
type trailer struct {
	dataSize  int64
	filters   []filterPart
	groups    []int // the first block of each row group
	directory part
	meta      part
	largest   part
	sums      map[query.Field]sumsPart
}

// sumsPart is where a field's sums stand.
type sumsPart struct {
	part
	head int64 // bytes of the values; their counts follow
}

func (t *trailer) appendTo(dst []byte) []byte {
	start := len(dst)
	dst = binary.AppendUvarint(dst, uint64(t.dataSize))
	dst = binary.AppendUvarint(dst, uint64(len(t.filters)))
	for _, f := range t.filters {
		dst = binary.AppendUvarint(dst, uint64(f.offset))
		dst = binary.AppendUvarint(dst, uint64(f.positions))
		dst = binary.AppendUvarint(dst, uint64(f.blocks))
	}
	dst = binary.AppendUvarint(dst, uint64(len(t.groups)))
	for _, first := range t.groups {
		dst = binary.AppendUvarint(dst, uint64(first))
	}
	for _, p := range []part{t.directory, t.meta, t.largest} {
		dst = p.appendTo(dst)
	}
	fields := rankedFields()
	dst = binary.AppendUvarint(dst, uint64(len(t.sums)))
	for _, f := range fields {
		if p, ok := t.sums[f]; ok {
			dst = binary.AppendUvarint(dst, uint64(len(f.String())))
			dst = append(dst, f.String()...)
			dst = p.appendTo(dst)
			dst = binary.AppendUvarint(dst, uint64(p.head))
		}
	}
	dst = appendChecksum(dst, start)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(dst)-start))
	dst = append(dst, "side"...)
	return append(dst, indexMagic...)
}

// indexWriter writes a side index while the blocks of a segment go by.
type indexWriter struct {
	file   *os.File
	out    *bufio.Writer
	offset int64
	buf    []byte

	filter  *blockFilter
	waiting [][]uint64 // filters of the group that is being filled
	sums    []*fieldSums
	meta    []blockMeta
	largest []byte
	blocks  []pages
	trailer trailer
}

func createIndex(path string) (*indexWriter, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create side index: %w", err)
	}
	w := &indexWriter{file: f, out: bufio.NewWriterSize(f, 1<<16), filter: newBlockFilter()}
	for _, field := range rankedFields() {
		w.sums = append(w.sums, newFieldSums(field))
	}
	w.trailer.sums = map[query.Field]sumsPart{}
	return w, w.write([]byte(indexMagic))
}

func (w *indexWriter) write(b []byte) error {
	n, err := w.out.Write(b)
	w.offset += int64(n)
	if err != nil {
		return fmt.Errorf("write side index: %w", err)
	}
	return nil
}

func (w *indexWriter) writePart(b []byte) (part, error) {
	p := part{w.offset, int64(len(b))}
	return p, w.write(b)
}

// add takes in the next block, whose data pages stand in the file as pages says.
func (w *indexWriter) add(b *Block) error {
	i := len(w.meta)
	w.filter.begin()
	rows := FullBitmap(b.rows)
	for _, s := range w.sums {
		s.add(b, i, rows, w.filter)
	}
	w.addTexts(b)
	m := blockMeta{rows: b.rows, firstSeq: b.Seq(0), lastSeq: b.Seq(b.rows - 1)}
	m.from, m.to = b.number(colTime, 0), b.number(colTime, 0)
	for row := range b.rows {
		m.from, m.to = min(m.from, b.number(colTime, row)), max(m.to, b.number(colTime, row))
		if m.flags&hasSideFiles == 0 && b.hasFile(row) {
			m.flags |= hasSideFiles
		}
	}
	w.meta = append(w.meta, m)
	for _, f := range numberFields() {
		w.largest = binary.LittleEndian.AppendUint64(w.largest, uint64(b.largest(f)))
	}
	return w.queueFilter(w.filter.positions)
}

// addTexts gives the filter all texts that the block itself holds.
func (w *indexWriter) addTexts(b *Block) {
	statements, params := b.columns[colStatement], b.columns[colParams]
	for row := range b.rows {
		if len(b.bytesOf(colStatementForm, row)) == 0 {
			if text := statements.textOf(row); len(text) > 0 {
				w.filter.addText(text)
			}
		} else {
			w.filter.addText(record{block: b, row: row}.statement())
		}
		raw := params.textOf(row)
		if len(raw) == 0 || w.filter.again(raw) {
			continue
		}
		record{block: b, row: row}.params(func(text []byte) bool {
			w.filter.addText(text)
			return true
		})
	}
}

func (b *Block) largest(f query.Field) int64 {
	most := int64(-1 << 63)
	for row := range b.rows {
		if n, known := b.numberOf(f, row); known {
			most = max(most, n)
		}
	}
	return most
}

// addDamaged stands in for a block that cannot be read.
func (w *indexWriter) addDamaged(m blockMeta) error {
	m.flags |= isDamaged
	w.meta = append(w.meta, m)
	for range numberFields() {
		w.largest = binary.LittleEndian.AppendUint64(w.largest, 1<<63-1)
	}
	return w.queueFilter(make([]uint64, filterBits/64))
}

func (w *indexWriter) queueFilter(positions []uint64) error {
	w.waiting = append(w.waiting, positions)
	if len(w.waiting) < filterGroup {
		return nil
	}
	return w.flushFilters()
}

func (w *indexWriter) flushFilters() error {
	if len(w.waiting) == 0 {
		return nil
	}
	t, body := transpose(w.buf[:0], w.waiting)
	w.buf = body
	w.trailer.filters = append(w.trailer.filters,
		filterPart{offset: w.offset, transposed: t, blocks: len(w.waiting)})
	w.waiting = w.waiting[:0]
	return w.write(body)
}

// finish writes what is left. groups are the dictionaries' pages of each row group.
func (w *indexWriter) finish(groups []pages, dataSize int64) error {
	if err := w.flushFilters(); err != nil {
		return err
	}
	t := &w.trailer
	t.dataSize = dataSize
	buf := w.buf[:0]
	for i := range groups {
		buf = groups[i].appendTo(buf)
	}
	for i := range w.blocks {
		buf = w.blocks[i].appendTo(buf)
	}
	var err error
	if t.directory, err = w.writePart(buf); err != nil {
		return err
	}
	if t.meta, err = w.writePart(appendMeta(buf[:0], w.meta)); err != nil {
		return err
	}
	if t.largest, err = w.writePart(appendChecksum(w.largest, 0)); err != nil {
		return err
	}
	for _, s := range w.sums {
		if s.values == nil {
			continue
		}
		section, head := s.appendTo(buf[:0])
		// The head's checksum stands between it and the counts.
		withSum := appendChecksum(append([]byte(nil), section[:head]...), 0)
		p, err := w.writePart(append(withSum, section[head:]...))
		if err != nil {
			return err
		}
		t.sums[s.field] = sumsPart{p, int64(head)}
	}
	if err := w.write(t.appendTo(nil)); err != nil {
		return err
	}
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("write side index: %w", err)
	}
	if err := w.file.Sync(); err != nil {
		return fmt.Errorf("sync side index: %w", err)
	}
	return nil
}

func appendMeta(dst []byte, blocks []blockMeta) []byte {
	for _, m := range blocks {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(m.rows))
		for _, v := range []uint64{m.firstSeq, m.lastSeq, uint64(m.from), uint64(m.to)} {
			dst = binary.LittleEndian.AppendUint64(dst, v)
		}
		dst = append(dst, m.flags)
	}
	return appendChecksum(dst, 0)
}

func microTime(n int64) time.Time { return time.UnixMicro(n).UTC() }
