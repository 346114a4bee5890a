package copies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
)

// Names within a copy's directory.
const (
	JournalDir = "journal"
	stateFile  = "copy.json"
)

// Store holds the copies of all gateways below one directory. It is safe for concurrent use.
type Store struct {
	dir    string
	log    *slog.Logger
	opened func(*Copy) error

	mu     sync.Mutex
	copies map[string][]*Copy // by gateway, oldest first; the last is the one that grows
	closed bool
}

// Copy is the copy of one journal.
type Copy struct {
	Gateway string
	// Name tells a gateway's copies apart, and is the name of its directory: NAME, NAME.2 and so on.
	Name    string
	Dir     string
	Journal *journal.Copy
	Proof   *proof.Mirror

	store   *Store
	mu      sync.Mutex // held while the copy changes
	state   state
	indexed bool
}

// state is the file of what is known of a copy beside the journal itself.
type state struct {
	Gateway string `json:"gateway"`
	// Key is the first verifier key of the log; all others must follow from it.
	Key string `json:"key,omitempty"`
	// Enrolment is the gateway's enrolment when the copy was begun.
	Enrolment string `json:"enrolment"`
	// Diverged says why nothing is taken any more; empty while all is well.
	Diverged string `json:"diverged,omitempty"`
}

// gatewayNames are DNS labels: nothing that could name another directory.
var gatewayNames = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Open opens the copies below dir, which is made with mode 0700 when it does not exist. opened is called once for each
// copy that holds a record, also for those that come later; nil calls nothing. A copy that cannot be opened is left as it
// is, and the log says why. The caller must Close the store.
func Open(dir string, log *slog.Logger, opened func(*Copy) error) (*Store, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if opened == nil {
		opened = func(*Copy) error { return nil }
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open copies of journals: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open copies of journals: %w", err)
	}
	s := &Store{dir: dir, log: log, opened: opened, copies: map[string][]*Copy{}}
	for _, entry := range entries {
		gateway, number, ok := parseName(entry.Name())
		if !ok || !entry.IsDir() {
			continue
		}
		c, err := s.open(gateway, number)
		if err != nil {
			log.Error("the copy of a gateway's journal cannot be opened", "gateway", gateway, "dir", filepath.Join(dir, entry.Name()), "err", err)
			continue
		}
		s.copies[gateway] = append(s.copies[gateway], c)
	}
	for _, all := range s.copies {
		slices.SortFunc(all, func(a, b *Copy) int { return numberOf(a.Name) - numberOf(b.Name) })
	}
	return s, nil
}

// nameOf is the name of a gateway's copy of that number, from 1.
func nameOf(gateway string, number int) string {
	if number == 1 {
		return gateway
	}
	return gateway + "." + strconv.Itoa(number)
}

func parseName(name string) (gateway string, number int, ok bool) {
	gateway, digits, numbered := strings.Cut(name, ".")
	number = 1
	if numbered {
		number, _ = strconv.Atoi(digits)
	}
	return gateway, number, gatewayNames.MatchString(gateway) && number >= 1 && nameOf(gateway, number) == name
}

func numberOf(name string) int {
	_, number, _ := parseName(name)
	return number
}

// open opens or makes one copy.
func (s *Store) open(gateway string, number int) (c *Copy, err error) {
	c = &Copy{Gateway: gateway, Name: nameOf(gateway, number), store: s}
	c.Dir = filepath.Join(s.dir, c.Name)
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(c.Dir, stateFile))
	if err == nil {
		err = json.Unmarshal(b, &c.state)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read %s: %w", stateFile, err)
	}
	if c.Journal, err = journal.OpenCopy(filepath.Join(c.Dir, JournalDir), gateway, s.log); err != nil {
		return nil, err
	}
	if c.Proof, err = proof.OpenMirror(c.Journal, c.state.Key); err == nil && c.Journal.Written() > 0 {
		err = c.index()
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// index tells of the copy once it holds something.
func (c *Copy) index() error {
	if c.indexed {
		return nil
	}
	if err := c.store.opened(c); err != nil {
		return err
	}
	c.indexed = true
	return nil
}

// of is the copy that the gateway's journal goes to. The first is begun when it is asked for.
func (s *Store) of(ctx context.Context, from Sender) (*Copy, error) {
	if !gatewayNames.MatchString(from.Gateway) {
		return nil, fmt.Errorf("%.80q is no gateway's name", from.Gateway)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if all := s.copies[from.Gateway]; len(all) > 0 && !s.closed {
		return all[len(all)-1], nil
	}
	return s.begin(ctx, from, "")
}

// begin makes the gateway's next copy, after the one of that name. s.mu is held.
func (s *Store) begin(ctx context.Context, from Sender, after string) (*Copy, error) {
	if s.closed {
		return nil, journal.ErrClosed
	}
	gateway, number := from.Gateway, 1
	for ; ; number++ { // directories that could not be opened are not touched
		if _, err := os.Stat(filepath.Join(s.dir, nameOf(gateway, number))); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("begin copy of journal: %w", err)
		}
	}
	if err := from.Recorder.Begun(ctx, gateway, after); err != nil {
		return nil, err
	}
	c, err := s.open(gateway, number)
	if err != nil {
		return nil, fmt.Errorf("begin copy of journal: %w", err)
	}
	c.state = state{Gateway: gateway, Enrolment: from.Enrolment}
	if err := c.save(); err != nil {
		return nil, errors.Join(err, c.close())
	}
	s.copies[gateway] = append(s.copies[gateway], c)
	return c, nil
}

// save writes the state down, on disk.
func (c *Copy) save() error {
	b, err := json.Marshal(c.state)
	if err != nil {
		return fmt.Errorf("encode state of copy: %w", err)
	}
	if err := journal.WriteFile(filepath.Join(c.Dir, stateFile), b); err != nil {
		return fmt.Errorf("write state of copy: %w", err)
	}
	return nil
}

// Records is the number after the last record that the gateway's newest copy holds; false when there is no copy.
func (s *Store) Records(gateway string) (uint64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.copies[gateway]
	if len(all) == 0 {
		return 0, false
	}
	return all[len(all)-1].Journal.Written(), true
}

// Close closes all copies. What follows them must have ended.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var err error
	for _, all := range s.copies {
		for _, c := range all {
			err = errors.Join(err, c.close())
		}
	}
	return err
}

func (c *Copy) close() error {
	var err error
	if c.Proof != nil {
		err = c.Proof.Close()
	}
	if c.Journal != nil {
		err = errors.Join(err, c.Journal.Close())
	}
	return err
}
