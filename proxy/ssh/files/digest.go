package files

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"
)

const (
	// maxEarly is how many pieces of one file may have come before one that belongs in front of them.
	maxEarly = 64
	// maxEarlyBytes bounds the memory that such pieces take in a channel.
	maxEarlyBytes = 4 << 20
)

// digest hashes a file's content by its offsets, as it is transferred: a little out of order, but each byte once.
type digest struct {
	hash   hash.Hash
	next   uint64  // how far it goes
	early  []piece // what came before its turn, in order
	budget *int    // what early pieces may still take in the channel, in bytes
	broken bool    // it can tell nothing any more
}

type piece struct {
	offset uint64
	data   []byte
}

func newDigest(budget *int) *digest { return &digest{hash: sha256.New(), budget: budget} }

// add takes the piece at the offset. It keeps nothing of data.
func (d *digest) add(offset uint64, data []byte) {
	switch {
	case d.broken || len(data) == 0:
	case offset == d.next:
		d.take(data)
		for len(d.early) > 0 && d.early[0].offset == d.next {
			d.take(d.early[0].data)
			*d.budget += len(d.early[0].data)
			d.early = slices.Delete(d.early, 0, 1)
		}
		if len(d.early) > 0 && d.early[0].offset < d.next {
			d.breakOff()
		}
	case offset < d.next || len(d.early) == maxEarly || len(data) > *d.budget:
		d.breakOff()
	default:
		*d.budget -= len(data)
		at, _ := slices.BinarySearchFunc(d.early, offset, func(p piece, offset uint64) int {
			if p.offset < offset {
				return -1
			}
			return 1
		})
		d.early = slices.Insert(d.early, at, piece{offset, slices.Clone(data)})
	}
}

func (d *digest) take(data []byte) {
	d.hash.Write(data)
	d.next += uint64(len(data))
}

// breakOff gives up: what was transferred is not a file's content from its first byte on.
func (d *digest) breakOff() {
	for _, p := range d.early {
		*d.budget += len(p.data)
	}
	d.early, d.hash, d.broken = nil, nil, true
}

// sum is the digest in hexadecimal; empty when there is none.
func (d *digest) sum() string {
	if d.broken || len(d.early) > 0 {
		return ""
	}
	return hex.EncodeToString(d.hash.Sum(nil))
}
