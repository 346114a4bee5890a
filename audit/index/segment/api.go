package segment

import (
	"fmt"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

// BlockRows is the most rows that a Block holds.
const BlockRows = 4096

// SideFiles reads the bytes of a side file; nil reads none, and texts are then what the record itself holds.
type SideFiles func(file *audit.SideFile) ([]byte, error)

// Head is what a record begins with, and what its place in the index depends on.
type Head struct {
	Seq  uint64
	ID   []byte
	Type audit.Type
	Of   []byte // of a result: the statement's ID
}

// ParseHead reads a record's head. Its slices are parts of record.
func ParseHead(record []byte) (Head, error) { return Head{}, nil }

// Block is up to BlockRows rows in memory, by columns. It is not safe for concurrent use, but for reading while
// nobody changes it. One that a Segment gives holds the columns that were asked for: asking it for others panics.
type Block struct{}

// NewBlock is an empty block, to be appended to.
func NewBlock() *Block { return &Block{} }

// Reset empties the block and keeps its memory.
func (b *Block) Reset() {}

// Len is the number of rows.
func (b *Block) Len() int { return 0 }

// Full says that the block takes no more rows.
func (b *Block) Full() bool { return false }

// Append adds the row of a record that is no result, given as audit.Event.AppendJSON writes it; other JSON of an event
// works, too. After an error the block is as it was.
func (b *Block) Append(record []byte) error { return nil }

// MergeResult gives a row what a result tells, as audit.Event.Merge does. A row that has its result already, or was
// refused, stays as it is.
func (b *Block) MergeResult(row int, record []byte) error { return nil }

// Seq is a row's sequence number; ID its ID.
func (b *Block) Seq(row int) uint64 { return 0 }

// ID is a row's ID.
func (b *Block) ID(row int) string { return "" }

// Time is when the row was recorded.
func (b *Block) Time(row int) time.Time { return time.Time{} }

// Find finds a row by ID; it needs IDColumns only.
func (b *Block) Find(id string) (row int, ok bool) { return 0, false }

// IDColumns are what Find needs.
const IDColumns Columns = 1<<colID | 1<<colIDText

// Event is the row decoded.
func (b *Block) Event(row int) (audit.Event, error) { return audit.Event{}, nil }

// Record is the row as a query.Matcher judges it. Terms about texts see side files as far as files reads them.
func (b *Block) Record(row int, files SideFiles) query.Record { return nil }

// Select gives the rows among within that v finds; nil within stands for all. exact says that it is sure of them;
// else some of them may not match (texts in side files, when files is nil), and a Matcher must judge them again. No row
// that matches is left out either way.
func (b *Block) Select(v *query.View, within Bitmap, files SideFiles) (rows Bitmap, exact bool) {
	return nil, false
}

// Rank adds up the rows by the values of a field, as a Top does. sum gives what a value's row counts are added to; the
// value is its only until it returns.
func (b *Block) Rank(f query.Field, rows Bitmap, sum func(value []byte) *audit.TopValue) {}

// Seconds counts rows by the second of their time, and calls add for runs of rows of one second, in order of the rows.
func (b *Block) Seconds(rows Bitmap, add func(at time.Time, n int64)) {}

// SecondsBy counts values of a field by the second of their rows' times.
func (b *Block) SecondsBy(f query.Field, rows Bitmap, add func(at time.Time, value []byte, n int64)) {
}

// Late is a result whose statement lies in a segment that was written before the result came.
type Late struct {
	ID     string // of the statement
	Record []byte // the result's JSON
}

// Writer writes a segment. Use it from one goroutine.
type Writer struct{}

// Create begins a segment at path, which ends in ".parquet". Nothing stands there until Finish.
func Create(path string) (*Writer, error) { return nil, nil }

// Add appends a block, which has all columns and follows the earlier ones by sequence numbers. The block is the caller's
// again when Add returns.
func (w *Writer) Add(b *Block) error { return nil }

// Finish writes what is left, syncs both files and their directory, and gives them their names: first the rows, then
// the side index. A segment without rows is an error.
func (w *Writer) Finish() (Info, error) { return Info{}, nil }

// Abort takes away what was written. After Finish it does nothing.
func (w *Writer) Abort() {}

// Info says what a segment holds.
type Info struct {
	Rows, Blocks      int
	FirstSeq, LastSeq uint64
	// From and To are the earliest and the latest time, both included.
	From, To time.Time
	// DataBytes and IndexBytes are the files' sizes.
	DataBytes, IndexBytes int64
}

// BlockInfo says what a block of a segment holds, without reading it.
type BlockInfo struct {
	Rows              int
	FirstSeq, LastSeq uint64
	From, To          time.Time // both included
}

// Cache holds decoded columns of all segments that were opened with it, up to a number of bytes. It is safe for
// concurrent use.
type Cache struct{}

// NewCache is an empty cache of so many bytes.
func NewCache(bytes int64) *Cache { return nil }

// Segment is an open segment. It holds two open files and about 40 bytes of memory a block; all else is read when it is
// asked for. It is safe for concurrent use.
type Segment struct{}

// Open opens the segment at path. A file that is missing, cut short or no such file is a *FileError that says which of
// the two it is. One with a damaged side index alone can be opened after Reindex.
func Open(path string, cache *Cache) (*Segment, error) { return nil, nil }

// Close closes the files. Blocks that were read stay valid.
func (s *Segment) Close() error { return nil }

// Path is the Parquet file's.
func (s *Segment) Path() string { return "" }

// Info says what the segment holds.
func (s *Segment) Info() Info { return Info{} }

// Blocks is the number of blocks; they are numbered from 0, oldest first.
func (s *Segment) Blocks() int { return 0 }

// BlockInfo says what block i holds.
func (s *Segment) BlockInfo(i int) BlockInfo { return BlockInfo{} }

// Block reads columns of block i. Damage is a *DamageError, and that of this block alone.
func (s *Segment) Block(i int, columns Columns) (*Block, error) { return nil, nil }

// Candidates are the blocks that may hold rows that v finds; the others do not. Damage in the side index is a
// *FileError.
func (s *Segment) Candidates(v *query.View) (Bitmap, error) { return nil, nil }

// CandidatesOfID are the blocks that may hold the event of that ID.
func (s *Segment) CandidatesOfID(id string) (Bitmap, error) { return nil, nil }

// Sums are a field's values over the whole segment with their sums, as Block.Rank adds them up; false when there are
// more than the side index keeps, and the blocks must be read.
func (s *Segment) Sums(f query.Field) (sums []audit.TopValue, ok bool, err error) {
	return nil, false, nil
}

// Counts are a field's values with the number of rows in each block; false as for Sums.
func (s *Segment) Counts(f query.Field) (counts []ValueCounts, ok bool, err error) {
	return nil, false, nil
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

// Reindex writes the side index of the segment at path anew from its rows. A block that is damaged becomes a candidate
// of every search, so that the damage is noticed there, and is in no sums.
func Reindex(path string) (Info, error) { return Info{}, nil }

// Remove deletes a segment's files.
func Remove(path string) error { return nil }

// FileError says that one of a segment's files cannot be used at all.
type FileError struct {
	Path string
	// Index says that it is the side index, which Reindex mends.
	Index bool
	Err   error
}

func (e *FileError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }

func (e *FileError) Unwrap() error { return e.Err }

// DamageError says that a block cannot be read; the others can.
type DamageError struct {
	Path   string
	Block  int
	Column string
	Err    error
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s: block %d, column %s: %v", e.Path, e.Block, e.Column, e.Err)
}

func (e *DamageError) Unwrap() error { return e.Err }
