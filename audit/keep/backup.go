package keep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
	"github.com/sallyport/sallyport/audit/recording"
)

// BackupOptions say what to copy where.
type BackupOptions struct {
	// Journal is the journal's directory, of a server that may be running.
	Journal string
	// To is a directory, or a file whose name ends in .tar or .tar.zst. A directory that holds an earlier backup of the
	// same journal gets what is new; a file must not exist.
	To string
	// Recordings are the directories of what terminals showed, each copied as a directory of its own name. One that does not exist is none.
	Recordings []string
	// Link makes hard links of what never changes instead of copies; both directories are on one file system then.
	Link bool
}

// Backup is what was copied.
type Backup struct {
	From     uint64 `json:"from"`   // the oldest record
	Before   uint64 `json:"before"` // the number after the last segment's first, at least; records follow up to its end
	Segments int    `json:"segments"`
	// Recordings is the number of files of what terminals showed.
	Recordings int           `json:"recordings"`
	Files      int           `json:"files"`  // all of them
	Bytes      int64         `json:"bytes"`  // that the backup holds
	Copied     int64         `json:"copied"` // of which were copied now; the rest is linked
	Took       time.Duration `json:"took_ns"`
}

// errMoved says that retention removed segments while they were copied.
var errMoved = errors.New("the journal's oldest records were removed meanwhile")

const backupTries = 3

// MakeBackup copies a journal, which may be written to meanwhile: everything that stands in it when this is called. The
// copy appears under its name when it is complete and on disk, or not at all.
func MakeBackup(ctx context.Context, o BackupOptions) (Backup, error) {
	began := time.Now()
	if err := o.check(); err != nil {
		return Backup{}, err
	}
	for try := 1; ; try++ {
		b, err := makeBackup(ctx, o)
		b.Took = time.Since(began)
		if !errors.Is(err, errMoved) || try == backupTries {
			return b, err
		}
	}
}

func (o BackupOptions) check() error {
	segments, err := journal.ListSegments(o.Journal)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if len(segments) == 0 {
		return fmt.Errorf("back up: %s holds no journal; its files end in .journal", o.Journal)
	}
	from, err := filepath.Abs(o.Journal)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	to, err := filepath.Abs(o.To)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	for _, dir := range append([]string{from}, o.Recordings...) {
		if dir, err = filepath.Abs(dir); err != nil {
			return fmt.Errorf("back up: %w", err)
		}
		if to == dir || strings.HasPrefix(to, dir+string(filepath.Separator)) {
			return fmt.Errorf("back up: %s lies within the journal or the recordings; give a place outside of them, best on another disk", o.To)
		}
	}
	if isArchive(o.To) && o.Link {
		return errors.New("back up: an archive cannot hold links; give a directory or leave --link away")
	}
	return nil
}

// target is where a backup is written.
type target interface {
	// add takes the first size bytes of f, under a name relative to the journal's directory, with slashes.
	add(name string, f *os.File, size int64, constant bool) error
	// commit makes the backup appear, on disk.
	commit(ctx context.Context) error
	// abandon removes what was written; after commit it does nothing.
	abandon()
	// copied is how many bytes were written so far.
	copied() int64
}

func makeBackup(ctx context.Context, o BackupOptions) (b Backup, err error) {
	var to target
	if isArchive(o.To) {
		to, err = newArchive(o.To)
	} else {
		to, err = newTree(o)
	}
	if err != nil {
		return b, err
	}
	defer to.abandon()
	c := copier{ctx: ctx, dir: o.Journal, recordings: o.Recordings, to: to}
	if err := c.run(); err != nil {
		return b, err
	}
	if err := to.commit(ctx); err != nil {
		return b, err
	}
	c.backup.Copied = to.copied()
	return c.backup, nil
}

// copier goes through a journal's files. Their order makes the copy consistent while the journal grows: checkpoints
// and hashes first, which the segments copied after them cover; side files last, which were written before the records
// that refer to them. Recordings come after the records that tell of them: they only grow.
type copier struct {
	ctx        context.Context
	dir        string
	recordings []string
	to         target
	backup     Backup
}

func (c *copier) run() error {
	before, err := beginning(c.dir)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	for _, step := range []func() error{c.proofFiles, c.segments, c.sideFiles} {
		if err := step(); err != nil {
			return fmt.Errorf("back up: %w", err)
		}
	}
	after, err := beginning(c.dir)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if before != after {
		return fmt.Errorf("back up: %w", errMoved)
	}
	if err := c.terminals(); err != nil {
		return fmt.Errorf("back up recordings: %w", err)
	}
	c.backup.From, err = journal.First(c.dir)
	return err
}

