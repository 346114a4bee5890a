package recording

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// ErrForeign says that what should be kept is no whole recording of the statement, or another one than the store has.
var ErrForeign = errors.New("this is not the recording of the statement")

// Take keeps the recording of a statement that another store has, sealed as it is: on disk, name and all, when it returns. want is what the
// record says of it; nil: nothing. Taking it twice is no error; another one is ErrForeign, and so is one that is not whole.
func (s *Store) Take(statement string, want *audit.Recording, r io.Reader) error {
	path, err := s.path(statement)
	if err != nil {
		return fmt.Errorf("take recording: %w: %w", ErrForeign, err)
	}
	if err := s.makeDay(filepath.Dir(path)); err != nil {
		return fmt.Errorf("take recording: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Join(s.dir, openDir), tempPrefix)
	if err != nil {
		return fmt.Errorf("take recording: %w", err)
	}
	if want != nil {
		r = io.LimitReader(r, want.Size+1) // more than that is not it
	}
	m, err := receive(temp, r)
	if err == nil && m.label.Statement != statement {
		err = fmt.Errorf("%w: it says that it is of %.40q", ErrForeign, m.label.Statement)
	}
	if err == nil && want != nil && (m.Size != want.Size || m.SHA256 != want.SHA256) {
		err = fmt.Errorf("%w: it is not what the record says", ErrForeign)
	}
	if err == nil {
		if err = os.Link(temp.Name(), path); errors.Is(err, os.ErrExist) { // a link fails where a rename would replace
			err = s.takeAgain(statement, temp.Name(), m.Recording)
		}
	}
	err = errors.Join(err, os.Remove(temp.Name()))
	if err == nil {
		err = journal.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("take recording: %w", err)
	}
	return nil
}

// takeAgain takes a recording of which something is here: all of it, or a beginning that was sent while it grew.
func (s *Store) takeAgain(statement, path string, is audit.Recording) error {
	from := s.Sender(statement)
	if from == "" {
		if s.Check(statement, is) != nil {
			return fmt.Errorf("%w: there is another one", ErrForeign)
		}
		return nil
	}
	whole, err := os.Open(path)
	if err != nil {
		return err
	}
	defer whole.Close()
	err = s.complete(statement, from, whole, is)
	if errors.Is(err, ErrDiffers) {
		err = fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return err
}

// tempPrefix begins the names of files in openDir and growDir that are not whole yet.
const tempPrefix = ".tmp-"

// removeTemporaries removes what a crash left of files that were being taken.
func (s *Store) removeTemporaries() error {
	left, err := filepath.Glob(filepath.Join(s.dir, "*", tempPrefix+"*"))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// receive writes r to f, which it closes, and says what came.
func receive(f *os.File, r io.Reader) (measured, error) {
	n, err := io.Copy(f, r)
	if err == nil {
		err = journal.SyncData(f)
	}
	var m measured
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err == nil {
		m, err = measure(f)
		if errors.Is(err, errTorn) || err == nil && m.Size != n {
			err = fmt.Errorf("%w: it is not whole", ErrForeign)
		} else if errors.Is(err, ErrDamaged) {
			err = fmt.Errorf("%w: %w", ErrForeign, err)
		}
	}
	return m, errors.Join(err, f.Close())
}
