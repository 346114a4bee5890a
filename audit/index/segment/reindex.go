package segment

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Reindex writes the side index of the segment at path anew from its rows. A block that is damaged becomes a candidate
// of every search, so that the damage is noticed there, and is in no sums. What is wrong with the Parquet file as a
// whole is a *FileError.
func Reindex(path string) (Info, error) {
	f, err := os.Open(path)
	if err != nil {
		return Info{}, &FileError{Path: path, Err: err}
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return Info{}, &FileError{Path: path, Err: err}
	}
	meta, err := readFooter(f, stat.Size())
	if err != nil {
		return Info{}, &FileError{Path: path, Err: err}
	}
	r := reindexer{file: f, path: path, size: stat.Size(), cache: NewCache(0)}
	return r.run(meta)
}

// reindexer goes through the pages of a Parquet file in the order in which they stand.
type reindexer struct {
	file   *os.File
	path   string
	size   int64
	cache  *Cache // for its decoder
	index  *indexWriter
	groups []pages
	last   blockMeta
}

func (r *reindexer) run(meta *format.FileMetaData) (Info, error) {
	temporary := indexPath(r.path) + temporaryExt
	var err error
	if r.index, err = createIndex(temporary); err != nil {
		return Info{}, err
	}
	defer func() {
		if r.index.file.Close() == nil {
			_ = os.Remove(temporary)
		}
	}()
	for i := range meta.RowGroups {
		if err := r.group(&meta.RowGroups[i]); err != nil {
			return Info{}, err
		}
	}
	if len(r.index.meta) == 0 {
		return Info{}, &FileError{Path: r.path, Err: errors.New("it has no rows")}
	}
	if err := r.index.finish(r.groups, r.size); err != nil {
		return Info{}, err
	}
	info := infoOf(r.index.meta, r.size, r.index.offset)
	if err := r.index.file.Close(); err != nil {
		return Info{}, fmt.Errorf("close side index: %w", err)
	}
	if err := os.Rename(temporary, indexPath(r.path)); err != nil {
		return Info{}, fmt.Errorf("name side index: %w", err)
	}
	return info, syncDir(filepath.Dir(r.path))
}

// columnPages are a column chunk's.
type columnPages struct {
	dictionary *dictionary
	pages      []location
	values     []int // of each page
	err        error // of the chunk
}

