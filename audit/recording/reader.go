package recording

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"filippo.io/age"
)

// Reader reads a recording's events in order. It is not safe for concurrent use.
type Reader struct {
	store  *Store
	file   *os.File
	writer growing // who writes it now; nil: nobody
	input  *bufio.Reader
	seal   *seal
	header Header
	parser Parser

	offset  int64  // of the next frame
	frames  uint64 // read so far
	pending *Event // that Seek has read already
	began   place  // before the first event
	buf     []byte
	lines   []byte // of the current frame, that are not read yet
	plain   []byte // what lines lies in
	final   bool
	told    int64 // how many bytes of the file there must be
	stopped error
}

// growing is a recording that somebody adds to.
type growing interface {
	// watch tells how far the recording goes, and gives a channel that is closed when that changes. A nil channel: it will not.
	watch() (size int64, changed <-chan struct{})
}

// Open opens the recording of a statement with the identity that it was sealed to: ErrNotFound when there is none. It can be read while
// it grows. The caller must Close the reader.
func (s *Store) Open(statement string, identity age.Identity) (*Reader, error) {
	f, err := s.File(statement)
	if err != nil {
		return nil, err
	}
	r := &Reader{store: s, file: f, writer: s.growing(statement), input: bufio.NewReaderSize(nil, 64<<10)}
	r.reposition()
	if err := r.begin(statement, identity); err != nil {
		return nil, errors.Join(fmt.Errorf("open recording %s: %w", statement, err), f.Close())
	}
	return r, nil
}

// File opens a recording's file as it stands, sealed: ErrNotFound when there is none.
func (s *Store) File(statement string) (*os.File, error) {
	path, err := s.path(statement)
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	return f, nil
}

func (r *Reader) begin(statement string, identity age.Identity) error {
	l, begin, err := readLabel(r.file)
	if errors.Is(err, errTorn) {
		err = r.torn()
	}
	if err != nil {
		return fmt.Errorf("read its label: %w", err)
	}
	if l.Statement != statement {
		return fmt.Errorf("%w: its label says that it is of %.40q", ErrDamaged, l.Statement)
	}
	key, err := l.unwrap(identity)
	if err != nil {
		return err
	}
	if r.seal, err = newSeal(key, begin); err != nil {
		return err
	}
	r.offset = int64(len(begin))
	r.reposition()
	if err := r.readFrame(); errors.Is(err, io.EOF) {
		return fmt.Errorf("read its header: %w", errTorn)
	} else if err != nil {
		return fmt.Errorf("read its header: %w", err)
	}
	line, err := r.line()
	if err != nil {
		return fmt.Errorf("read its header: %w", err)
	}
	if r.header, err = r.parser.Header(line); err != nil {
		return err
	}
	if r.header.Statement != l.Statement || r.header.Session != l.Session {
		return fmt.Errorf("%w: its header says that it is of %.40q in the session %.40q, and its label otherwise", ErrDamaged, r.header.Statement, r.header.Session)
	}
	r.began = place{offset: r.offset, frames: r.frames, screen: *NewScreen(r.header)}
	return nil
}

// Header says what the recording is of.
func (r *Reader) Header() Header { return r.header }

// Expect tells how many bytes of the file there must be by now. One that ends before is damaged (ErrDamaged), and not cut off by a crash.
func (r *Reader) Expect(size int64) { r.told = size }

// Whole says that the recording's own end was read: false after io.EOF means that it grows still, or that a crash cut it off.
func (r *Reader) Whole() bool { return r.final }

// Close releases the file.
func (r *Reader) Close() error { return r.file.Close() }

// Next reads the next event: io.EOF after the last one, or before a frame that the file ends in, as a crash leaves it. ErrDamaged says that
// what is there, or what was there before, is not what was written, and where; then nothing more is read.
func (r *Reader) Next() (Event, error) {
	if r.stopped != nil {
		return Event{}, r.stopped
	}
	if e := r.pending; e != nil {
		r.pending = nil
		return *e, nil
	}
	e, err := r.next()
	if err != nil && !errors.Is(err, io.EOF) {
		r.stopped = fmt.Errorf("read recording: %w", err)
		err = r.stopped
	}
	return e, err
}

