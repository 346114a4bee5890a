package recording

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

var (
	// ErrDiffers says that what is sent is not what was sent before.
	ErrDiffers = errors.New("this is not what was sent before")
	// ErrTaken says that another sender has a recording of the statement here.
	ErrTaken = errors.New("another gateway has sent a recording of this statement")
	// ErrTooMany says that a sender has more recordings here that are not over than it may.
	ErrTooMany = errors.New("too many recordings are open at once")
	// ErrUnfinished says that not all of the recording is here yet.
	ErrUnfinished = errors.New("the rest of the recording comes first")
)

const (
	// MaxPiece is the most bytes that Grow takes at a time, and enough for it to go on: a label and a frame are less together.
	MaxPiece = 2 << 20
	// maxFrame bounds a label or a frame, in bytes.
	maxFrame = max(int64(len(magic))+4+maxLabel, headBytes+maxSealed)
	// maxIncoming bounds the recordings of one sender that are not over.
	maxIncoming = 10_000
	// maxGrown bounds one of them, in bytes.
	maxGrown = 64 << 30
	// syncEvery is how long what a sender has sent may be in memory alone, while more comes.
	syncEvery = time.Second
)

// incoming is a recording that another store's owner sends while it grows. What was taken of it is never changed: more comes behind it,
// and at its end it is held against the record.
type incoming struct {
	statement, from string
	path, sign      string

	mu       sync.Mutex
	measured bool // size, hash and whole tell how the file stands
	size     int64
	hash     hash.Hash // over so much of it
	whole    bool      // its last frame is here
	over     bool      // nothing comes any more
	damaged  error     // why nothing more is taken: what is here is not what was sent
	listed   bool      // its name is on disk
	synced   time.Time
	changed  chan struct{} // closed with what comes next; nil: nobody waits
}

// takeUpIncoming takes up what was being sent when the process ended.
func (s *Store) takeUpIncoming() error {
	signs, err := os.ReadDir(filepath.Join(s.dir, growDir))
	if err != nil {
		return err
	}
	for _, sign := range signs {
		path, err := s.path(sign.Name())
		if err != nil {
			continue // it was being written: nothing was taken
		}
		from, err := os.ReadFile(filepath.Join(s.dir, growDir, sign.Name()))
		if err != nil {
			return err
		}
		s.enter(&incoming{statement: sign.Name(), from: string(from), path: path})
	}
	return nil
}

// enter makes in one of the store's. s.mu is held, or nobody else has the store yet.
func (s *Store) enter(in *incoming) {
	in.sign = filepath.Join(s.dir, growDir, in.statement)
	s.incoming[in.statement] = in
	s.senders[in.from]++
}

// leave takes it out again.
func (s *Store) leave(in *incoming) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.incoming[in.statement] != in {
		return
	}
	delete(s.incoming, in.statement)
	if s.senders[in.from]--; s.senders[in.from] == 0 {
		delete(s.senders, in.from)
	}
}

// Sender is who sends the recording of a statement, and has not finished it; empty: nobody.
func (s *Store) Sender(statement string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in := s.incoming[statement]; in != nil {
		return in.from
	}
	return ""
}

// Grow takes what a sender has of a recording from offset on, of which no other one can send any more: whole frames, and no more than
// MaxPiece bytes at a time. size is how far it goes here, whatever was taken; the sender goes on from there. Bytes that are here already
// must be the same: else it is ErrDiffers, and nothing changes. What is taken is with the kernel when Grow returns, and on disk about a
// second later at the latest if more comes, and when it is finished. No bytes ask for the size. Other errors are ErrForeign, ErrTaken and
// ErrTooMany.
func (s *Store) Grow(statement, from string, offset int64, b []byte) (size int64, err error) {
	if offset < 0 || len(b) > MaxPiece {
		return 0, fmt.Errorf("take recording: %w: it is sent in pieces that cannot be", ErrForeign)
	}
	in, err := s.incomingOf(statement, from, offset == 0 && len(b) > 0)
	if err == nil && in == nil {
		size, err = s.compareFinished(statement, offset, b)
	} else if err == nil {
		size, err = s.grow(in, offset, b)
	}
	if err != nil {
		return size, fmt.Errorf("take recording: %w", err)
	}
	return size, nil
}

// incomingOf finds what is sent of a recording, or begins it; nil: nothing is, or it is over.
func (s *Store) incomingOf(statement, from string, begin bool) (*incoming, error) {
	path, err := s.path(statement)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.incoming[statement]
	switch {
	case in != nil && in.from != from:
		return nil, ErrTaken
	case in != nil || !begin:
		return in, nil
	case s.open == nil:
		return nil, ErrClosed
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if s.senders[from] >= maxIncoming {
		return nil, ErrTooMany
	}
	in = &incoming{statement: statement, from: from, path: path}
	s.enter(in)
	return in, nil
}

// compareFinished is grow for a recording that is over, or of which nothing is here.
func (s *Store) compareFinished(statement string, offset int64, b []byte) (int64, error) {
	f, err := s.File(statement)
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	rest, err := compare(f, info.Size(), offset, b)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%w: it was over, and verified", ErrDiffers)
	}
	return info.Size(), err
}

