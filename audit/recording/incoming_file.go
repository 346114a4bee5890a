package recording

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/audit/journal"
)

// The file of a recording that is being sent: what is taken behind what is here, and how it stands.

// next is how many bytes of b are to be taken, behind those that are here already, and whether they are the last. in.mu is held.
func (in *incoming) next(f *os.File, offset int64, b []byte) (n int64, whole bool, err error) {
	rest, err := compare(f, in.size, offset, b)
	if err != nil || len(rest) == 0 {
		return 0, false, err
	}
	if in.whole {
		return 0, false, fmt.Errorf("%w: it goes on behind its end", ErrForeign)
	}
	n, whole, err = wholeFrames(rest, in.size == 0, in.statement)
	switch {
	case err != nil:
		return 0, false, err
	case n == 0 && int64(len(rest)) > maxFrame:
		return 0, false, fmt.Errorf("%w: a frame of it is damaged", ErrForeign)
	case in.size+n > maxGrown:
		return 0, false, fmt.Errorf("%w: it is longer than %d bytes", ErrForeign, int64(maxGrown))
	}
	return n, whole, nil
}

// compare holds bytes against what the file has of them. rest are those behind its size; none when they begin later.
func compare(f *os.File, size, offset int64, b []byte) (rest []byte, err error) {
	if offset >= size {
		if offset > size {
			b = nil
		}
		return b, nil
	}
	have := make([]byte, min(int64(len(b)), size-offset))
	if _, err := f.ReadAt(have, offset); err != nil {
		return nil, err
	}
	if !bytes.Equal(have, b[:len(have)]) {
		return nil, ErrDiffers
	}
	return b[len(have):], nil
}

// open opens the file, of which a crash may have left half a frame; nil: nothing is here. in.mu is held.
func (in *incoming) open() (*os.File, error) {
	f, err := os.OpenFile(in.path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		in.size, in.hash, in.measured = 0, sha256.New(), true
		return nil, nil
	}
	if err == nil && !in.measured {
		if err = in.measure(f); err != nil {
			err = errors.Join(err, f.Close())
		}
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// measure finds how far the file's frames are whole, and cuts half a frame behind them: it was not acknowledged. Of a file that was damaged
// since nothing is cut, and nothing more is taken.
func (in *incoming) measure(f *os.File) error {
	m, err := measure(f)
	if err != nil && !errors.Is(err, errTorn) && !errors.Is(err, ErrDamaged) {
		return err
	}
	size, broken, err := m.tail(f)
	switch {
	case err != nil:
		return err
	case broken:
		in.damaged = fmt.Errorf("%w: what is here was damaged behind byte %d", ErrDiffers, m.Size)
		in.size, in.measured = size, true
		return nil
	case size > m.Size: // else the file's time stays: it tells when the last of it came
		if err := f.Truncate(m.Size); err != nil {
			return err
		}
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, m.Size)); err != nil {
		return err
	}
	in.size, in.hash, in.whole, in.measured = m.Size, sum, m.whole, true
	return nil
}

// wholeFrames is how many bytes of b are whole frames, behind the label where it begins with that, and whether the last one ends it.
func wholeFrames(b []byte, begins bool, statement string) (n int64, whole bool, err error) {
	r := bytes.NewReader(b)
	if begins {
		l, begin, err := readLabel(r)
		switch {
		case errors.Is(err, errTorn):
			return 0, false, nil
		case err != nil:
			return 0, false, fmt.Errorf("%w: %w", ErrForeign, err)
		case l.Statement != statement:
			return 0, false, fmt.Errorf("%w: it says that it is of %.40q", ErrForeign, l.Statement)
		}
		n = int64(len(begin))
	}
	var buf []byte
	for !whole {
		f, err := readFrame(r, buf)
		if err != nil {
			return n, whole, nil //nolint:nilerr // the rest is no whole frame
		}
		buf = f.sealed[:0]
		n += f.size
		whole = f.final
	}
	if r.Len() > 0 {
		return 0, false, fmt.Errorf("%w: it goes on behind its end", ErrForeign)
	}
	return n, whole, nil
}

// sync brings the file to the disk. in.mu is held.
func (in *incoming) sync(f *os.File) error {
	err := journal.SyncData(f)
	if err == nil && !in.listed {
		err = journal.SyncDir(filepath.Dir(in.path))
		in.listed = err == nil
	}
	if err != nil {
		in.measured = false
		return err
	}
	in.synced = time.Now()
	return nil
}

// watch is that of growing.
func (in *incoming) watch() (size int64, changed <-chan struct{}) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.isOpen() {
		return in.size, nil
	}
	if in.changed == nil {
		in.changed = make(chan struct{})
	}
	return in.size, in.changed
}

// isOpen says that more is to come. in.mu is held.
func (in *incoming) isOpen() bool {
	if !in.measured && !in.over {
		if f, err := in.open(); err == nil && f != nil { // else nothing can be read of it either
			_ = f.Close()
		}
	}
	return !in.over && !in.whole && in.damaged == nil
}

// wake tells those who watch. in.mu is held.
func (in *incoming) wake() {
	if in.changed != nil {
		close(in.changed)
		in.changed = nil
	}
}
