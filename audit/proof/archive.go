package proof

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// openFiles opens a journal's directory or an archive of one. The caller calls done in the end.
func openFiles(name, tempDir string) (files fs.FS, done func() error, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, fmt.Errorf("open journal: %w", err)
	}
	if info.IsDir() {
		return os.DirFS(name), func() error { return nil }, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("open archive: %w", err)
	}
	done = f.Close
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open archive %s: %w", name, err), done())
		}
	}()
	magic := make([]byte, 4)
	if _, err := f.ReadAt(magic, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	if bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
		unpacked, err := unpack(f, tempDir)
		if err != nil {
			return nil, done, err
		}
		packed := f
		f = unpacked
		done = func() error { return errors.Join(packed.Close(), unpacked.Close(), os.Remove(unpacked.Name())) }
	}
	archive, err := newArchive(f)
	if err != nil {
		return nil, done, err
	}
	return archive, done, nil
}

// unpack writes what a compressed archive holds into a temporary file: verifying goes to and fro in it.
func unpack(f *os.File, dir string) (*os.File, error) {
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(1<<30))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	out, err := os.CreateTemp(dir, "sally-verify-")
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(out, z); err != nil {
		return nil, errors.Join(err, out.Close(), os.Remove(out.Name()))
	}
	return out, nil
}

// archive is an uncompressed tar whose files are read where they lie.
type archive struct {
	f     *os.File
	files map[string]archived
}

type archived struct {
	offset, size int64
	modified     time.Time
}

// newArchive finds the journal in a tar: the folder that holds its segments.
func newArchive(f *os.File) (*archive, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	all := map[string]archived{}
	counted := &countingReader{f: f}
	r := tar.NewReader(counted)
	root, found := "", false
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("not a tar of a journal: %w", err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		name := path.Clean(h.Name)
		all[name] = archived{counted.at, h.Size, h.ModTime}
		if _, ok := parseNumberedName(path.Base(name), ".journal"); ok && !found {
			root, found = path.Dir(name), true
		}
	}
	a := &archive{f: f, files: map[string]archived{}}
	for name, file := range all {
		if root != "." {
			var within bool
			if name, within = strings.CutPrefix(name, root+"/"); !within {
				continue
			}
		}
		a.files[name] = file
	}
	return a, nil
}

// countingReader knows how far it was read. It can seek, so that files are skipped unread.
type countingReader struct {
	f  *os.File
	at int64
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.f.Read(b)
	c.at += int64(n)
	return n, err
}

func (c *countingReader) Seek(offset int64, whence int) (int64, error) {
	at, err := c.f.Seek(offset, whence)
	if err == nil {
		c.at = at
	}
	return at, err
}

// Open implements fs.FS.
func (a *archive) Open(name string) (fs.File, error) {
	file, ok := a.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	section := io.NewSectionReader(a.f, file.offset, file.size)
	return &archivedFile{bufio.NewReaderSize(section, 64<<10), path.Base(name), file}, nil
}

// ReadDir implements fs.ReadDirFS, for files alone.
func (a *archive) ReadDir(dir string) ([]fs.DirEntry, error) {
	var entries []fs.DirEntry
	for name, file := range a.files {
		if path.Dir(name) == dir {
			entries = append(entries, fs.FileInfoToDirEntry(&archivedFile{nil, path.Base(name), file}))
		}
	}
	slices.SortFunc(entries, func(x, y fs.DirEntry) int { return cmp.Compare(x.Name(), y.Name()) })
	return entries, nil
}

// archivedFile is a file of an archive, and tells of itself.
type archivedFile struct {
	r    io.Reader
	name string
	file archived
}

func (f *archivedFile) Read(b []byte) (int, error) { return f.r.Read(b) }
func (f *archivedFile) Close() error               { return nil }
func (f *archivedFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *archivedFile) Name() string               { return f.name }
func (f *archivedFile) Size() int64                { return f.file.size }
func (f *archivedFile) Mode() fs.FileMode          { return 0o600 }
func (f *archivedFile) ModTime() time.Time         { return f.file.modified }
func (f *archivedFile) IsDir() bool                { return false }
func (f *archivedFile) Sys() any                   { return nil }

// listFiles lists the numbers of dir's files of that kind, ascending.
func listFiles(files fs.FS, dir, suffix string) ([]uint64, error) {
	entries, err := fs.ReadDir(files, dir)
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
