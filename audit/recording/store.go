package recording

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/sallyport/sallyport/audit/journal"
)

const (
	extension  = ".rec"
	openDir    = "open" // an empty file for each recording whose final state may not stand in the journal
	dayFormat  = "2006-01-02"
	shipDir    = "unshipped" // likewise, for each recording that is nowhere else yet
	growDir    = "growing"   // a file with the sender's name, for each recording that is sent here and not verified yet
	settleTime = time.Minute // after which the journal has taken what was said of a recording when it was closed
)

// ErrNotFound says that there is no recording of the statement.
var ErrNotFound = errors.New("there is no recording of this statement")

// Config says where a Store keeps recordings, and who may read them.
type Config struct {
	Dir string // made with mode 0700 when it does not exist
	// Recipient is the age recipient ("age1...") that recordings are sealed to. It is asked for each one, and empty while it is not
	// known, which is an error of Record. Nil: the store takes no recordings of its own.
	Recipient func() string
	// Ship keeps a sign for each recording until Shipped says that it is elsewhere as well.
	Ship bool
	// Reserve is how many bytes of the disk stay free of recordings that are sent here; those are refused then.
	Reserve int64
}

// Store keeps recordings below one directory, by the day of their statement. It is safe for concurrent use; one process may
// write to a directory.
type Store struct {
	dir       string
	recipient func() string
	ship      bool
	reserve   int64
	packer    *zstd.Encoder
	unpacker  *zstd.Decoder
	scratch   sync.Pool // of *scratch
	memory    memory

	mu      sync.Mutex
	open    map[string]*Writer
	settled []settled // closed recordings whose sign in openDir stands, oldest first

	incoming map[string]*incoming // that are sent here, by statement
	senders  map[string]int       // how many of them each sender has

	making sync.Mutex // held while a day's directory is made, so that nobody takes one for durable that another one is making still
	made   string     // the last one whose name is on disk
}

type settled struct {
	statement string
	at        time.Time
}

// OpenStore opens the recordings below c.Dir. The caller must Close the store, after the journal.
func OpenStore(c Config) (*Store, error) {
	for _, dir := range []string{openDir, shipDir, growDir} {
		if err := os.MkdirAll(filepath.Join(c.Dir, dir), 0o700); err != nil {
			return nil, fmt.Errorf("open recordings: %w", err)
		}
	}
	if err := errors.Join(journal.SyncDir(c.Dir), journal.SyncDir(filepath.Dir(c.Dir))); err != nil {
		return nil, fmt.Errorf("open recordings: %w", err)
	}
	packer, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("open recordings: %w", err)
	}
	unpacker, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxSealed), zstd.WithDecoderConcurrency(0))
	if err != nil {
		return nil, fmt.Errorf("open recordings: %w", err)
	}
	s := &Store{dir: c.Dir, recipient: c.Recipient, ship: c.Ship, reserve: c.Reserve, packer: packer, unpacker: unpacker,
		open: map[string]*Writer{}, incoming: map[string]*incoming{}, senders: map[string]int{}}
	s.scratch.New = func() any { return new(scratch) }
	if err := errors.Join(s.removeTemporaries(), s.takeUpIncoming()); err != nil {
		return nil, fmt.Errorf("open recordings: %w", err)
	}
	return s, nil
}

// Close closes the recordings that are still open, and takes no more.
func (s *Store) Close() error {
	s.mu.Lock()
	open := s.open
	s.open = nil
	s.mu.Unlock()
	var err error
	for _, w := range open {
		_, e := w.Close()
		err = errors.Join(err, e)
	}
	s.settle(time.Now().Add(settleTime))
	s.unpacker.Close()
	return errors.Join(err, s.packer.Close())
}

// Record begins the recording of a statement. The error leaves nothing behind that would be replayed.
func (s *Store) Record(h Header) (*Writer, error) {
	now := time.Now()
	if h.Started.IsZero() {
		h.Started = now
	}
	recipient, err := s.recipientOf()
	if err != nil {
		return nil, fmt.Errorf("record terminal: %w", err)
	}
	path, err := s.path(h.Statement)
	if err != nil {
		return nil, fmt.Errorf("record terminal: %w", err)
	}
	s.settle(now)
	w, err := s.begin(&h, path, recipient, now)
	if err != nil {
		return nil, fmt.Errorf("record terminal: %w", err)
	}
	return w, nil
}

func (s *Store) recipientOf() (age.Recipient, error) {
	text := ""
	if s.recipient != nil {
		text = s.recipient()
	}
	if text == "" {
		return nil, errors.New("the key that recordings are sealed to is not known")
	}
	r, err := age.ParseX25519Recipient(text)
	if err != nil {
		return nil, fmt.Errorf("the key that recordings are sealed to: %w", err)
	}
	return r, nil
}