func (s *Store) grow(in *incoming, offset int64, b []byte) (int64, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.over {
		return s.compareFinished(in.statement, offset, b)
	}
	f, err := in.open()
	if err != nil {
		return 0, err
	}
	if f != nil {
		defer f.Close()
	}
	if in.damaged != nil {
		return in.size, in.damaged
	}
	n, whole, err := in.next(f, offset, b)
	if n > 0 {
		err = s.extend(in, f, b[in.size-offset:][:n])
	}
	if n > 0 && err == nil {
		in.hash.Write(b[in.size-offset:][:n])
		in.size, in.whole = in.size+n, whole
		in.wake()
	}
	if in.size == 0 {
		return 0, errors.Join(err, s.forget(in))
	}
	return in.size, err
}

// create makes the file and the sign of whose it is. in.mu is held.
func (s *Store) create(in *incoming) (*os.File, error) {
	if err := s.makeDay(filepath.Dir(in.path)); err != nil {
		return nil, err
	}
	if err := journal.WriteFile(in.sign, []byte(in.from)); err != nil {
		return nil, err
	}
	return os.OpenFile(in.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// forget removes what a first piece left that was not taken. in.mu is held.
func (s *Store) forget(in *incoming) error {
	if err := errors.Join(removeFile(in.path), removeFile(in.sign)); err != nil {
		return err
	}
	s.end(in)
	return nil
}

// extend writes b behind what is here, or leaves that as it was. f is nil when that is nothing. in.mu is held.
func (s *Store) extend(in *incoming, f *os.File, b []byte) error {
	if err := journal.CheckSpace(s.dir, s.reserve+int64(len(b))); err != nil {
		return err
	}
	if f == nil {
		var err error
		if f, err = s.create(in); err != nil {
			return err
		}
		defer f.Close()
	}
	if _, err := f.WriteAt(b, in.size); err != nil {
		if cut := f.Truncate(in.size); cut != nil {
			in.measured = false // the next piece finds the end, and cuts
		}
		return err
	}
	if time.Since(in.synced) < syncEvery {
		return nil
	}
	return in.sync(f)
}

// Finish ends a recording that a sender has sent: it must be what the record says of it. From then on nothing is added to it. It is on disk
// when Finish returns. Finishing twice is no error. ErrUnfinished says that bytes are missing, ErrForeign that it is another one; it stays
// as it is then.
func (s *Store) Finish(statement, from string, want audit.Recording) error {
	if err := s.finish(statement, from, want); err != nil {
		return fmt.Errorf("finish recording: %w", err)
	}
	return nil
}

func (s *Store) finish(statement, from string, want audit.Recording) error {
	in, err := s.incomingOf(statement, from, false)
	if err != nil {
		return err
	}
	if in == nil {
		return s.checkFinished(statement, want)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.over {
		return s.checkFinished(statement, want)
	}
	f, err := in.open()
	if err != nil {
		return err
	}
	if f == nil {
		return ErrUnfinished
	}
	defer f.Close()
	if in.damaged != nil {
		return in.damaged
	}
	if err := agrees(audit.Recording{Size: in.size, SHA256: hex.EncodeToString(in.hash.Sum(nil))}, want); err != nil {
		return err
	}
	if err := in.sync(f); err != nil {
		return err
	}
	if err := os.Remove(in.sign); err != nil {
		return err
	}
	s.end(in)
	return nil
}

// end says that nothing comes any more. in.mu is held.
func (s *Store) end(in *incoming) {
	in.over = true
	in.wake()
	s.leave(in)
}

// agrees holds what is here against what the record says it is in the end.
func agrees(here, want audit.Recording) error {
	switch {
	case here.Size < want.Size:
		return ErrUnfinished
	case here.Size > want.Size:
		return fmt.Errorf("%w: it has %d bytes, and the record says %d", ErrForeign, here.Size, want.Size)
	case here.SHA256 != want.SHA256:
		return fmt.Errorf("%w: it is not what the record says", ErrForeign)
	}
	return nil
}

// checkFinished is finish for a recording that is over, or of which nothing is here.
func (s *Store) checkFinished(statement string, want audit.Recording) error {
	size, err := s.compareFinished(statement, 0, nil)
	if err == nil {
		err = agrees(audit.Recording{Size: size, SHA256: want.SHA256}, want)
	}
	if err != nil {
		return err
	}
	if err := s.Check(statement, want); err != nil {
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return nil
}

// complete adds what was sent whole to a recording of which the beginning was sent before. whole is a file of it that is what it should be.
func (s *Store) complete(statement, from string, whole *os.File, want audit.Recording) error {
	buf := make([]byte, MaxPiece)
	for at := int64(0); at < want.Size; {
		n, err := whole.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if _, err := s.Grow(statement, from, at, buf[:n]); err != nil {
			return err
		}
		at += int64(n)
		if size, err := s.Grow(statement, from, 0, nil); err != nil {
			return err
		} else if at > size {
			at = size // half a frame was left
		}
	}
	return s.Finish(statement, from, want)
}

// mayGo says that nobody adds to a recording, or that its sender has not since the time given.
func (s *Store) mayGo(e Entry, since time.Time) bool {
	if s.Sender(e.Statement) == "" {
		return !e.Growing
	}
	info, err := os.Stat(e.Path)
	return err == nil && info.ModTime().Before(since)
}

// letGo takes no more of a recording that is sent.
func (s *Store) letGo(statement string) error {
	s.mu.Lock()
	in := s.incoming[statement]
	s.mu.Unlock()
	if in == nil {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	return s.forget(in)
}
