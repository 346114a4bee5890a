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
	broken map[string]int     // the number of a gateway's newest copy, where that could not be opened
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
// is, and the log says why; when it is a gateway's newest, nothing is taken of its journal before it opens. The caller must
// Close the store.
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
	s := &Store{dir: dir, log: log, opened: opened, copies: map[string][]*Copy{}, broken: map[string]int{}}
	for _, entry := range entries {
		if gateway, number, ok := parseName(entry.Name()); ok && entry.IsDir() {
			s.takeUp(gateway, number)
		}
	}
	for gateway, all := range s.copies {
		slices.SortFunc(all, func(a, b *Copy) int { return numberOf(a.Name) - numberOf(b.Name) })
		if s.broken[gateway] < numberOf(all[len(all)-1].Name) {
			delete(s.broken, gateway)
		}
	}
	return s, nil
}

// takeUp takes up a copy that is there.
func (s *Store) takeUp(gateway string, number int) {
	c, err := s.open(gateway, number)
	switch {
	case errors.Is(err, errNotBegun):
	case err != nil:
		s.log.Error("the copy of a gateway's journal cannot be opened", "gateway", gateway, "dir", filepath.Join(s.dir, nameOf(gateway, number)), "err", err)
		s.broken[gateway] = max(s.broken[gateway], number)
	default:
		s.copies[gateway] = append(s.copies[gateway], c)
	}
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

// errNotBegun says that a directory for a copy was made, and nothing else.
var errNotBegun = errors.New("the copy was not begun")

// open opens one copy.
func (s *Store) open(gateway string, number int) (c *Copy, err error) {
	c = &Copy{Gateway: gateway, Name: nameOf(gateway, number), store: s}
	c.Dir = filepath.Join(s.dir, c.Name)
	if err := journal.RemoveTemporaries(c.Dir); err != nil {
		return nil, err
	}
	if c.state, err = readState(c.Dir); err != nil {
		return nil, err
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

func readState(dir string) (state, error) {
	var kept state
	b, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, JournalDir)); errors.Is(err, fs.ErrNotExist) {
			return kept, errNotBegun
		}
	}
	if err == nil {
		err = json.Unmarshal(b, &kept)
	}
	if err != nil {
		return kept, fmt.Errorf("read %s: %w", stateFile, err)
	}
	return kept, nil
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

// newest is the copy that the gateway's journal goes to; nil when there is none, or it could not be opened. s.mu is held.
func (s *Store) newest(gateway string) *Copy {
	all := s.copies[gateway]
	if _, broken := s.broken[gateway]; broken || len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// of is the copy that the gateway's journal goes to. The first is begun when it is asked for; one that could not be opened
// is tried again, and none takes its place.
func (s *Store) of(ctx context.Context, from Sender) (*Copy, error) {
	if !gatewayNames.MatchString(from.Gateway) {
		return nil, fmt.Errorf("%.80q is no gateway's name", from.Gateway)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, journal.ErrClosed
	}
	if c := s.newest(from.Gateway); c != nil {
		return c, nil
	}
	if number, broken := s.broken[from.Gateway]; broken {
		return s.add(from.Gateway, number)
	}
	return s.begin(ctx, from, nil)
}

// begin makes the gateway's next copy, after the one before; nil: the first. s.mu is held.
func (s *Store) begin(ctx context.Context, from Sender, before *Copy) (*Copy, error) {
	number, after := 1, ""
	if before != nil {
		number, after = numberOf(before.Name)+1, before.Name
	}
	if err := from.Recorder.Begun(ctx, from.Gateway, after); err != nil {
		return nil, err
	}
	dir := filepath.Join(s.dir, nameOf(from.Gateway, number))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("begin copy of journal: %w", err)
	}
	if err := writeState(dir, state{Gateway: from.Gateway, Enrolment: from.Enrolment}); err != nil {
		return nil, err
	}
	return s.add(from.Gateway, number)
}

// add opens the copy that is the gateway's newest from here on. s.mu is held.
func (s *Store) add(gateway string, number int) (*Copy, error) {
	s.broken[gateway] = number // until it opens
	c, err := s.open(gateway, number)
	if err != nil {
		return nil, fmt.Errorf("open the copy %s: %w", nameOf(gateway, number), err)
	}
	delete(s.broken, gateway)
	s.copies[gateway] = append(s.copies[gateway], c)
	return c, nil
}

// keep changes the state once that is on disk.
func (c *Copy) keep(next state) error {
	err := writeState(c.Dir, next)
	if err == nil {
		c.state = next
	}
	return err
}

func writeState(dir string, s state) error {
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode state of copy: %w", err)
	}
	if err := journal.WriteFile(filepath.Join(dir, stateFile), b); err != nil {
		return fmt.Errorf("write state of copy: %w", err)
	}
	return nil
}

// Records is the number after the last record that the gateway's newest copy holds; false when there is no copy, or it
// could not be opened.
func (s *Store) Records(gateway string) (uint64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.newest(gateway)
	if c == nil {
		return 0, false
	}
	return c.Journal.Written(), true
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
