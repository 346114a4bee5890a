package proof

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// noteFiles are the files of checkpoints, which the newest one is appended to.
type noteFiles struct {
	dir     string
	perFile int

	f     *os.File // the newest; nil before the first checkpoint
	size  int64    // of its whole checkpoints, in bytes
	count int
}

// openNoteFiles cuts what a crash left of a checkpoint that was being written, and returns the newest that is whole, in
// its signed form; nil when there is none.
func openNoteFiles(dir string, perFile int) (*noteFiles, []byte, error) {
	n := &noteFiles{dir: dir, perFile: perFile}
	firsts, err := listNumbered(dir, checkpointsSuffix)
	if err != nil {
		return nil, nil, err
	}
	for _, first := range slices.Backward(firsts) {
		latest, err := n.recoverFile(n.path(first))
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("open checkpoints %s: %w", n.path(first), err), n.close())
		}
		if latest != nil {
			return n, latest, nil
		}
	}
	return n, nil, nil
}

// recoverFile makes the file the one that is appended to. A file without a whole checkpoint is removed: its crash
// came before its first.
func (n *noteFiles) recoverFile(path string) (latest []byte, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer func() {
		if n.f != f {
			f.Close()
		}
	}()
	r := newNoteReader(f)
	_, err = r.header()
	count := 0
	for err == nil {
		var b []byte
		if b, err = r.next(); err == nil {
			latest = b
			count++
		}
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, errTorn) {
		return nil, err
	}
	if latest == nil {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
		return nil, syncDir(n.dir)
	}
	if err := f.Truncate(r.offset); err != nil {
		return nil, err
	}
	n.f, n.size, n.count = f, r.offset, count
	return latest, nil
}

func (n *noteFiles) path(size uint64) string {
	return filepath.Join(n.dir, numberedName(size, checkpointsSuffix))
}

// append stores a signed checkpoint of that size, on disk. prev is the one before it.
func (n *noteFiles) append(signed []byte, size uint64, prev Checkpoint) error {
	if n.f == nil || n.count >= n.perFile {
		return n.begin(signed, size, prev)
	}
	b := append(slices.Clone(signed), '\n')
	_, err := n.f.WriteAt(b, n.size)
	if err == nil {
		err = n.f.Sync()
	}
	if err != nil {
		// Not whole, perhaps: what stands there must not be taken for a checkpoint, nor hide the next.
		return errors.Join(fmt.Errorf("write checkpoint: %w", err), n.f.Truncate(n.size))
	}
	n.size += int64(len(b))
	n.count++
	return nil
}

// begin makes a new file that holds one checkpoint.
func (n *noteFiles) begin(signed []byte, size uint64, prev Checkpoint) error {
	h := notesHeader{size: prev.Size, root: prev.Root}
	if prev.Size == 0 {
		h.root = emptyRoot()
	}
	b := append([]byte(h.line()), signed...)
	b = append(b, '\n')
	path := n.path(size)
	if err := replaceFile(path, b); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	if err := syncDir(n.dir); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	err = n.close()
	n.f, n.size, n.count = f, int64(len(b)), 1
	return err
}

// drop removes files whose checkpoints are all of fewer records than before, but never the newest.
func (n *noteFiles) drop(before uint64) error { return dropNotes(n.dir, before) }

// dropNotes is drop for the files in dir.
func dropNotes(dir string, before uint64) error {
	firsts, err := listNumbered(dir, checkpointsSuffix)
	if err != nil {
		return err
	}
	for i := 0; i+1 < len(firsts) && firsts[i+1] <= before; i++ {
		if err := os.Remove(filepath.Join(dir, numberedName(firsts[i], checkpointsSuffix))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("drop checkpoints: %w", err)
		}
	}
	return nil
}

func (n *noteFiles) close() error {
	if n.f == nil {
		return nil
	}
	err := n.f.Close()
	n.f = nil
	return err
}
