package keep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
)

// tree is a backup in a directory. It is always written as a new directory beside the old one, which it then replaces:
// what has not changed since is a hard link to the old one's file, so that an earlier backup costs neither time nor
// space, and is never touched.
type tree struct {
	o      BackupOptions
	to     string // the directory's name, absolute
	work   string // where it is written
	old    string // the earlier backup; empty when there is none
	dirs   map[string]bool
	bytes  int64
	landed bool
}

// newTree checks the place and makes the directory to write to.
func newTree(o BackupOptions) (*tree, error) {
	to, err := filepath.Abs(o.To)
	if err != nil {
		return nil, fmt.Errorf("back up: %w", err)
	}
	t := &tree{o: o, to: to, dirs: map[string]bool{}}
	if err := t.adopt(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return nil, fmt.Errorf("back up: %w", err)
	}
	if t.work, err = os.MkdirTemp(filepath.Dir(to), workPrefix(to)); err != nil {
		return nil, fmt.Errorf("back up: %w", err)
	}
	if err := t.checkSpace(); err != nil {
		t.abandon()
		return nil, err
	}
	return t, nil
}

// workPrefix begins the names of directories that a backup to that place is written to.
func workPrefix(to string) string { return "." + filepath.Base(to) + ".backup-" }

// adopt finds the earlier backup. A directory that holds something else is refused: it would be replaced.
func (t *tree) adopt() error {
	if err := finishSwap(t.to); err != nil {
		return err
	}
	entries, err := os.ReadDir(t.to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if len(entries) == 0 {
		return nil
	}
	theirs, err := oldest(t.to)
	if err != nil {
		return fmt.Errorf("back up: %s is no earlier backup, and not empty: give another place (%w)", t.to, err)
	}
	ours, err := oldest(t.o.Journal)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if theirs.Gateway != ours.Gateway {
		return fmt.Errorf("back up: %s holds a backup of the gateway %q, not of %q: give another place", t.to, theirs.Gateway, ours.Gateway)
	}
	t.old = t.to
	return nil
}

// oldest is the header of a journal's oldest segment.
func oldest(dir string) (journal.Header, error) {
	segments, err := journal.ListSegments(dir)
	if err != nil {
		return journal.Header{}, err
	}
	if len(segments) == 0 {
		return journal.Header{}, errors.New("it holds no journal")
	}
	return journal.ReadHeader(segments[0].Path)
}

func (t *tree) checkSpace() error {
	if t.o.Link {
		return nil
	}
	var need int64
	for i, dir := range append([]string{t.o.Journal}, t.o.Recordings...) {
		under := ""
		if i > 0 {
			under = filepath.Base(dir) + "/"
		}
		err := eachFile(dir, func(name string, info fs.FileInfo) error {
			if !t.unchanged(under+name, info) {
				need += info.Size()
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("back up: %w", err)
		}
	}
	return journal.CheckSpace(filepath.Dir(t.to), need)
}

// eachFile calls visit for each regular file below dir.
func eachFile(dir string, visit func(name string, info fs.FileInfo) error) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return visit(filepath.ToSlash(name), info)
	})
}

// unchanged says whether the earlier backup has the file as it is. A side file is named by its content; others also
// have their time.
func (t *tree) unchanged(name string, info fs.FileInfo) bool {
	if t.old == "" {
		return false
	}
	have, err := os.Lstat(filepath.Join(t.old, filepath.FromSlash(name)))
	return err == nil && have.Mode().IsRegular() && have.Size() == info.Size() &&
		(strings.HasPrefix(name, sideFilesDir+"/") || have.ModTime().Equal(info.ModTime()))
}

func (t *tree) add(name string, f *os.File, size int64, constant bool) error {
	path := filepath.Join(t.work, filepath.FromSlash(name))
	if dir := filepath.Dir(path); !t.dirs[dir] {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		t.dirs[dir] = true
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if constant && t.unchanged(name, info) {
		return os.Link(filepath.Join(t.old, filepath.FromSlash(name)), path)
	}
	if constant && t.o.Link {
		err := os.Link(f.Name(), path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w; hard links need both directories on one file system: leave --link away", err)
		}
		return moved(err)
	}
	t.bytes += size
	return copyFile(path, io.NewSectionReader(f, 0, size), size, info)
}

// copyFile writes size bytes to a new file that gets the original's time, on disk when it returns.
func copyFile(path string, r io.Reader, size int64, original fs.FileInfo) error {
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(to, r)
	if err == nil && n != size {
		err = fmt.Errorf("%s has %d bytes, and had %d", original.Name(), n, size)
	}
	if err == nil {
		err = to.Sync()
	}
	if err := errors.Join(err, to.Close()); err != nil {
		return err
	}
	return os.Chtimes(path, original.ModTime(), original.ModTime())
}

func (t *tree) copied() int64 { return t.bytes }

// commit puts the new directory in the old one's place.
func (t *tree) commit(ctx context.Context) error {
	for dir := range t.dirs {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	if err := syncDir(t.work); err != nil {
		return err
	}
	if err := t.explainRemoved(ctx); err != nil {
		return err
	}
	if err := replaceDir(t.work, t.to); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	t.landed = true
	return nil
}

// explainRemoved makes sure, where the earlier backup holds records that the journal does not any more, that the record
// itself names their removal: else somebody deleted them, and the earlier backup may be all that is left of them.
func (t *tree) explainRemoved(ctx context.Context) error {
	if t.old == "" {
		return nil
	}
	theirs, err := journal.First(t.old)
	if err != nil {
		return err
	}
	ours, err := journal.First(t.work)
	if err != nil {
		return err
	}
	if ours <= theirs {
		return nil
	}
	if _, err := verify(ctx, t.work, proof.VerifyOptions{}); err != nil {
		return fmt.Errorf("back up: the earlier backup %s holds the records from %d on, the journal only those from %d on, and "+
			"nothing proves that they were removed by retention: the earlier backup is left as it is; back up to another place, "+
			"and find out what happened: %w", t.old, theirs, ours, err)
	}
	return nil
}

func (t *tree) abandon() {
	if !t.landed && t.work != "" {
		os.RemoveAll(t.work)
	}
}
