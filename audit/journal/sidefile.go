package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/audit"
)

const (
	blobDir    = "blobs"
	tempPrefix = ".tmp-"
	headBytes  = 4 << 10 // of a statement in a side file, kept in the record as well
)

// OpenSideFile opens the side file that a record of the journal in dir refers to, by its SHA-256 in hex.
func OpenSideFile(dir, sum string) (*os.File, error) {
	if raw, err := hex.DecodeString(sum); err != nil || len(raw) != sha256.Size {
		return nil, fmt.Errorf("open side file: %q is no SHA-256", sum)
	}
	f, err := os.Open(filepath.Join(dir, blobDir, sum[:2], sum))
	if err != nil {
		return nil, fmt.Errorf("open side file: %w", err)
	}
	return f, nil
}

// spill returns e when all of it fits into its record, else a copy that refers to side files, which are on disk by
// then. The event itself is not changed.
func (j *Journal) spill(e *audit.Event) (*audit.Event, error) {
	limit := j.o.InlineBytes
	longStatement := e.Statement.File == nil && len(e.Statement.Bytes) > limit
	longParam := func(p audit.Param) bool { return p.File == nil && len(p.Value) > limit }
	if !longStatement && !slices.ContainsFunc(e.Params, longParam) {
		return e, nil
	}
	c := *e
	if longStatement {
		file, err := j.writeSideFile(e.Statement.Bytes)
		if err != nil {
			return nil, err
		}
		c.Statement = audit.Text{Bytes: head(e.Statement.Bytes), File: file}
	}
	c.Params = slices.Clone(e.Params)
	for i, p := range c.Params {
		if !longParam(p) {
			continue
		}
		file, err := j.writeSideFile(p.Value)
		if err != nil {
			return nil, err
		}
		c.Params[i] = audit.Param{Form: p.Form, File: file}
	}
	return &c, nil
}

// head is the beginning of b, without a character that the cut would halve.
func head(b []byte) []byte {
	b = b[:min(len(b), headBytes)]
	for cut := 1; cut < utf8.UTFMax && cut < len(b); cut++ {
		if tail := b[len(b)-cut:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return b[:len(b)-cut]
			}
			break
		}
	}
	return b
}

// writeSideFile stores b under its hash. It is on disk, name and all, when this returns.
func (j *Journal) writeSideFile(b []byte) (*audit.SideFile, error) {
	hash := sha256.Sum256(b)
	file := &audit.SideFile{SHA256: hex.EncodeToString(hash[:]), Size: int64(len(b))}
	dir := filepath.Join(j.dir, blobDir, file.SHA256[:2])
	path := filepath.Join(dir, file.SHA256)
	if info, err := os.Stat(path); err == nil && info.Size() == file.Size {
		// Whoever wrote it may not have come to sync the directory yet.
		return file, SyncDir(dir)
	}
	if err := j.makeBlobDir(dir); err != nil {
		return nil, err
	}
	if err := WriteFile(path, b); err != nil {
		return nil, fmt.Errorf("write side file: %w", err)
	}
	return file, nil
}

// makeBlobDir makes dir and has its name on disk when it returns, whoever made it.
func (j *Journal) makeBlobDir(dir string) error {
	j.blobs.Lock()
	defer j.blobs.Unlock()
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("write side file: %w", err)
	}
	return errors.Join(SyncDir(filepath.Dir(dir)), SyncDir(j.dir))
}

// WriteFile makes path, which lies within a journal's directory, hold exactly b, name and all on disk, or leaves it as it
// was. What a crash leaves of it RemoveTemporaries removes, which is called when the journal is opened.
func WriteFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), tempPrefix)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name()) // the first error is the one to tell
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// RemoveTemporaries removes what a crash left in a journal's directory of files that were being written.
func RemoveTemporaries(dir string) error {
	blobs := filepath.Join(dir, blobDir)
	prefixes, err := os.ReadDir(blobs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove temporary files: %w", err)
	}
	dirs := []string{dir}
	for _, prefix := range prefixes {
		dirs = append(dirs, filepath.Join(blobs, prefix.Name()))
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("remove temporary files: %w", err)
		}
		for _, entry := range entries {
			if !strings.HasPrefix(entry.Name(), tempPrefix) {
				continue
			}
			if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
				return fmt.Errorf("remove temporary files: %w", err)
			}
		}
	}
	return nil
}
