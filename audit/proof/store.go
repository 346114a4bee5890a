package proof

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// store keeps the leaf hashes: a file for each block of blockSize records, 32 bytes for each record, and behind the
// last the block's root. Nothing of it need be synced for each checkpoint, since all can be computed again.
type store struct {
	dir   string // the proof's
	base  *tree  // of the records whose hashes may be gone
	roots []tlog.Hash
	first uint64 // the block that roots begins with

	f    *os.File // of the block that is being written
	open uint64   // which that is
}

const fullHashFile = (blockSize + 1) * tlog.HashSize

// openStore reads the base alone.
func openStore(dir string) (*store, error) {
	s := &store{dir: dir}
	base, err := readBase(os.DirFS(dir), baseFile)
	if err != nil {
		return nil, err
	}
	s.setBase(base)
	return s, nil
}

func (s *store) setBase(base *tree) {
	s.base, s.first, s.roots = base, base.size()>>blockLevel, nil
}

// readBase reads the tree of dropped records; an empty one when there is no such file.
func readBase(dir fs.FS, name string) (*tree, error) {
	b, err := fs.ReadFile(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return &tree{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", baseFile, err)
	}
	var r Removal
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read %s: %w", baseFile, err)
	}
	t, err := r.tree()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", baseFile, err)
	}
	if want, _ := json.Marshal(r); string(want) != string(b) {
		return nil, fmt.Errorf("read %s: it is not as it was written", baseFile)
	}
	return t, nil
}

func (s *store) path(block uint64) string {
	return filepath.Join(s.dir, hashesDir, numberedName(block<<blockLevel, hashesSuffix))
}

// keep stores leaf hashes. When they fill their block, its file is brought to the disk.
func (s *store) keep(l leaves) error {
	if err := s.write(l); err != nil {
		return fmt.Errorf("write hashes: %w", err)
	}
	if l.root != nil {
		s.roots = append(s.roots, *l.root)
	}
	return nil
}

func (s *store) write(l leaves) error {
	if err := s.openBlock(l.first >> blockLevel); err != nil {
		return err
	}
	buf := make([]byte, 0, (len(l.hashes)+1)*tlog.HashSize)
	for i := range l.hashes {
		buf = append(buf, l.hashes[i][:]...)
	}
	if l.root != nil {
		buf = append(buf, l.root[:]...)
	}
	if _, err := s.f.WriteAt(buf, int64(l.first%blockSize)*tlog.HashSize); err != nil {
		return err
	}
	if l.root == nil {
		return nil
	}
	return errors.Join(s.f.Sync(), s.close())
}

