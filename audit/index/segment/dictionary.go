package segment

import (
	"bytes"
	"hash/maphash"
	"sync/atomic"

	"github.com/sallyport/sallyport/audit/query"
)

// span is where a value stands in its data.
type span struct{ start, end uint32 }

// dictionary numbers distinct values from 0; number 0 is the empty value, which stands for an absent one.
type dictionary struct {
	data  []byte
	spans []span
	table []uint32 // open addressing; a value's code + 1, or 0
	seed  maphash.Seed

	judged atomic.Pointer[judgement] // the last one: blocks of a row group share their dictionary
}

// judgement says of each code whether a term holds for its value.
type judgement struct {
	term  *query.View // keeps the term in memory, so that no other one gets its address
	holds []bool
}

// judge says of each code whether the term holds for its value; it never does for the empty one.
func (d *dictionary) judge(term *query.View, matches func(value []byte) bool) []bool {
	if last := d.judged.Load(); last != nil && last.term == term && len(last.holds) == len(d.spans) {
		return last.holds
	}
	j := &judgement{term: term, holds: make([]bool, len(d.spans))}
	for code := 1; code < len(d.spans); code++ {
		j.holds[code] = matches(d.value(uint32(code)))
	}
	d.judged.Store(j)
	return j.holds
}

// maxCodes is how many values a block's column can have: its codes are 16 bits.
const maxCodes = 1 << 16

const firstTable = 64

func newDictionary() *dictionary {
	d := &dictionary{table: make([]uint32, firstTable), seed: maphash.MakeSeed()}
	d.code(nil)
	return d
}

func (d *dictionary) len() int { return len(d.spans) }

func (d *dictionary) value(code uint32) []byte {
	s := d.spans[code]
	return d.data[s.start:s.end]
}

// code is the number of a value, which it gets when it is new.
func (d *dictionary) code(value []byte) uint32 {
	mask := uint64(len(d.table) - 1)
	at := maphash.Bytes(d.seed, value) & mask
	for ; d.table[at] != 0; at = (at + 1) & mask {
		if code := d.table[at] - 1; bytes.Equal(d.value(code), value) {
			return code
		}
	}
	code := uint32(len(d.spans))
	d.add(value)
	d.table[at] = code + 1
	if 2*len(d.spans) > len(d.table) {
		d.grow()
	}
	return code
}

func (d *dictionary) add(value []byte) {
	start := uint32(len(d.data))
	d.data = append(d.data, value...)
	d.spans = append(d.spans, span{start, uint32(len(d.data))})
}

func (d *dictionary) grow() {
	d.table = make([]uint32, 4*len(d.table))
	d.rehash()
}

func (d *dictionary) rehash() {
	mask := uint64(len(d.table) - 1)
	for code := range d.spans {
		at := maphash.Bytes(d.seed, d.value(uint32(code))) & mask
		for d.table[at] != 0 {
			at = (at + 1) & mask
		}
		d.table[at] = uint32(code) + 1
	}
}

// index makes a dictionary that was read ready to be added to.
func (d *dictionary) index() {
	size := firstTable
	for size < 4*len(d.spans) {
		size *= 2
	}
	d.table, d.seed = make([]uint32, size), maphash.MakeSeed()
	d.rehash()
}

func (d *dictionary) reset() {
	d.data, d.spans = d.data[:0], d.spans[:0]
	d.judged.Store(nil)
	clear(d.table)
	d.code(nil)
}

// clone is a copy that can be added to while the original is read.
func (d *dictionary) clone() *dictionary {
	c := &dictionary{data: bytes.Clone(d.data), spans: append([]span(nil), d.spans...)}
	c.index()
	return c
}

func (d *dictionary) size() int { return len(d.data) + 8*len(d.spans) + 4*len(d.table) }
