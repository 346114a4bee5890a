package proof

import (
	"bytes"
	"crypto/sha256"
	"hash"

	"golang.org/x/mod/sumdb/tlog"
)

// leafHasher computes leaf hashes (RFC 6962, section 2.1) without allocating. It is not safe for concurrent use.
type leafHasher struct {
	h   hash.Hash
	sum []byte
}

func newLeafHasher() leafHasher { return leafHasher{sha256.New(), make([]byte, 0, sha256.Size)} }

func (l *leafHasher) leaf(record []byte) tlog.Hash {
	l.h.Reset()
	l.sum = append(l.sum[:0], 0)
	l.h.Write(l.sum)
	l.h.Write(record)
	l.sum = l.h.Sum(l.sum[:0])
	return tlog.Hash(l.sum)
}

// leaves are hashes of consecutive records of one block.
type leaves struct {
	first  uint64
	hashes []tlog.Hash
	root   *tlog.Hash // the block's, when they fill it
}

// mayBeAct says whether a record may be an act of the given action. It looks at the bytes alone, and is wrong only in
// saying yes.
func mayBeAct(record []byte, action string) bool {
	const typeAt = 256 // the type stands behind number, ID and time
	return bytes.Contains(record[:min(len(record), typeAt)], []byte(`"type":"admin"`)) && bytes.Contains(record, []byte(action))
}