func (s *store) openBlock(block uint64) error {
	if s.f != nil && s.open == block {
		return nil
	}
	if err := s.close(); err != nil {
		return err
	}
	f, err := os.OpenFile(s.path(block), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	s.f, s.open = f, block
	return nil
}

func (s *store) close() error {
	if s.f == nil {
		return nil
	}
	err := s.f.Close()
	s.f = nil
	return err
}

// storedRoot is the root at the end of a block's file; fs.ErrNotExist when the file is missing or not full.
func (s *store) storedRoot(block uint64) (root tlog.Hash, err error) {
	f, err := os.Open(s.path(block))
	if err != nil {
		return root, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != fullHashFile {
		return root, errors.Join(err, fs.ErrNotExist)
	}
	_, err = f.ReadAt(root[:], blockSize*tlog.HashSize)
	return root, err
}

// leaves reads the leaf hashes of the records [from, to), which lie in one block.
func (s *store) leaves(from, to uint64) ([]tlog.Hash, error) {
	f, err := os.Open(s.path(from >> blockLevel))
	if err != nil {
		return nil, fmt.Errorf("read hashes: %w", err)
	}
	defer f.Close()
	buf := make([]byte, (to-from)*tlog.HashSize)
	if _, err := f.ReadAt(buf, int64(from%blockSize)*tlog.HashSize); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read hashes %s: %w", f.Name(), err)
	}
	leaves := make([]tlog.Hash, to-from)
	for i := range leaves {
		copy(leaves[i][:], buf[i*tlog.HashSize:])
	}
	return leaves, nil
}

// treeAt is the tree over the records [0, size), which must not be fewer than the base's.
func (s *store) treeAt(size uint64) (*tree, error) {
	t := s.base.clone()
	if size < t.size() {
		return nil, fmt.Errorf("records before %d were removed; a tree of %d cannot be computed", t.size(), size)
	}
	for t.size() < size {
		from, block := t.size(), t.size()>>blockLevel
		to := (block + 1) << blockLevel
		if at := block - s.first; from%blockSize == 0 && to <= size && at < uint64(len(s.roots)) {
			t.pushBlock(s.roots[at])
			continue
		}
		leaves, err := s.leaves(from, min(to, size))
		if err != nil {
			return nil, err
		}
		for _, h := range leaves {
			t.push(h)
		}
	}
	return t, nil
}

// ReadHashes implements tlog.HashReader.
func (s *store) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		var err error
		if hashes[i], err = s.hash(level, uint64(n)); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

// hash is the root of the perfect subtree over the records [n<<level, (n+1)<<level).
func (s *store) hash(level int, n uint64) (tlog.Hash, error) {
	from, to := n<<level, (n+1)<<level
	gone := s.base.size()
	switch {
	case to <= gone:
		return s.baseHash(level, from)
	case from >= gone && level == blockLevel:
		if at := n - s.first; at < uint64(len(s.roots)) {
			return s.roots[at], nil
		}
		return tlog.Hash{}, fmt.Errorf("block %d is not full", n)
	case from >= gone && level < blockLevel:
		leaves, err := s.leaves(from, to)
		if err != nil {
			return tlog.Hash{}, err
		}
		var c compact
		for _, h := range leaves {
			c.push(h)
		}
		return c.nodes[0], nil
	}
	left, err := s.hash(level-1, 2*n)
	if err != nil {
		return tlog.Hash{}, err
	}
	right, err := s.hash(level-1, 2*n+1)
	return tlog.NodeHash(left, right), err
}

// baseHash finds a subtree among those that the base is the sum of.
func (s *store) baseHash(level int, from uint64) (tlog.Hash, error) {
	at, size := uint64(0), s.base.size()
	for _, h := range s.base.nodes() {
		top := bits.Len64(size-at) - 1
		if at == from && top == level {
			return h, nil
		}
		at += 1 << top
	}
	return tlog.Hash{}, fmt.Errorf("the hashes of records before %d were dropped", size)
}

// drop forgets the hashes of records before base's end, on disk.
func (s *store) drop(base *tree) error {
	b, err := json.Marshal(newRemoval(base))
	if err != nil {
		return fmt.Errorf("write %s: %w", baseFile, err)
	}
	if err := replaceFile(filepath.Join(s.dir, baseFile), b); err != nil {
		return fmt.Errorf("write %s: %w", baseFile, err)
	}
	if err := syncDir(s.dir); err != nil {
		return err
	}
	first := base.size() >> blockLevel
	s.roots = slices.Clone(s.roots[min(first-s.first, uint64(len(s.roots))):])
	s.base, s.first = base, first
	blocks, err := listNumbered(filepath.Join(s.dir, hashesDir), hashesSuffix)
	if err != nil {
		return err
	}
	for _, n := range blocks {
		if n>>blockLevel >= first {
			break
		}
		if err := os.Remove(s.path(n >> blockLevel)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("drop hashes: %w", err)
		}
	}
	return nil
}

// listNumbered lists the numbers of dir's files of that kind, ascending.
func listNumbered(dir, suffix string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	var numbers []uint64
	for _, entry := range entries {
		if n, ok := parseNumberedName(entry.Name(), suffix); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}
