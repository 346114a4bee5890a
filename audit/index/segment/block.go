package segment

import (
	"bytes"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport/sallyport/audit"
)

const (
	// BlockRows is the most rows that a Block holds.
	BlockRows = 4096
	// blockBytes is how many bytes of texts fill a block that has fewer rows.
	blockBytes = 32 << 20
)

// Block is up to BlockRows rows in memory, by columns. It is not safe for concurrent use, but for reading while
// nobody changes it. One that a Segment gives holds the columns that were asked for: asking it for others panics.
type Block struct {
	rows    int
	columns [columnCount]*data
	shared  Columns // what others read, too: copied before a change
	bytes   int     // of texts that were appended

	scopes  []knownScope // by the code of their session
	scratch []byte
}

// data is one column of a block; its kind says which members it has.
type data struct {
	numbers []int64
	codes   []uint16
	dict    *dictionary
	text    []byte
	spans   []span
	ids     []uuid.UUID
}

// NewBlock is an empty block, to be appended to.
func NewBlock() *Block {
	b := &Block{}
	for c := range columnCount {
		b.columns[c] = &data{}
		if k := columnSpecs[c].kind; k == kindCode || k == kindList {
			b.columns[c].dict = newDictionary()
		}
	}
	return b
}

// Reset empties the block and keeps its memory.
func (b *Block) Reset() {
	b.rows, b.bytes = 0, 0
	for i := range b.scopes {
		b.scopes[i].members = b.scopes[i].members[:0]
	}
	for _, d := range b.columns {
		d.numbers, d.codes, d.text = d.numbers[:0], d.codes[:0], d.text[:0]
		d.spans, d.ids = d.spans[:0], d.ids[:0]
		if d.dict != nil {
			d.dict.reset()
		}
	}
}

// Len is the number of rows.
func (b *Block) Len() int { return b.rows }

// Full says that the block takes no more rows.
func (b *Block) Full() bool { return b.rows == BlockRows || b.bytes >= blockBytes }

// grow adds an empty value to each column.
func (b *Block) grow() {
	b.rows++
	for c, d := range b.columns {
		switch columnSpecs[c].kind {
		case kindNumber:
			d.numbers = append(d.numbers, 0)
		case kindCode, kindList:
			d.codes = append(d.codes, 0)
		case kindBytes:
			end := uint32(len(d.text)) // spans ascend, empty ones among them
			d.spans = append(d.spans, span{end, end})
		case kindID:
			d.ids = append(d.ids, uuid.UUID{})
		}
	}
}

// shrink takes the last row away again.
func (b *Block) shrink() {
	b.rows--
	for c, d := range b.columns {
		switch columnSpecs[c].kind {
		case kindNumber:
			d.numbers = d.numbers[:b.rows]
		case kindCode, kindList:
			d.codes = d.codes[:b.rows]
		case kindBytes:
			d.spans = d.spans[:b.rows]
		case kindID:
			d.ids = d.ids[:b.rows]
		}
	}
}

func (d *data) setText(row int, text []byte) {
	start := uint32(len(d.text))
	d.text = append(d.text, text...)
	d.spans[row] = span{start, uint32(len(d.text))}
}

func (d *data) textOf(row int) []byte {
	s := d.spans[row]
	return d.text[s.start:s.end]
}

func (d *data) valueOf(row int) []byte { return d.dict.value(uint32(d.codes[row])) }

// bytesOf is a row's value of a column of codes or of bytes.
func (b *Block) bytesOf(c column, row int) []byte {
	if columnSpecs[c].kind == kindBytes {
		return b.columns[c].textOf(row)
	}
	return b.columns[c].valueOf(row)
}

func (b *Block) number(c column, row int) int64 { return b.columns[c].numbers[row] }

// own makes a column the block's own to change.
func (b *Block) own(c column) *data {
	if !b.shared.has(c) {
		return b.columns[c]
	}
	b.shared &^= 1 << c
	d := *b.columns[c]
	d.numbers, d.codes = append([]int64(nil), d.numbers...), append([]uint16(nil), d.codes...)
	d.text, d.spans = bytes.Clone(d.text), append([]span(nil), d.spans...)
	if d.dict != nil {
		d.dict = d.dict.clone()
	}
	b.columns[c] = &d
	return &d
}

// size is about how much memory the column takes, without its dictionary.
func (d *data) size() int {
	return 8*cap(d.numbers) + 2*cap(d.codes) + cap(d.text) + 8*cap(d.spans) + 16*cap(d.ids) + 160
}

// Seq is a row's sequence number.
func (b *Block) Seq(row int) uint64 { return uint64(b.number(colSeq, row)) }

// Time is when the row was recorded.
func (b *Block) Time(row int) time.Time { return time.UnixMicro(b.number(colTime, row)).UTC() }

// ID is a row's ID.
func (b *Block) ID(row int) string { return string(b.appendID(nil, row)) }

// Type is a row's type of event.
func (b *Block) Type(row int) audit.Type { return audit.Type(b.bytesOf(colType, row)) }

func (b *Block) appendID(dst []byte, row int) []byte {
	if id := b.columns[colID].ids[row]; id != (uuid.UUID{}) {
		return appendUUID(dst, &id)
	}
	return append(dst, b.bytesOf(colIDText, row)...)
}

func appendUUID(dst []byte, id *uuid.UUID) []byte {
	var text [36]byte
	hex.Encode(text[0:8], id[0:4])
	hex.Encode(text[9:13], id[4:6])
	hex.Encode(text[14:18], id[6:8])
	hex.Encode(text[19:23], id[8:10])
	hex.Encode(text[24:36], id[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return append(dst, text[:]...)
}

// canonicalUUID reads an ID; false when it is no UUID in lower case, or the zero one.
func canonicalUUID(text []byte) (uuid.UUID, bool) {
	var id uuid.UUID
	if len(text) != 36 {
		return id, false
	}
	at := 0
	for i := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			if text[at] != '-' {
				return uuid.UUID{}, false
			}
			at++
		}
		high, low := hexValues[text[at]], hexValues[text[at+1]]
		if high|low > 15 {
			return uuid.UUID{}, false
		}
		id[i] = high<<4 | low
		at += 2
	}
	return id, id != (uuid.UUID{})
}

var hexValues = func() (values [256]byte) {
	for i := range values {
		values[i] = 255
	}
	for i, c := range []byte("0123456789abcdef") {
		values[c] = byte(i)
	}
	return values
}()

// IDColumns are what Find needs.
const IDColumns Columns = 1<<colID | 1<<colIDText

// Find finds a row by ID; it needs IDColumns only.
func (b *Block) Find(id string) (row int, ok bool) {
	if want, ok := canonicalUUID([]byte(id)); ok {
		for row, have := range b.columns[colID].ids {
			if have == want {
				return row, true
			}
		}
		return 0, false
	}
	for row, have := range b.columns[colID].ids {
		if have == (uuid.UUID{}) && string(b.bytesOf(colIDText, row)) == id {
			return row, true
		}
	}
	return 0, false
}