// beginning is what changes when the journal's oldest records are removed: its first record, the plan, and what is left
// of the removed.
func beginning(dir string) (string, error) {
	first, err := journal.First(dir)
	if err != nil {
		return "", err
	}
	all := strconv.FormatUint(first, 10)
	for _, name := range []string{planFile, filepath.Join(proof.Dir, "base.json")} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		all += "\n" + string(b)
	}
	return all, nil
}

// terminals takes the recordings.
func (c *copier) terminals() error {
	for _, dir := range c.recordings {
		err := recording.EachStored(dir, func(f recording.Stored) error {
			err := c.terminal(dir, f)
			if errors.Is(err, fs.ErrNotExist) { // retention, or a sign that is not needed any more
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) terminal(dir string, of recording.Stored) error {
	f, err := os.Open(filepath.Join(dir, filepath.FromSlash(of.Name)))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	isSign := filepath.Ext(of.Name) == ""
	if of.Growing && !isSign {
		if size, err = recording.WholeBytes(f); err != nil {
			return err
		}
	}
	if !isSign {
		c.backup.Recordings++
	}
	return c.add(filepath.Base(dir)+"/"+of.Name, f, size, !of.Growing)
}

// passedOver says which of the directory's files are no part of a backup: the lock, what is being written, and what is
// made anew from the rest.
func passedOver(name string) bool {
	return name == "lock" || name == planFile || name == referencesDir || strings.HasPrefix(name, tempPrefix)
}

// proofFiles takes everything that is neither segment nor side file, the newest checkpoint first.
func (c *copier) proofFiles() error {
	var names []string
	err := filepath.WalkDir(c.dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(c.dir, path)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == sideFilesDir || passedOver(name)):
			return filepath.SkipDir
		case entry.Type().IsRegular() && !passedOver(entry.Name()) && filepath.Ext(name) != ".journal":
			names = append(names, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(rank(a)-rank(b), strings.Compare(a, b)) })
	for _, name := range names {
		if err := c.whole(name, false); err != nil {
			return err
		}
	}
	return nil
}

// rank puts the newest checkpoint before all that it stands on.
func rank(name string) int {
	if name == proof.Dir+"/checkpoint" {
		return 0
	}
	return 1
}

func (c *copier) segments() error {
	segments, err := journal.ListSegments(c.dir)
	if err != nil {
		return err
	}
	for i, s := range segments {
		name := filepath.Base(s.Path)
		c.backup.Segments++
		c.backup.Before = s.First
		if i < len(segments)-1 {
			err = c.whole(name, true)
		} else {
			err = c.active(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// active takes the whole records of the segment that is being written.
func (c *copier) active(name string) error {
	f, err := os.Open(filepath.Join(c.dir, name))
	if err != nil {
		return moved(err)
	}
	defer f.Close()
	size, err := journal.WholeBytes(f)
	if err != nil {
		return err
	}
	return c.add(name, f, size, false)
}

func (c *copier) sideFiles() error {
	return journal.EachStoredSideFile(c.dir, func(s journal.StoredSideFile) error {
		name, err := filepath.Rel(c.dir, s.Path)
		if err != nil {
			return err
		}
		err = c.whole(filepath.ToSlash(name), true)
		if errors.Is(err, errMoved) { // set aside or taken back between listing and opening
			return c.renamed(s)
		}
		return err
	})
}

// renamed takes a side file under the other of its two names; one that is gone was referred to by nothing.
func (c *copier) renamed(s journal.StoredSideFile) error {
	for _, retired := range []bool{false, true} {
		name, err := filepath.Rel(c.dir, journal.SideFilePath(c.dir, s.SHA256, retired))
		if err != nil {
			return err
		}
		err = c.whole(filepath.ToSlash(name), true)
		if !errors.Is(err, errMoved) {
			return err
		}
	}
	return nil
}

// whole takes a file as it is.
func (c *copier) whole(name string, constant bool) error {
	f, err := os.Open(filepath.Join(c.dir, filepath.FromSlash(name)))
	if err != nil {
		return moved(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return c.add(name, f, info.Size(), constant)
}

func (c *copier) add(name string, f *os.File, size int64, constant bool) error {
	if c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	c.backup.Files++
	c.backup.Bytes += size
	return c.to.add(name, f, size, constant)
}

func moved(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errMoved
	}
	return err
}

// sideFilesDir is the journal's directory of side files.
const sideFilesDir = "blobs"

func isArchive(path string) bool {
	return strings.HasSuffix(path, ".tar") || strings.HasSuffix(path, ".tar.zst")
}
