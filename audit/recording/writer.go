package recording

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// ErrClosed says that the recording is over.
var ErrClosed = errors.New("the recording is closed")

// Writer writes one recording. It is safe for concurrent use. What its methods return from is with the kernel, so that a crash of
// this process loses nothing of it. An error, such as a full disk, is final: the terminal must end, since it can no longer be recorded.
type Writer struct {
	store     *Store
	statement string
	file      *os.File
	seal      *seal
	begin     time.Time

	mu      sync.Mutex
	hash    hash.Hash // over the file
	size    int64
	frames  uint64
	last    time.Duration // of the last event, whole microseconds
	err     error         // why nothing more is written
	ended   bool
	changed chan struct{} // closed with the next frame; nil: nobody waits

	syncing sync.Mutex // held while the file is brought to the disk: who waits for it mostly finds it done; guards what follows
	listed  bool       // the file's name is on disk
	synced  audit.Recording
	lost    error // why nothing more can be brought to the disk
}

// scratch is what a frame is made in. Writers share them, so that a terminal where nothing happens holds none.
type scratch struct{ lines, packed, frame []byte }

func newWriter(s *Store, h *Header, f *os.File, seal *seal, now time.Time) *Writer {
	return &Writer{store: s, statement: h.Statement, file: f, seal: seal, begin: now, hash: sha256.New()}
}

// start writes the label and the asciicast's header.
func (w *Writer) start(begin []byte, h *Header) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.write(begin); err != nil {
		return err
	}
	line, err := AppendHeader(nil, h)
	if err != nil {
		return err
	}
	return w.writeFrame(line, false)
}

// Output records what was shown. Where durable, it is on disk when Output returns; those who wait at once share a sync.
func (w *Writer) Output(b []byte, durable bool) error {
	if err := w.keep(Output, b, durable); err != nil {
		return fmt.Errorf("record output: %w", err)
	}
	return nil
}

// Input records what was typed. Where durable, it is on disk when Input returns, as with Output.
func (w *Writer) Input(b []byte, durable bool) error {
	if err := w.keep(Input, b, durable); err != nil {
		return fmt.Errorf("record input: %w", err)
	}
	return nil
}

func (w *Writer) keep(kind Kind, b []byte, durable bool) error {
	size, err := w.add(kind, b)
	if err == nil && durable {
		err = w.sync(size)
	}
	return err
}

// Resize records the terminal's new size.
func (w *Writer) Resize(cols, rows int) error {
	if _, err := w.add(Resize, []byte(strconv.Itoa(cols)+"x"+strconv.Itoa(rows))); err != nil {
		return fmt.Errorf("record size: %w", err)
	}
	return nil
}

// Exit records how it ended: "exit 0", "signal TERM". Words that are neither a status nor a known signal become a mark.
func (w *Writer) Exit(status string) error {
	kind, data := Mark, status
	if number, ok := exitStatus(status); ok {
		kind, data = Exit, strconv.Itoa(number)
	}
	if _, err := w.add(kind, []byte(data)); err != nil {
		return fmt.Errorf("record exit: %w", err)
	}
	return nil
}

// State brings the recording to the disk and tells how far it goes by now. When the disk fails, it tells of what is there; the next
// Output has the error.
func (w *Writer) State() audit.Recording {
	w.mu.Lock()
	size := w.size
	w.mu.Unlock()
	_ = w.sync(size) // final: Output has it
	w.syncing.Lock()
	defer w.syncing.Unlock()
	return w.synced
}

// Close ends the recording and tells what it is; it is on disk by then. After an error it tells how far the file goes all the same. A second
// Close tells the same.
func (w *Writer) Close() (audit.Recording, error) {
	w.mu.Lock()
	ended, err := w.ended, w.err
	if !ended && err == nil {
		err = w.writeFrame(nil, true)
	}
	w.ended = true
	size := w.size
	w.mu.Unlock()
	if ended {
		return w.State(), nil
	}
	err = errors.Join(err, w.sync(size)) // what stands in the file counts, also when no more could be written
	w.syncing.Lock()
	defer w.syncing.Unlock()
	w.store.closed(w)
	w.mu.Lock()
	w.wake()
	w.mu.Unlock()
	if err := errors.Join(err, w.file.Close()); err != nil {
		return w.synced, fmt.Errorf("close recording: %w", err)
	}
	return w.synced, nil
}

// add writes an event, in several frames when it is long; size is how long the file is then.
func (w *Writer) add(kind Kind, data []byte) (size int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for first := true; first || len(data) > 0; first = false {
		if w.ended {
			return 0, ErrClosed
		}
		if w.err != nil {
			return 0, w.err
		}
		piece := data[:min(len(data), maxPiece)]
		data = data[len(piece):]
		at := max(time.Since(w.begin).Truncate(time.Microsecond), w.last)
		s := w.store.scratch.Get().(*scratch)
		s.lines = appendExact(s.lines[:0], &Event{At: at, Kind: kind, Data: piece}, w.last)
		w.last = at
		err := w.writeFrameIn(s, s.lines, false)
		w.store.scratch.Put(s)
		if err != nil {
			return 0, err
		}
	}
	return w.size, nil
}

// writeFrame writes lines as one frame. w.mu is held.
func (w *Writer) writeFrame(lines []byte, final bool) error {
	s := w.store.scratch.Get().(*scratch)
	defer w.store.scratch.Put(s)
	return w.writeFrameIn(s, lines, final)
}

func (w *Writer) writeFrameIn(s *scratch, lines []byte, final bool) error {
	s.packed = w.store.packer.EncodeAll(lines, s.packed[:0])
	s.frame = w.seal.appendFrame(s.frame[:0], w.frames, w.last, final, s.packed)
	if err := w.write(s.frame); err != nil {
		return err
	}
	w.frames++
	w.wake()
	return nil
}

// write appends to the file. When that fails, the file is cut back to where it was, as far as that can be, and nothing more is written.
func (w *Writer) write(b []byte) error {
	if _, err := w.file.Write(b); err != nil {
		w.err = errors.Join(err, w.file.Truncate(w.size))
		return w.err
	}
	w.hash.Write(b)
	w.size += int64(len(b))
	return nil
}

// sync brings the first size bytes to the disk. Who comes while another one's sync runs waits for it, and then needs none of their own
// unless they wrote after it began; one sync serves all of those.
func (w *Writer) sync(size int64) error {
	w.syncing.Lock()
	defer w.syncing.Unlock()
	if w.synced.Size >= size {
		return nil
	}
	if w.lost != nil {
		return w.lost
	}
	w.mu.Lock()
	now := audit.Recording{SHA256: hex.EncodeToString(w.hash.Sum(nil)), Size: w.size, Duration: audit.Micros(w.last)}
	w.mu.Unlock()
	err := journal.SyncData(w.file)
	if err == nil && !w.listed {
		err = journal.SyncDir(filepath.Dir(w.file.Name()))
		w.listed = err == nil
	}
	if err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.lost, w.err = err, err // what a failed sync left in memory may be lost, and a further one would not say so
		return err
	}
	w.synced = now
	return nil
}

// watch is that of growing.
func (w *Writer) watch() (size int64, changed <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return w.size, nil
	}
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.size, w.changed
}

// wake tells those who watch. w.mu is held.
func (w *Writer) wake() {
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}
