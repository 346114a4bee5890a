package segment

import (
	"iter"
	"math/bits"
)

// Bitmap is a set of rows of a block, or of blocks of a segment: member i is bit i%64 of word i/64.
type Bitmap []uint64

// NewBitmap is the empty set with room for n members.
func NewBitmap(n int) Bitmap { return make(Bitmap, (n+63)/64) }

// FullBitmap is the set of 0 to n-1.
func FullBitmap(n int) Bitmap {
	m := NewBitmap(n)
	for i := range m {
		m[i] = ^uint64(0)
	}
	if n%64 != 0 {
		m[len(m)-1] = 1<<(n%64) - 1
	}
	return m
}

// Has says whether i, which there must be room for, is a member.
func (m Bitmap) Has(i int) bool { return m[i/64]>>(i%64)&1 != 0 }

// Set makes i a member.
func (m Bitmap) Set(i int) { m[i/64] |= 1 << (i % 64) }

// Clear makes i no member.
func (m Bitmap) Clear(i int) { m[i/64] &^= 1 << (i % 64) }

// Count is the number of members.
func (m Bitmap) Count() int {
	n := 0
	for _, w := range m {
		n += bits.OnesCount64(w)
	}
	return n
}

// Empty says that there are no members.
func (m Bitmap) Empty() bool {
	for _, w := range m {
		if w != 0 {
			return false
		}
	}
	return true
}

// All yields the members in ascending order.
func (m Bitmap) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, w := range m {
			for ; w != 0; w &= w - 1 {
				if !yield(i*64 + bits.TrailingZeros64(w)) {
					return
				}
			}
		}
	}
}

// Backward yields the members in descending order, which is newest first.
func (m Bitmap) Backward() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := len(m) - 1; i >= 0; i-- {
			for w := m[i]; w != 0; {
				top := 63 - bits.LeadingZeros64(w)
				if !yield(i*64 + top) {
					return
				}
				w &^= 1 << top
			}
		}
	}
}

func (m Bitmap) clone() Bitmap { return append(Bitmap(nil), m...) }

// and keeps what other has, too; or adds what it has; without takes it away. Both have the same room.
func (m Bitmap) and(other Bitmap) {
	for i, w := range other {
		m[i] &= w
	}
}

func (m Bitmap) or(other Bitmap) {
	for i, w := range other {
		m[i] |= w
	}
}

func (m Bitmap) without(other Bitmap) {
	for i, w := range other {
		m[i] &^= w
	}
}