func (s *Store) begin(h *Header, path string, recipient age.Recipient, now time.Time) (*Writer, error) {
	begin, key, err := newLabel(h, recipient)
	if err != nil {
		return nil, err
	}
	seal, err := newSeal(key, begin)
	if err != nil {
		return nil, err
	}
	if err := s.makeDay(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err == nil {
		return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	// This sign comes first: a file system that keeps its changes in order has it on disk when it has the file's name there.
	if err := s.sign(openDir, h.Statement); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	w := newWriter(s, h, f, seal, now)
	err = s.signShip(h.Statement)
	if err == nil {
		err = w.start(begin, h)
	}
	if err == nil {
		err = s.admit(w)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path)) // Recover removes the signs of a file that is not there
	}
	return w, nil
}

func (s *Store) sign(dir, statement string) error {
	return os.WriteFile(filepath.Join(s.dir, dir, statement), nil, 0o600)
}

// signShip leaves the sign of a recording that is nowhere else, where it should be. Its file must be there: who ships would take it for removed.
func (s *Store) signShip(statement string) error {
	if !s.ship {
		return nil
	}
	return s.sign(shipDir, statement)
}

func (s *Store) admit(w *Writer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		return errors.New("recordings are closed")
	}
	s.open[w.statement] = w
	return nil
}

// Unshipped are the statements whose recordings are over and nowhere else yet, oldest first.
func (s *Store) Unshipped() ([]string, error) {
	signs, err := os.ReadDir(filepath.Join(s.dir, shipDir))
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	var all []string
	for _, sign := range signs {
		if s.writer(sign.Name()) == nil {
			all = append(all, sign.Name())
		}
	}
	return all, nil
}

// Shipped says that the recording of the statement is elsewhere as well.
func (s *Store) Shipped(statement string) error {
	if err := os.Remove(filepath.Join(s.dir, shipDir, statement)); err != nil {
		return fmt.Errorf("note a recording as shipped: %w", err)
	}
	return nil
}

// Growing are the recordings that this process writes now, as far as they can be read.
func (s *Store) Growing() []Entry {
	s.mu.Lock()
	open := slices.Collect(maps.Values(s.open))
	s.mu.Unlock()
	all := make([]Entry, 0, len(open))
	for _, w := range open {
		w.mu.Lock()
		all = append(all, Entry{Statement: w.statement, Path: w.file.Name(), Size: w.size, Growing: true})
		w.mu.Unlock()
	}
	return all
}

// makeDay makes the directory of a day and has its name on disk when it returns.
func (s *Store) makeDay(dir string) error {
	s.making.Lock()
	defer s.making.Unlock()
	if _, err := os.Stat(dir); err == nil && s.made == dir {
		return nil
	}
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = journal.SyncDir(s.dir)
	}
	if err == nil {
		s.made = dir
	}
	return err
}

// closed is told that a recording is over.
func (s *Store) closed(w *Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, w.statement)
	s.settled = append(s.settled, settled{statement: w.statement, at: time.Now()})
}

// settle removes the signs of recordings that were closed a while before now.
func (s *Store) settle(now time.Time) {
	s.mu.Lock()
	n := 0
	for n < len(s.settled) && now.Sub(s.settled[n].at) >= settleTime {
		n++
	}
	old := slices.Clone(s.settled[:n])
	s.settled = slices.Delete(s.settled, 0, n)
	s.mu.Unlock()
	for _, c := range old {
		_ = os.Remove(filepath.Join(s.dir, openDir, c.statement)) // Recover says of one that stays what the journal knows already
	}
}

// path is where a statement's recording lies: the day is the statement's own, as its ID tells.
func (s *Store) path(statement string) (string, error) {
	day, err := TimeOf(statement)
	if err != nil {
		return "", err
	}
	return filepath.Join(s.dir, day.Format(dayFormat), statement+extension), nil
}

// TimeOf is when a statement's ID was made, which is a UUIDv7 in lower case (RFC 9562).
func TimeOf(id string) (time.Time, error) {
	digits := strings.ReplaceAll(id, "-", "")
	raw, err := hex.DecodeString(digits)
	if err != nil || len(id) != 36 || len(raw) != 16 || raw[6]>>4 != 7 || strings.ToLower(id) != id ||
		id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return time.Time{}, fmt.Errorf("%.40q is no statement's ID", id)
	}
	ms := int64(raw[0])<<40 | int64(raw[1])<<32 | int64(raw[2])<<24 | int64(raw[3])<<16 | int64(raw[4])<<8 | int64(raw[5])
	return time.UnixMilli(ms).UTC(), nil
}

// growing is who adds to the statement's recording now; nil: nobody.
func (s *Store) growing(statement string) growing {
	s.mu.Lock()
	w, in := s.open[statement], s.incoming[statement]
	s.mu.Unlock()
	if w != nil {
		return w
	}
	if in != nil {
		in.mu.Lock()
		defer in.mu.Unlock()
		if in.isOpen() {
			return in
		}
	}
	return nil
}

// writer is the one that writes the statement's recording now; nil: none does.
func (s *Store) writer(statement string) *Writer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[statement]
}
