package recording

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// Recover gives statements whose recordings a crash cut off, or whose end it may have kept from the record, a result that says how far
// the recording goes; where the record has one already, that counts. Half a frame at the end of a file is removed; a file that is damaged
// before its end stays as it is, and the result says so. It is called once, before the first Record; n counts the recordings.
func (s *Store) Recover(record audit.Appender, gateway string) (n int, err error) {
	signs, err := os.ReadDir(filepath.Join(s.dir, openDir))
	if err != nil {
		return 0, fmt.Errorf("recover recordings: %w", err)
	}
	for _, sign := range signs {
		found, err := s.recover(record, gateway, sign.Name())
		if err != nil {
			return n, fmt.Errorf("recover recording %s: %w", sign.Name(), err)
		}
		if found {
			n++
		}
	}
	return n, nil
}

func (s *Store) recover(record audit.Appender, gateway, statement string) (found bool, err error) {
	path, err := s.path(statement)
	if err != nil {
		return false, err
	}
	sign := filepath.Join(s.dir, openDir, statement)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, os.Remove(sign)
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	e := audit.Event{Type: audit.StatementResult, Scope: audit.Scope{Gateway: gateway}, Of: statement, Done: true}
	began, err := mend(f, &e)
	if err != nil {
		return false, err
	}
	if !began {
		return false, errors.Join(os.Remove(path), os.Remove(sign))
	}
	if err := record.Append(&e); err != nil {
		return false, err
	}
	if err := s.signShip(statement); err != nil { // a crash may have taken it; what is there already is sent again to no effect
		return false, err
	}
	return true, os.Remove(sign)
}

// mend cuts off a file what a crash left of a frame, and has the event say how far it goes. What is damaged stays for who wants to look into
// it, and keeps nothing from starting. began is false when nothing was shown: the label is not whole.
func mend(f *os.File, e *audit.Event) (began bool, err error) {
	m, err := measure(f)
	torn, harmed := errors.Is(err, errTorn), errors.Is(err, ErrDamaged)
	if err != nil && !torn && !harmed {
		return false, err
	}
	_, broken, lookErr := m.tail(f)
	switch {
	case lookErr != nil:
		return false, lookErr
	case torn && !broken:
		return false, nil
	case torn || harmed:
		e.ErrorMessage = damaged
		return true, nil
	}
	e.Session, e.Duration, e.Recording, e.ErrorMessage = m.label.Session, m.Duration, &m.Recording, cutOff
	if broken {
		e.ErrorMessage = fmt.Sprintf("%s; its recording is damaged behind byte %d", cutOff, m.Size)
	} else if err := f.Truncate(m.Size); err != nil {
		return false, err
	}
	return true, errors.Join(journal.SyncData(f), journal.SyncDir(filepath.Dir(f.Name())))
}

// cutOff is what the record says of a statement that a crash ended.
const cutOff = "cut off: the gateway ended before this did"

// damaged is what it says of one whose recording cannot be read.
const damaged = cutOff + "; the beginning of its recording is damaged"

// measured is what a file holds, as far as its frames are whole.
type measured struct {
	audit.Recording
	label label
	whole bool // its end is there
}

// tail is how long the file is, and whether it goes on behind what was measured otherwise than one does that a crash cut off.
func (m *measured) tail(f *os.File) (size int64, broken bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, false, err
	}
	broken, err = frameBehind(f, m.Size, info.Size())
	return info.Size(), broken, err
}

// measure reads a file from its beginning, as far as its frames are whole. It needs no key: what was forged on purpose the hashes in the journal tell.
func measure(r io.Reader) (measured, error) {
	in := bufio.NewReaderSize(r, 256<<10)
	l, begin, err := readLabel(in)
	if err != nil {
		return measured{}, err
	}
	m := measured{label: l}
	m.Size = int64(len(begin))
	running := sha256.New()
	running.Write(begin)
	m.SHA256 = hex.EncodeToString(running.Sum(nil))
	var buf []byte
	for !m.whole {
		f, err := readFrame(hashing{in, running}, buf)
		if errors.Is(err, io.EOF) || errors.Is(err, errTorn) || errors.Is(err, ErrDamaged) {
			break
		}
		if err != nil {
			return measured{}, err
		}
		buf = f.sealed[:0]
		m.Size += f.size
		m.Duration, m.whole = audit.Micros(f.at), f.final
		m.SHA256 = hex.EncodeToString(running.Sum(nil))
	}
	return m, nil
}

// hashing reads through a hash.
type hashing struct {
	io.Reader
	hash hash.Hash
}

func (h hashing) Read(b []byte) (int, error) {
	n, err := h.Reader.Read(b)
	h.hash.Write(b[:n])
	return n, err
}

// Check compares the recording of a statement with what the record says of it. The error says in words what is missing or changed.
func (s *Store) Check(statement string, want audit.Recording) error {
	f, err := s.File(statement)
	if errors.Is(err, ErrNotFound) {
		return errors.New("its file is missing")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	n, err := io.CopyN(hash, f, want.Size)
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("its file has %d bytes where the record says %d", n, want.Size)
	case err != nil:
		return err
	case hex.EncodeToString(hash.Sum(nil)) != want.SHA256:
		return fmt.Errorf("the first %d bytes of its file are not those of the record", want.Size)
	}
	return nil
}

// mustShip says that a recording is nowhere else yet where it should be.
func (s *Store) mustShip(statement string) bool {
	if !s.ship {
		return false
	}
	_, err := os.Stat(filepath.Join(s.dir, shipDir, statement))
	return !errors.Is(err, fs.ErrNotExist)
}

// vanished is how long a sender has been silent of whom nothing more is expected.
const vanished = 24 * time.Hour

// Removable are the recordings that may be removed: not those that grow, nor those that still have to be shipped. What is sent and never
// ends may be removed a day after the last of it has come.
func (s *Store) Removable() ([]Entry, error) {
	all, err := s.List()
	return slices.DeleteFunc(all, func(e Entry) bool { return s.mustShip(e.Statement) || !s.mayGo(e, time.Now().Add(-vanished)) }), err
}

// Remove removes those of the recordings that may be removed whose statements were recorded before a time; n counts them, and their bytes.
func (s *Store) Remove(before time.Time) (n int, bytes int64, err error) {
	all, err := s.Removable()
	if err != nil {
		return 0, 0, err
	}
	for _, e := range all {
		if !e.Time.Before(before) {
			continue
		}
		if err := errors.Join(s.letGo(e.Statement), removeFile(e.Path)); err != nil {
			return n, bytes, fmt.Errorf("remove recording: %w", err)
		}
		n++
		bytes += e.Size
		_ = os.Remove(filepath.Dir(e.Path)) // fails while it holds others
	}
	return n, bytes, nil
}

// removeFile removes a file that may be gone.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
