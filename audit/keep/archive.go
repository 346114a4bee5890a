package keep

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

const zstdSuffix = ".zst"

// archive is a backup in a tar file, compressed or not, whose root holds the journal directory's files.
type archive struct {
	to     string
	f      *os.File // under a temporary name
	buf    *bufio.Writer
	zstd   *zstd.Encoder // nil when it is not compressed
	tar    *tar.Writer
	bytes  int64
	landed bool
}

func newArchive(to string) (*archive, error) {
	if _, err := os.Lstat(to); err == nil {
		return nil, fmt.Errorf("back up: %s exists already: give another name, or move it away", to)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("back up: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+".backup-") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("back up: %w", err)
	}
	a := &archive{to: to, f: f, buf: bufio.NewWriterSize(f, 1<<20)}
	var w io.Writer = a.buf
	if strings.HasSuffix(to, zstdSuffix) {
		if a.zstd, err = zstd.NewWriter(w, zstd.WithEncoderConcurrency(1)); err != nil {
			a.abandon()
			return nil, fmt.Errorf("back up: %w", err)
		}
		w = a.zstd
	}
	a.tar = tar.NewWriter(w)
	return a, nil
}

func (a *archive) add(name string, f *os.File, size int64, _ bool) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: info.ModTime(), Format: tar.FormatPAX}
	if err := a.tar.WriteHeader(header); err != nil {
		return err
	}
	n, err := io.Copy(a.tar, io.NewSectionReader(f, 0, size))
	a.bytes += n
	if err == nil && n != size {
		err = fmt.Errorf("%s has %d bytes, and had %d", name, n, size)
	}
	return err
}

func (a *archive) copied() int64 { return a.bytes }

func (a *archive) commit(context.Context) error {
	err := a.tar.Close()
	if a.zstd != nil {
		err = errors.Join(err, a.zstd.Close())
	}
	err = errors.Join(err, a.buf.Flush())
	if err == nil {
		err = a.f.Sync()
	}
	if err := errors.Join(err, a.f.Close()); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	// A link, unlike a rename, does not replace what came to have the name meanwhile.
	if err := os.Link(a.f.Name(), a.to); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	a.landed = true
	if err := os.Remove(a.f.Name()); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return syncDir(filepath.Dir(a.to))
}

func (a *archive) abandon() {
	if !a.landed {
		if a.zstd != nil {
			a.zstd.Close()
		}
		a.f.Close()
		os.Remove(a.f.Name())
	}
}

// unpack writes an archive's files below dir. Names that lead out of it, and anything but files and directories, are
// refused: no backup holds them.
func unpack(path, dir string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = bufio.NewReaderSize(f, 1<<20)
	if strings.HasSuffix(path, zstdSuffix) {
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return err
		}
		defer z.Close()
		r = z
	}
	for files := tar.NewReader(r); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		name := filepath.FromSlash(strings.TrimSuffix(strings.TrimPrefix(h.Name, "./"), "/"))
		if h.Typeflag == tar.TypeDir {
			continue // files bring theirs
		}
		if h.Typeflag != tar.TypeReg || !filepath.IsLocal(name) {
			return fmt.Errorf("read archive: %q is nothing that a backup holds", h.Name)
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if err := copyFile(to, files, h.Size, h.FileInfo()); err != nil {
			return fmt.Errorf("unpack %s: %w", h.Name, err)
		}
	}
}
