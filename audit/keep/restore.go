package keep

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
	"github.com/sallyport/sallyport/audit/recording"
)

// Restore makes a journal directory of a backup: a directory or an archive that MakeBackup made. The directory must not
// exist, or be empty. It appears under its name when all of it was verified and is on disk, or not at all. Recordings appear
// beside it just before, under the names that they have in the backup, which must be as free; recording.Verify says whether
// they are what the journal says.
func Restore(ctx context.Context, from, to string, o proof.VerifyOptions) (report proof.Report, err error) {
	to, err = filepath.Abs(to)
	if err != nil {
		return report, fmt.Errorf("restore: %w", err)
	}
	if err := mustBeFree(to); err != nil {
		return report, err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return report, fmt.Errorf("restore: %w", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(to), "."+filepath.Base(to)+".restore-")
	if err != nil {
		return report, fmt.Errorf("restore: %w", err)
	}
	defer func() {
		if err != nil {
			os.RemoveAll(work)
		}
	}()
	if err := fill(ctx, from, work); err != nil {
		return report, fmt.Errorf("restore: %w", err)
	}
	if report, err = verify(ctx, work, o); err != nil {
		return report, fmt.Errorf("restore: the backup does not verify, and nothing was restored: %w", err)
	}
	if err := syncTree(work); err != nil {
		return report, fmt.Errorf("restore: %w", err)
	}
	if err := placeRecordings(work, filepath.Dir(to)); err != nil {
		return report, err
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return report, fmt.Errorf("restore: %w", err)
	}
	if err := os.Rename(work, to); err != nil {
		return report, fmt.Errorf("restore: %w", err)
	}
	return report, syncDir(filepath.Dir(to))
}

// placeRecordings moves the recordings of a restored journal to their place beside it.
func placeRecordings(work, beside string) error {
	var names []string
	for _, name := range []string{recording.OwnDir, recording.ShippedDir} {
		if _, err := os.Stat(filepath.Join(work, name)); err == nil {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if err := mustBeFree(filepath.Join(beside, name)); err != nil {
			return err
		}
	}
	for _, name := range names {
		to := filepath.Join(beside, name)
		if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("restore recordings: %w", err)
		}
		if err := os.Rename(filepath.Join(work, name), to); err != nil {
			return fmt.Errorf("restore recordings: %w", err)
		}
	}
	return nil
}

// verify re-reads a journal's directory; what is wrong with it is an error.
func verify(ctx context.Context, dir string, o proof.VerifyOptions) (proof.Report, error) {
	report, err := proof.Verify(ctx, dir, o)
	if err == nil && report.Fault != nil {
		err = report.Fault
	}
	return report, err
}

func mustBeFree(to string) error {
	entries, err := os.ReadDir(to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("restore: %s is not empty: give a new directory, or move what is there away", to)
	}
	return nil
}

// fill copies the backup into dir.
func fill(ctx context.Context, from, dir string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if !isArchive(from) {
			return fmt.Errorf("%s is neither a directory nor a .tar or .tar.zst file", from)
		}
		return unpack(from, dir)
	}
	var need int64
	err = eachFile(from, func(_ string, info fs.FileInfo) error {
		need += info.Size()
		return nil
	})
	if err != nil {
		return err
	}
	if err := journal.CheckSpace(dir, need); err != nil {
		return err
	}
	return eachFile(from, func(name string, info fs.FileInfo) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f, err := os.Open(filepath.Join(from, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		defer f.Close()
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		return copyFile(to, f, info.Size(), info)
	})
}

// syncTree brings the names of all files below dir to the disk; their bytes are there.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return syncDir(path)
	})
}
