package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sort"
	"time"

	"github.com/sallyport/sallyport/audit/query"
)

// Segment is an open segment. It holds two open files and about 50 bytes of memory a block; all else is read when it is
// asked for. It is safe for concurrent use.
type Segment struct {
	path    string
	data    *os.File
	index   *os.File
	cache   *Cache
	id      uint64
	trailer trailer
	blocks  []blockMeta
	info    Info
}

// BlockInfo says what a block of a segment holds, without reading it.
type BlockInfo struct {
	Rows              int
	FirstSeq, LastSeq uint64
	From, To          time.Time // both included
}

// Open opens the segment at path. A file that is missing, cut short or no such file is a *FileError that says which of
// the two it is. One with a damaged side index alone can be opened after Reindex.
func Open(path string, cache *Cache) (*Segment, error) {
	s := &Segment{path: path, cache: cache}
	if err := s.open(); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Segment) open() error {
	var err error
	if s.data, err = os.Open(s.path); err != nil {
		return &FileError{Path: s.path, Err: err}
	}
	size, err := wholeParquet(s.data)
	if err != nil {
		return &FileError{Path: s.path, Err: err}
	}
	if s.index, err = os.Open(indexPath(s.path)); err != nil {
		return s.indexError(err)
	}
	indexSize, err := s.readTrailer()
	if err != nil {
		return s.indexError(err)
	}
	if s.trailer.dataSize != size {
		return &FileError{Path: s.path,
			Err: fmt.Errorf("%d bytes where its side index says %d: one of the two is not whole", size, s.trailer.dataSize)}
	}
	if err := s.readMeta(); err != nil {
		return s.indexError(err)
	}
	s.info = infoOf(s.blocks, size, indexSize)
	s.id = s.cache.open()
	return nil
}

func (s *Segment) indexError(err error) error {
	return &FileError{Path: indexPath(s.path), Index: true, Err: err}
}

// wholeParquet says how long the file is, if it begins and ends as it must.
func wholeParquet(f *os.File) (int64, error) {
	stat, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := stat.Size()
	var head, tail [len(parquetMagic)]byte
	if size < int64(len(head)+footerTail) {
		return 0, errors.New("too short for a Parquet file")
	}
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return 0, err
	}
	if _, err := f.ReadAt(tail[:], size-int64(len(tail))); err != nil {
		return 0, err
	}
	if string(head[:]) != parquetMagic || string(tail[:]) != parquetMagic {
		return 0, errors.New("not a whole Parquet file")
	}
	return size, nil
}

// readTrailer reads what stands where in the side index.
func (s *Segment) readTrailer() (size int64, err error) {
	stat, err := s.index.Stat()
	if err != nil {
		return 0, err
	}
	size = stat.Size()
	var tail [tailSize]byte
	if size < int64(len(tail)+len(indexMagic)) {
		return 0, errIndex
	}
	if _, err := s.index.ReadAt(tail[:], size-int64(tailSize)); err != nil {
		return 0, err
	}
	if string(tail[8:]) != indexMagic || string(tail[4:8]) != "side" {
		return 0, errors.New("not a whole side index of this version")
	}
	length := int64(binary.LittleEndian.Uint32(tail[:]))
	if length > min(maxTrailer, size-int64(tailSize)) {
		return 0, errIndex
	}
	body, err := s.readPart(part{size - int64(tailSize) - length, length})
	if err != nil {
		return 0, err
	}
	s.trailer, err = decodeTrailer(body, size)
	return size, err
}

// readPart reads a part of the side index that ends with its checksum.
func (s *Segment) readPart(p part) ([]byte, error) {
	buf := make([]byte, p.size)
	if _, err := s.index.ReadAt(buf, p.offset); err != nil {
		return nil, err
	}
	body, ok := checked(buf)
	if !ok {
		return nil, errIndex
	}
	return body, nil
}

// decodeTrailer reads the trailer of a side index of so many bytes.
func decodeTrailer(body []byte, size int64) (trailer, error) {
	r := reader{buf: body}
	t := trailer{dataSize: int64(r.uvarint()), sums: map[query.Field]sumsPart{}}
	within := func(p part) part {
		if p.offset < 0 || p.size < 0 || p.offset > size || p.size > size-p.offset {
			r.fail()
		}
		return p
	}
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		f := filterPart{offset: int64(r.uvarint())}
		f.positions, f.blocks = int(r.uvarint()), int(r.uvarint())
		if f.blocks < 1 || f.blocks > filterGroup || f.positions < leastBits || f.positions > filterBits ||
			f.positions&(f.positions-1) != 0 {
			r.fail()
			break
		}
		f.width = rowWidth(f.blocks)
		within(part{f.offset, f.size()})
		t.filters = append(t.filters, f)
	}
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		t.groups = append(t.groups, int(r.uvarint()))
	}
	for _, p := range []*part{&t.directory, &t.meta, &t.largest} {
		*p = within(r.part())
	}
	fields := map[string]query.Field{}
	for _, f := range rankedFields() {
		fields[f.String()] = f
	}
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		name := string(r.bytes(r.uvarint()))
		p := sumsPart{part: within(r.part()), head: int64(r.uvarint())}
		if p.head < 0 || p.head > p.size-checksumSize {
			r.fail()
			break
		}
		if f, ok := fields[name]; ok {
			t.sums[f] = p
		}
	}
	return t, r.end()
}

