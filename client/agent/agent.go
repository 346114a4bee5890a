package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/client"
)

// ErrRunning says that another agent works for this person already.
var ErrRunning = errors.New("an agent runs already; see: sally agent status")

// Config is what an agent works with.
type Config struct {
	Store   *client.Store
	Version string // of the program
	// Poll is about how often the server is asked what the person may open; 0 means 30 s.
	Poll time.Duration
	Log  *slog.Logger
	// Ready is called once when commands are answered.
	Ready func()
}

const (
	defaultPoll = 30 * time.Second
	// takeOver bounds the wait for the lock of an agent that is about to end.
	takeOver = 10 * time.Second
)

// Agent keeps ports open for all sign-ins of one person.
type Agent struct {
	Config
	place   Place
	started time.Time
	stops   chan Stop

	mu       sync.Mutex // guards what follows
	accounts map[string]*account
	wishes   wishes
	ending   bool
	working  sync.WaitGroup
}

// Run is the agent: it works until ctx ends or a command stops it. It returns an error wrapping ErrRunning when there is
// one already.
func Run(ctx context.Context, config Config) error {
	if config.Poll == 0 {
		config.Poll = defaultPoll
	}
	place := PlaceOf(config.Store)
	unlock, err := takeLock(ctx, place)
	if err != nil {
		return err
	}
	// A drained agent gives up the lock long before it ends.
	unlock = sync.OnceFunc(unlock)
	defer unlock()
	kept, err := readWishes(place.wishesFile())
	if err != nil {
		config.Log.Warn("read what was connected", "error", err) // it begins with nothing
		kept = wishes{}
	}
	a := &Agent{
		Config: config, place: place, started: time.Now(), stops: make(chan Stop, 1), accounts: map[string]*account{}, wishes: kept,
	}
	return a.serve(ctx, unlock)
}

// takeLock waits for an agent that is ending. One that answers is not.
func takeLock(ctx context.Context, place Place) (func(), error) {
	ctx, cancel := context.WithTimeout(ctx, takeOver)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		unlock, err := client.TryLock(place.lockFile())
		if !errors.Is(err, client.ErrInUse) {
			return unlock, err
		}
		if c, err := Find(place); err == nil {
			_, err = c.Status(ctx)
			c.Close()
			if err == nil {
				return nil, ErrRunning
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w; it does not answer: end it, or remove %s", ErrRunning, place.lockFile())
		case <-tick.C:
		}
	}
}

func (a *Agent) serve(ctx context.Context, unlock func()) error {
	l, m, err := listenAt(ctx, a.place)
	if err != nil {
		return err
	}
	m.Secret = rand.Text()
	life, end := context.WithCancel(ctx)
	defer a.working.Wait()
	defer end()
	server := &http.Server{Handler: a.handler(life, m.Secret), ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(a.Log.Handler(), slog.LevelWarn)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	if err := a.place.write(m); err != nil {
		return errors.Join(err, server.Close())
	}
	a.resume(life)
	ticks := time.NewTicker(wakeTick)
	defer ticks.Stop()
	a.working.Go(func() { watchSleep(life, ticks.C, time.Now, a.woken) })
	a.Log.Info("agent runs", "version", a.Version, "pid", os.Getpid())
	if a.Ready != nil {
		a.Ready()
	}

	var stop Stop
	select {
	case <-ctx.Done():
	case stop = <-a.stops:
	case err := <-served:
		return errors.Join(fmt.Errorf("serve commands: %w", err), a.leave(server)) // commands that are being done may begin no more work
	}
	a.Log.Info("agent stops", "drain", stop.Drain)
	err = a.leave(server)
	unlock()
	if stop.Drain {
		a.drain(ctx)
	}
	return err
}

// leave takes no more commands, and is not to be found any more.
func (a *Agent) leave(server *http.Server) error {
	a.mu.Lock()
	a.ending = true
	var draining []*account
	for _, account := range a.accounts {
		draining = append(draining, account)
	}
	a.mu.Unlock()
	for _, account := range draining {
		account.freePorts()
	}
	err := os.Remove(a.place.meetingFile())
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(ctx))
}

// drain waits until no connection is open.
func (a *Agent) drain(ctx context.Context) {
	var waiting sync.WaitGroup
	a.mu.Lock()
	for _, account := range a.accounts {
		waiting.Go(func() { account.drained(ctx) })
	}
	a.mu.Unlock()
	waiting.Wait()
}

// woken makes everything anew after the machine has slept.
func (a *Agent) woken() {
	a.Log.Info("the machine has slept, or its clock was set")
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, account := range a.accounts {
		account.routes.Retry()
		account.kick()
	}
}

// resume goes on with what the last agent kept open.
func (a *Agent) resume(life context.Context) {
	a.mu.Lock()
	names := slices.Sorted(maps.Keys(a.wishes))
	a.mu.Unlock()
	for _, name := range names {
		if _, err := a.account(life, name); err != nil {
			a.Log.Warn("resume", "profile", name, "error", err)
		}
	}
}

// account gives the sign-in of that name, and begins to work for it where it does not yet.
func (a *Agent) account(life context.Context, name string) (*account, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known, ok := a.accounts[name]; ok {
		return known, nil
	}
	if a.ending {
		return nil, errors.New("the agent is ending; try again")
	}
	began, err := newAccount(a.Store, name, a.wishes[name], a.Poll, a.Log, func(w wish) error { return a.keep(name, w) })
	if err != nil {
		return nil, err
	}
	life, began.end = context.WithCancel(life)
	a.accounts[name] = began
	a.working.Go(func() { began.run(life) })
	return began, nil
}

// keep writes down what is wished for a profile.
func (a *Agent) keep(name string, w wish) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wishes[name] = w
	if w.empty() && len(w.Ports) == 0 {
		delete(a.wishes, name)
	}
	return a.wishes.write(a.place.wishesFile())
}

// forget ends all of a profile's connections, and what was kept of it.
func (a *Agent) forget(name string) error {
	a.mu.Lock()
	gone, ok := a.accounts[name]
	delete(a.accounts, name)
	a.mu.Unlock()
	if ok {
		gone.end()
		<-gone.ended
	}
	return a.keep(name, wish{})
}

func (a *Agent) status() Status {
	// An account that keeps its wishes holds its own lock before this one, so the two are not held the other way round.
	a.mu.Lock()
	accounts := maps.Clone(a.accounts)
	a.mu.Unlock()
	s := Status{Version: a.Version, PID: os.Getpid(), Started: a.started, Profiles: []ProfileStatus{}}
	for _, name := range slices.Sorted(maps.Keys(accounts)) {
		s.Profiles = append(s.Profiles, accounts[name].status())
	}
	return s
}
