package proof

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// The tree is cut into blocks: perfect subtrees of blockSize records, one file of leaf hashes each.
const (
	blockLevel = 14
	blockSize  = 1 << blockLevel

	// maxSize bounds the number of records, so that a tree's size fits all that is computed with it.
	maxSize = 1 << 62
)

// compact is the right edge of a tree: the roots of the perfect subtrees that its size is the sum of, largest first.
type compact struct {
	size  uint64
	nodes []tlog.Hash
}

func (c *compact) push(h tlog.Hash) {
	c.nodes = append(c.nodes, h)
	for s := c.size; s&1 == 1; s >>= 1 {
		n := len(c.nodes)
		c.nodes[n-2] = tlog.NodeHash(c.nodes[n-2], c.nodes[n-1])
		c.nodes = c.nodes[:n-1]
	}
	c.size++
}

func (c *compact) clone() compact { return compact{c.size, slices.Clone(c.nodes)} }

// tree is a Merkle tree (RFC 6962, section 2.1) of which only the right edge is kept: its blocks, and the records of
// the block that is not full. It grows without allocating once warm.
type tree struct {
	blocks compact // of the roots of full blocks
	block  compact // of the records behind them
}

// size is the number of records.
func (t *tree) size() uint64 { return t.blocks.size<<blockLevel + t.block.size }

// push adds a record's leaf hash. When that fills a block it returns the block's root.
func (t *tree) push(leaf tlog.Hash) (root tlog.Hash, full bool) {
	t.block.push(leaf)
	if t.block.size < blockSize {
		return root, false
	}
	root = t.block.nodes[0]
	t.pushBlock(root)
	return root, true
}

// pushBlock adds a full block; the tree must end with one.
func (t *tree) pushBlock(root tlog.Hash) {
	t.blocks.push(root)
	t.block.size, t.block.nodes = 0, t.block.nodes[:0]
}

// nodes are the roots of the perfect subtrees that the size is the sum of, largest first.
func (t *tree) nodes() []tlog.Hash { return slices.Concat(t.blocks.nodes, t.block.nodes) }

// root is the tree's hash.
func (t *tree) root() tlog.Hash {
	nodes := t.nodes()
	if len(nodes) == 0 {
		return emptyRoot()
	}
	h := nodes[len(nodes)-1]
	for i := len(nodes) - 2; i >= 0; i-- {
		h = tlog.NodeHash(nodes[i], h)
	}
	return h
}

func (t *tree) clone() *tree { return &tree{t.blocks.clone(), t.block.clone()} }

// emptyRoot is the hash of a tree without records: that of no bytes.
func emptyRoot() tlog.Hash {
	h, _ := tlog.TreeHash(0, nil) // asks for no hash, and so cannot fail
	return h
}

// treeOf is the tree of that size whose right edge is nodes.
func treeOf(size uint64, nodes []tlog.Hash) (*tree, error) {
	if len(nodes) != bits.OnesCount64(size) {
		return nil, fmt.Errorf("a tree of %d records has %d subtrees, not %d", size, bits.OnesCount64(size), len(nodes))
	}
	upper := bits.OnesCount64(size >> blockLevel)
	return &tree{
		blocks: compact{size >> blockLevel, slices.Clone(nodes[:upper])},
		block:  compact{size % blockSize, slices.Clone(nodes[upper:])},
	}, nil
}

// parseHash reads a hash in base64, in its only form.
func parseHash(text string) (h tlog.Hash, err error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != tlog.HashSize || len(text) != base64.StdEncoding.EncodedLen(tlog.HashSize) {
		return h, errors.New("not a hash: it must be 32 bytes in base64")
	}
	copy(h[:], raw)
	return h, nil
}
