package segment

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

const (
	dataExt      = ".parquet"
	indexExt     = ".index"
	temporaryExt = ".tmp"

	// groupBlocks is how many blocks a row group has at most: they share its dictionaries.
	groupBlocks = 8
)

// Writer writes a segment. Use it from one goroutine. It keeps a row group's compressed pages in memory.
type Writer struct {
	path    string
	file    *os.File
	out     *bufio.Writer
	offset  int64
	zstd    *zstd.Encoder
	encoder pageEncoder
	index   *indexWriter

	dicts    [columnCount]*dictionary
	buffered [columnCount]columnBuffer
	inGroup  int
	rows     int64 // of the row group

	groups    []format.RowGroup
	groupDirs []pages
	total     int64
	lastSeq   uint64
	scratch   []byte
}

// columnBuffer holds a column's data pages until its row group is written.
type columnBuffer struct {
	bytes  []byte
	pages  []location // offsets are within bytes
	values int64
	raw    int64
	least  int64 // of a column of numbers
	most   int64
}

// Create begins a segment at path, which ends in ".parquet". Nothing stands there until Finish.
func Create(path string) (*Writer, error) {
	if !strings.HasSuffix(path, dataExt) {
		return nil, fmt.Errorf("create segment: %s does not end in %s", path, dataExt)
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	w := &Writer{path: path, zstd: encoder}
	if w.file, err = os.OpenFile(path+temporaryExt, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	w.out = bufio.NewWriterSize(w.file, 1<<16)
	if w.index, err = createIndex(indexPath(path) + temporaryExt); err != nil {
		w.Abort()
		return nil, err
	}
	w.beginGroup()
	if err := w.write([]byte(parquetMagic)); err != nil {
		w.Abort()
		return nil, err
	}
	return w, nil
}

func indexPath(path string) string { return strings.TrimSuffix(path, dataExt) + indexExt }

func (w *Writer) beginGroup() {
	w.inGroup, w.rows = 0, 0
	for c := range columnCount {
		b := &w.buffered[c]
		*b = columnBuffer{bytes: b.bytes[:0], pages: b.pages[:0], least: 1<<63 - 1, most: -1 << 63}
		if hasDictionary(c) {
			w.dicts[c] = newDictionary()
		}
	}
}

func (w *Writer) write(b []byte) error {
	n, err := w.out.Write(b)
	w.offset += int64(n)
	if err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	return nil
}

// Add appends a block, which has all columns and follows the earlier ones by sequence numbers. The block is the caller's
// again when Add returns. After an error only Abort is of use.
func (w *Writer) Add(b *Block) error {
	if b.rows == 0 {
		return nil
	}
	if w.total+w.rows > 0 && b.Seq(0) <= w.lastSeq {
		return fmt.Errorf("write segment: row %d comes after row %d", b.Seq(0), w.lastSeq)
	}
	w.lastSeq = b.Seq(b.rows - 1)
	if w.inGroup == groupBlocks || !w.hasRoom(b) {
		if err := w.endGroup(); err != nil {
			return err
		}
	}
	for c := range columnCount {
		if err := w.addPage(c, b); err != nil {
			return fmt.Errorf("write segment: column %s: %w", columnSpecs[c].name, err)
		}
	}
	w.inGroup++
	w.rows += int64(b.rows)
	return w.index.add(b)
}

// hasRoom says that the row group's dictionaries can take what the block brings.
func (w *Writer) hasRoom(b *Block) bool {
	for c := range columnCount {
		if columnSpecs[c].kind == kindCode && w.dicts[c].len()+b.columns[c].dict.len() > maxCodes {
			return false
		}
	}
	return true
}

// addPage appends the block's page of a column.
func (w *Writer) addPage(c column, b *Block) error {
	buffer := &w.buffered[c]
	body, values, err := w.encoder.encode(c, b.columns[c], b.rows, w.dicts[c])
	if err != nil {
		return err
	}
	header := &format.PageHeader{Type: format.DataPage, DataPageHeader: &format.DataPageHeader{
		NumValues: int32(values), Encoding: encodingOf(c), DefinitionLevelEncoding: format.RLE,
		RepetitionLevelEncoding: format.RLE}}
	start := len(buffer.bytes)
	var at location
	if buffer.bytes, at, err = w.appendPage(buffer.bytes, c, header, body); err != nil {
		return err
	}
	at.offset = int64(start)
	buffer.pages = append(buffer.pages, at)
	buffer.values += int64(values)
	buffer.raw += int64(at.header + at.raw)
	for _, n := range b.columns[c].numbers {
		buffer.least, buffer.most = min(buffer.least, n), max(buffer.most, n)
	}
	return nil
}

// appendPage writes a page with its header.
func (w *Writer) appendPage(dst []byte, c column, h *format.PageHeader, body []byte) ([]byte, location, error) {
	raw := len(body)
	if isCompressed(c) {
		w.scratch = w.zstd.EncodeAll(body, w.scratch[:0])
		body = w.scratch
	}
	h.UncompressedPageSize, h.CompressedPageSize = int32(raw), int32(len(body))
	h.CRC = int32(crc32.ChecksumIEEE(body))
	start := len(dst)
	dst, err := appendHeader(dst, h)
	if err != nil {
		return dst, location{}, err
	}
	header := len(dst) - start
	dst = append(dst, body...)
	return dst, location{header: header, size: len(body), raw: raw,
		sum: crc32.Checksum(dst[start:], castagnoli())}, nil
}

// endGroup writes the row group.
func (w *Writer) endGroup() error {
	if w.inGroup == 0 {
		return nil
	}
	group := format.RowGroup{NumRows: w.rows, FileOffset: w.offset, Ordinal: int16(len(w.groups))}
	firstBlock := len(w.index.blocks)
	w.index.trailer.groups = append(w.index.trailer.groups, firstBlock)
	w.index.blocks = append(w.index.blocks, make([]pages, w.inGroup)...)
	var dictionaries pages
	for c := range columnCount {
		chunk, err := w.endColumn(c, &dictionaries[c], w.index.blocks[firstBlock:])
		if err != nil {
			return fmt.Errorf("write segment: column %s: %w", columnSpecs[c].name, err)
		}
		group.Columns = append(group.Columns, chunk)
		group.TotalByteSize += chunk.MetaData.TotalUncompressedSize
		group.TotalCompressedSize += chunk.MetaData.TotalCompressedSize
	}
	w.groups = append(w.groups, group)
	w.groupDirs = append(w.groupDirs, dictionaries)
	w.total += w.rows
	w.beginGroup()
	return nil
}

// endColumn writes a column chunk and notes where its pages stand.
func (w *Writer) endColumn(c column, dictionary *location, blocks []pages) (format.ColumnChunk, error) {
	buffer := &w.buffered[c]
	start := w.offset
	meta := format.ColumnMetaData{Type: physicalType(c), Encoding: []format.Encoding{encodingOf(c), format.RLE},
		PathInSchema: []string{columnSpecs[c].name}, Codec: codecOf(c), NumValues: buffer.values,
		TotalUncompressedSize: buffer.raw, DataPageOffset: start}
	if hasDictionary(c) {
		d := w.dicts[c]
		header := &format.PageHeader{Type: format.DictionaryPage, DictionaryPageHeader: &format.DictionaryPageHeader{
			NumValues: int32(d.len()), Encoding: format.Plain}}
		page, at, err := w.appendPage(nil, c, header, encodeDictionary(nil, d))
		if err != nil {
			return format.ColumnChunk{}, err
		}
		at.offset = start
		*dictionary = at
		meta.DictionaryPageOffset = start
		meta.DataPageOffset = start + int64(len(page))
		meta.TotalUncompressedSize += int64(at.header + at.raw)
		meta.Encoding = append(meta.Encoding, format.Plain)
		if err := w.write(page); err != nil {
			return format.ColumnChunk{}, err
		}
	}
	if c == colSeq || c == colTime {
		meta.Statistics = rangeOf(buffer.least, buffer.most)
	}
	for i, at := range buffer.pages {
		at.offset += w.offset
		blocks[i][c] = at
	}
	if err := w.write(buffer.bytes); err != nil {
		return format.ColumnChunk{}, err
	}
	meta.TotalCompressedSize = w.offset - start
	return format.ColumnChunk{FileOffset: start, MetaData: meta}, nil
}

// Finish writes what is left, syncs both files and their directory, and gives them their names: first the side index,
// then the rows, so that a segment that is there is whole. A segment without rows is an error.
func (w *Writer) Finish() (Info, error) {
	info, err := w.finish()
	if err != nil {
		w.Abort()
	}
	return info, err
}

func (w *Writer) finish() (Info, error) {
	if err := w.endGroup(); err != nil {
		return Info{}, err
	}
	if w.total == 0 {
		return Info{}, errors.New("write segment: it has no rows")
	}
	footer, err := appendFooter(nil, w.groups, w.total)
	if err != nil {
		return Info{}, err
	}
	if err := w.write(footer); err != nil {
		return Info{}, err
	}
	if err := w.out.Flush(); err != nil {
		return Info{}, fmt.Errorf("write segment: %w", err)
	}
	if err := w.file.Sync(); err != nil {
		return Info{}, fmt.Errorf("sync segment: %w", err)
	}
	if err := w.index.finish(w.groupDirs, w.offset); err != nil {
		return Info{}, err
	}
	info := infoOf(w.index.meta, w.offset, w.index.offset)
	if err := errors.Join(w.file.Close(), w.index.file.Close()); err != nil {
		return Info{}, fmt.Errorf("close segment: %w", err)
	}
	for _, path := range []string{indexPath(w.path), w.path} {
		if err := os.Rename(path+temporaryExt, path); err != nil {
			return Info{}, fmt.Errorf("name segment: %w", err)
		}
	}
	_ = w.zstd.Close()
	return info, syncDir(filepath.Dir(w.path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

// Abort takes away what was written. After Finish it does nothing.
func (w *Writer) Abort() {
	_ = w.zstd.Close()
	if w.file != nil && w.file.Close() == nil {
		_ = os.Remove(w.path + temporaryExt)
	}
	if w.index != nil && w.index.file.Close() == nil {
		_ = os.Remove(indexPath(w.path) + temporaryExt)
	}
}

// Info says what a segment holds.
type Info struct {
	Rows, Blocks      int
	FirstSeq, LastSeq uint64
	// From and To are the earliest and the latest time, both included.
	From, To time.Time
	// DataBytes and IndexBytes are the files' sizes.
	DataBytes, IndexBytes int64
}

func infoOf(blocks []blockMeta, data, index int64) Info {
	info := Info{Blocks: len(blocks), DataBytes: data, IndexBytes: index}
	if len(blocks) == 0 {
		return info
	}
	from, to := blocks[0].from, blocks[0].to
	for _, m := range blocks {
		info.Rows += m.rows
		from, to = min(from, m.from), max(to, m.to)
	}
	info.FirstSeq, info.LastSeq = blocks[0].firstSeq, blocks[len(blocks)-1].lastSeq
	info.From, info.To = microTime(from), microTime(to)
	return info
}

// Remove deletes a segment's files, the rows first. What is missing already is no error.
func Remove(path string) error {
	for _, p := range []string{path, indexPath(path)} {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove segment: %w", err)
		}
	}
	return nil
}