// readMeta reads what is known of the blocks, and checks that all parts agree on their number.
func (s *Segment) readMeta() error {
	body, err := s.readPart(s.trailer.meta)
	if err != nil {
		return err
	}
	r := reader{buf: body}
	for len(r.buf) > 0 && r.err == nil {
		m := blockMeta{rows: int(r.uint32()), firstSeq: r.uint64(), lastSeq: r.uint64(), from: int64(r.uint64()),
			to: int64(r.uint64())}
		if b := r.bytes(1); b != nil {
			m.flags = b[0]
		}
		if m.rows < 1 || m.rows > BlockRows {
			return errIndex
		}
		s.blocks = append(s.blocks, m)
	}
	if r.err != nil {
		return r.err
	}
	filtered := 0
	for i, f := range s.trailer.filters {
		if i > 0 && s.trailer.filters[i-1].blocks != filterGroup {
			return errIndex
		}
		filtered += f.blocks
	}
	t := &s.trailer
	entries := int64(len(t.groups) + len(s.blocks))
	if len(s.blocks) == 0 || filtered != len(s.blocks) || t.directory.size != entries*int64(entrySize) ||
		t.largest.size != int64(len(s.blocks)*8*len(numberFields())+checksumSize) {
		return errIndex
	}
	for i, first := range t.groups {
		if i == 0 && first != 0 || i > 0 && first <= t.groups[i-1] || first >= len(s.blocks) {
			return errIndex
		}
	}
	if len(t.groups) == 0 {
		return errIndex
	}
	return nil
}

// Close closes the files. Blocks that were read stay valid.
func (s *Segment) Close() error {
	var errs []error
	for _, f := range []*os.File{s.data, s.index} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	s.cache.forget(s.id)
	return errors.Join(errs...)
}

// Path is the Parquet file's.
func (s *Segment) Path() string { return s.path }

// Info says what the segment holds.
func (s *Segment) Info() Info { return s.info }

// Blocks is the number of blocks; they are numbered from 0, oldest first.
func (s *Segment) Blocks() int { return len(s.blocks) }

// BlockInfo says what block i holds.
func (s *Segment) BlockInfo(i int) BlockInfo {
	m := s.blocks[i]
	return BlockInfo{Rows: m.rows, FirstSeq: m.firstSeq, LastSeq: m.lastSeq, From: microTime(m.from), To: microTime(m.to)}
}

// Block reads columns of block i. Damage is a *DamageError, and that of this block alone.
func (s *Segment) Block(i int, columns Columns) (*Block, error) {
	b := &Block{rows: s.blocks[i].rows, shared: AllColumns}
	var places *pages
	for c := range columnCount {
		if !columns.has(c) {
			continue
		}
		key := cacheKey{s.id, cachedColumn, uint8(c), i}
		if d, ok := s.cache.get(key); ok {
			b.columns[c] = d.(*data)
			continue
		}
		if places == nil {
			var err error
			if places, err = s.pages(len(s.trailer.groups) + i); err != nil {
				return nil, &DamageError{Path: indexPath(s.path), Block: i, Column: "directory", Err: err}
			}
		}
		d, err := s.readColumn(c, i, places[c])
		if err != nil {
			return nil, &DamageError{Path: s.path, Block: i, Column: columnSpecs[c].name, Err: err}
		}
		b.columns[c] = d
		s.cache.put(key, d, d.size())
	}
	return b, nil
}

// pages reads an entry of the directory.
func (s *Segment) pages(entry int) (*pages, error) {
	body, err := s.readPart(part{s.trailer.directory.offset + int64(entry*entrySize), int64(entrySize)})
	if err != nil {
		return nil, err
	}
	r := reader{buf: body}
	p := new(pages)
	for c := range p {
		p[c] = readLocation(&r)
	}
	return p, r.end()
}

func (s *Segment) readColumn(c column, i int, at location) (*data, error) {
	var shared *dictionary
	if hasDictionary(c) {
		var err error
		if shared, err = s.dictionary(c, i); err != nil {
			return nil, fmt.Errorf("dictionary: %w", err)
		}
	}
	body, err := s.readPage(c, at)
	if err != nil {
		return nil, err
	}
	return decodePage(c, body, s.blocks[i].rows, shared)
}

// dictionary is that of the row group of block i.
func (s *Segment) dictionary(c column, i int) (*dictionary, error) {
	groups := s.trailer.groups
	group := sort.Search(len(groups), func(g int) bool { return groups[g] > i }) - 1
	key := cacheKey{s.id, cachedDictionary, uint8(c), group}
	if d, ok := s.cache.get(key); ok {
		return d.(*dictionary), nil
	}
	places, err := s.pages(group)
	if err != nil {
		return nil, err
	}
	body, err := s.readPage(c, places[c])
	if err != nil {
		return nil, err
	}
	d, err := decodeDictionary(body)
	if err == nil {
		s.cache.put(key, d, d.size())
	}
	return d, err
}

var errChecksum = errors.New("the checksum does not hold")

// readPage reads a page's body.
func (s *Segment) readPage(c column, at location) ([]byte, error) {
	if at.size < 0 || at.size > largestPage || at.raw > largestPage || at.offset > s.info.DataBytes {
		return nil, errPage
	}
	buf := make([]byte, at.header+at.size)
	if _, err := s.data.ReadAt(buf, at.offset); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errPage
		}
		return nil, err
	}
	if crc32.Checksum(buf, castagnoli()) != at.sum {
		return nil, errChecksum
	}
	body := buf[at.header:]
	if !isCompressed(c) {
		return body, nil
	}
	raw, err := s.cache.decoder.DecodeAll(body, make([]byte, 0, at.raw))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return raw, nil
}