// Follow is Next, but where the recording grows still, it waits for more, until ctx ends. io.EOF is the recording's end then.
func (r *Reader) Follow(ctx context.Context) (Event, error) {
	for {
		var changed <-chan struct{}
		if r.writer != nil {
			_, changed = r.writer.watch()
		}
		e, err := r.Next()
		if !errors.Is(err, io.EOF) || changed == nil {
			return e, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}

func (r *Reader) next() (Event, error) {
	for {
		for len(r.lines) == 0 {
			if err := r.readFrame(); err != nil {
				return Event{}, err
			}
		}
		line, err := r.line()
		if err != nil {
			return Event{}, err
		}
		e, err := r.parser.Event(line)
		if err == nil {
			return e, nil
		}
		if !errors.Is(err, ErrNoEvent) {
			return Event{}, fmt.Errorf("frame %d: %w: %w", r.frames-1, ErrDamaged, err)
		}
	}
}

func (r *Reader) line() ([]byte, error) {
	line, rest, ok := bytes.Cut(r.lines, []byte("\n"))
	if !ok {
		return nil, fmt.Errorf("frame %d: %w: it ends within a line", r.frames-1, ErrDamaged)
	}
	r.lines = rest
	return line, nil
}

// readFrame reads the next frame's lines: io.EOF where no whole one stands in the file.
func (r *Reader) readFrame() error {
	if r.final {
		return io.EOF
	}
	f, err := readFrame(r.input, r.buf)
	if err != nil {
		r.reposition() // what was read of half a frame is read again
		if errors.Is(err, errTorn) {
			err = r.torn()
		}
		if errors.Is(err, errTorn) {
			err = io.EOF
		}
		if errors.Is(err, io.EOF) && r.offset < r.told {
			err = fmt.Errorf("%w: it ends here, and has had %d bytes", ErrDamaged, r.told)
		}
		return r.at(err)
	}
	r.buf = f.sealed[:0]
	packed, err := r.seal.open(r.frames, &f)
	if err != nil {
		return r.at(err)
	}
	if r.plain, err = r.store.unpacker.DecodeAll(packed, r.plain[:0]); err != nil {
		return r.at(fmt.Errorf("%w: unpack: %s", ErrDamaged, err.Error())) // an io.EOF in it would be taken for the recording's
	}
	r.lines, r.final = r.plain, f.final
	r.frames++
	r.offset += f.size
	return nil
}

// torn says of a label or frame that the file ends in whether it is damaged, or the file's end: errTorn.
func (r *Reader) torn() error {
	size, err := r.size()
	if err != nil {
		return err
	}
	damaged, err := frameBehind(r.file, r.offset, size)
	switch {
	case err != nil:
		return err
	case damaged:
		return fmt.Errorf("%w: what stands there says that it goes beyond the end", ErrDamaged)
	}
	return errTorn
}

// at adds to an error where it is.
func (r *Reader) at(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return fmt.Errorf("frame %d, at byte %d: %w", r.frames, r.offset, err)
}

// reposition has the input go on at the next frame.
func (r *Reader) reposition() { r.input.Reset(&readable{r, r.offset}) }

// readable are a recording's bytes as far as they can be read now.
type readable struct {
	reader *Reader
	offset int64
}

func (f *readable) Read(b []byte) (int, error) {
	size, err := f.reader.size()
	if err != nil {
		return 0, err
	}
	if size <= f.offset {
		return 0, io.EOF
	}
	n, err := f.reader.file.ReadAt(b[:min(int64(len(b)), size-f.offset)], f.offset)
	f.offset += int64(n)
	return n, err
}

// size is how far the file can be read now.
func (r *Reader) size() (int64, error) {
	if r.writer != nil {
		size, _ := r.writer.watch()
		return size, nil
	}
	info, err := r.file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