// group takes in a row group. Its blocks are told apart by the pages of the column of sequence numbers, or of
// any other that is whole.
func (r *reindexer) group(group *format.RowGroup) error {
	var columns [columnCount]columnPages
	var dictionaries pages
	blocks := 0
	for c := range columnCount {
		chunk := &columns[c]
		*chunk = r.chunk(c, &group.Columns[c].MetaData, &dictionaries[c])
		if chunk.err == nil {
			blocks = max(blocks, len(chunk.pages))
		}
	}
	rows := rowsOf(&columns, blocks)
	if rows == nil {
		return &FileError{Path: r.path, Err: fmt.Errorf("no column of row group %d is whole", len(r.groups))}
	}
	r.index.trailer.groups = append(r.index.trailer.groups, len(r.index.meta))
	r.groups = append(r.groups, dictionaries)
	for i := range blocks {
		if err := r.block(&columns, i, rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// rowsOf are the rows of each block, as a column with one value a row has them.
func rowsOf(columns *[columnCount]columnPages, blocks int) []int {
	for c := range columnCount {
		if columns[c].err == nil && columnSpecs[c].kind != kindList && len(columns[c].pages) == blocks && blocks > 0 {
			return columns[c].values
		}
	}
	return nil
}

// chunk finds a column chunk's pages and reads its dictionary.
func (r *reindexer) chunk(c column, meta *format.ColumnMetaData, dictionary *location) columnPages {
	var p columnPages
	offset, end := meta.DataPageOffset, meta.DataPageOffset+meta.TotalCompressedSize
	if hasDictionary(c) {
		offset, end = meta.DictionaryPageOffset, meta.DictionaryPageOffset+meta.TotalCompressedSize
	}
	if offset < 0 || end > r.size || end < offset {
		return columnPages{err: errPage}
	}
	for offset < end {
		at, header, err := r.header(offset, end)
		if err != nil {
			return columnPages{err: err}
		}
		if header.Type == format.DictionaryPage {
			body, err := r.body(c, at)
			if err == nil {
				p.dictionary, err = decodeDictionary(body)
			}
			if err != nil {
				return columnPages{err: err}
			}
			*dictionary = at
		} else {
			p.pages = append(p.pages, at)
			p.values = append(p.values, int(header.DataPageHeader.NumValues))
		}
		offset += int64(at.header + at.size)
	}
	if hasDictionary(c) && p.dictionary == nil {
		return columnPages{err: errPage}
	}
	return p
}

// header reads the page's header at offset, and where its body stands.
func (r *reindexer) header(offset, end int64) (at location, h *format.PageHeader, err error) {
	const longest = 4 << 10
	buf := make([]byte, min(longest, end-offset))
	if _, err := r.file.ReadAt(buf, offset); err != nil {
		return at, nil, err
	}
	defer func() {
		if cause := recover(); cause != nil { // thrift's decoder indexes what damage may tell it to
			err = fmt.Errorf("a page's header is damaged: %v", cause)
		}
	}()
	h = new(format.PageHeader)
	source := &countingReader{buf: buf}
	if err := thrift.NewDecoder((&thrift.CompactProtocol{}).NewReader(source)).Decode(h); err != nil {
		return at, nil, fmt.Errorf("decode page header: %w", err)
	}
	at = location{offset: offset, header: source.at, size: int(h.CompressedPageSize), raw: int(h.UncompressedPageSize)}
	switch {
	case at.size < 0 || at.raw < 0 || at.raw > largestPage || int64(at.header+at.size) > end-offset:
		return at, nil, errPage
	case h.Type == format.DataPage && h.DataPageHeader != nil, h.Type == format.DictionaryPage:
	default:
		return at, nil, errPage
	}
	page := make([]byte, at.header+at.size)
	if _, err := r.file.ReadAt(page, offset); err != nil {
		return at, nil, err
	}
	at.sum = crc32.Checksum(page, castagnoli())
	if crc32.ChecksumIEEE(page[at.header:]) != uint32(h.CRC) {
		at.sum++ // stays damaged for who reads it by the new side index
	}
	return at, h, nil
}

// countingReader says how many bytes were read.
type countingReader struct {
	buf []byte
	at  int
}

func (r *countingReader) Read(p []byte) (int, error) {
	if r.at == len(r.buf) {
		return 0, errPage
	}
	n := copy(p, r.buf[r.at:])
	r.at += n
	return n, nil
}

func (r *countingReader) ReadByte() (byte, error) {
	if r.at == len(r.buf) {
		return 0, errPage
	}
	r.at++
	return r.buf[r.at-1], nil
}

func (r *reindexer) body(c column, at location) ([]byte, error) {
	s := Segment{data: r.file, cache: r.cache, info: Info{DataBytes: r.size}}
	return s.readPage(c, at)
}

// block takes in one block, or a stand-in when one of its columns is damaged.
func (r *reindexer) block(columns *[columnCount]columnPages, i, rows int) error {
	b := &Block{rows: rows, shared: AllColumns}
	var places pages
	damaged := rows < 1 || rows > BlockRows
	if damaged {
		return &FileError{Path: r.path, Err: errPage}
	}
	for c := range columnCount {
		chunk := &columns[c]
		if chunk.err != nil || i >= len(chunk.pages) {
			damaged = true
			continue
		}
		places[c] = chunk.pages[i]
		body, err := r.body(c, places[c])
		if err == nil {
			b.columns[c], err = decodePage(c, body, rows, chunk.dictionary)
		}
		damaged = damaged || err != nil
	}
	r.index.blocks = append(r.index.blocks, places)
	if damaged {
		return r.index.addDamaged(r.standIn(b))
	}
	if err := r.index.add(b); err != nil {
		return err
	}
	r.last = r.index.meta[len(r.index.meta)-1]
	return nil
}

// standIn says as much of a damaged block as its columns tell.
func (r *reindexer) standIn(b *Block) blockMeta {
	m := blockMeta{rows: b.rows, firstSeq: r.last.lastSeq, lastSeq: r.last.lastSeq, from: r.last.to, to: r.last.to}
	if b.columns[colSeq] != nil {
		m.firstSeq, m.lastSeq = b.Seq(0), b.Seq(b.rows-1)
	}
	if b.columns[colTime] != nil {
		m.from, m.to = b.number(colTime, 0), b.number(colTime, b.rows-1)
	}
	r.last = m
	return m
}
