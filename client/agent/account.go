package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/client"
)

const (
	// askLimit bounds one conversation with the server.
	askLimit = 10 * time.Second
	// leastPause is between two of them that were not asked for by a command.
	leastPause = 2 * time.Second
)

// account is one sign-in that the agent works for. Its goroutine, run, makes all changes one after the other; mu is
// for those who look, and is never held while something waits.
type account struct {
	name   string
	store  *client.Store
	log    *slog.Logger
	poll   time.Duration
	dialer *client.Dialer
	routes *client.Routes
	keep   func(wish) error // writes down what is wished

	turns chan turn
	kicks chan struct{}
	end   context.CancelFunc
	ended chan struct{}

	mu       sync.Mutex // guards what follows
	profile  *client.Profile
	host     string // the server's
	wish     wish
	mine     []client.Resource
	asked    time.Time // when the server last answered
	tried    time.Time // when it was last asked
	renewal  string    // what is wrong with renewing; empty: nothing
	server   string    // what is wrong with the server; empty: nothing
	lines    map[string]*openLine
	draining bool
}

// turn is a change for run to make.
type turn struct {
	change func(life context.Context) error
	done   chan error
}

func newAccount(store *client.Store, name string, w wish, poll time.Duration, log *slog.Logger, keep func(wish) error) (*account, error) {
	p, err := store.Load(name)
	if err != nil {
		return nil, err
	}
	dialer, err := client.NewDialer(p, nil)
	if err != nil {
		return nil, err
	}
	// Without a copy, nothing is known until the server answers.
	mine, _ := store.KeptResources(name)
	return &account{
		name: name, store: store, log: log.With("profile", name), poll: poll, dialer: dialer, routes: client.NewRoutes(dialer),
		keep: keep, turns: make(chan turn), kicks: make(chan struct{}, 1), ended: make(chan struct{}),
		profile: p, host: p.Host(), wish: w, mine: mine, lines: map[string]*openLine{},
	}, nil
}

// run works until ctx ends, then closes everything.
func (a *account) run(ctx context.Context) {
	defer close(a.ended)
	defer a.closeAll()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-a.turns:
			t.done <- t.change(ctx)
			continue
		case <-a.kicks:
			if !a.rested() {
				continue
			}
		case <-timer.C:
		}
		if err := a.refresh(ctx); errors.Is(err, client.ErrSignedOut) && !a.signedIn() {
			a.log.Info("signed out")
			a.closeAll()
		}
		// Spread, so that a thousand agents that saw the server return do not ask it in the same second.
		timer.Reset(a.poll*3/4 + rand.N(a.poll/2+1))
	}
}

// rested says whether the last conversation with the server is some time ago. It goes by the wall clock, since the
// other may stand still while the machine sleeps.
func (a *account) rested() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	since := time.Now().Round(0).Sub(a.tried.Round(0))
	return since > leastPause || since < 0
}

// kick has the server asked soon.
func (a *account) kick() {
	select {
	case a.kicks <- struct{}{}:
	default:
	}
}

// do makes a change in its turn and waits for it.
func (a *account) do(ctx context.Context, change func(life context.Context) error) error {
	t := turn{change: change, done: make(chan error, 1)}
	select {
	case a.turns <- t:
	case <-a.ended:
		return client.ErrSignedOut
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-t.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// signedIn says whether this machine still has the profile.
func (a *account) signedIn() bool {
	_, err := a.store.Load(a.name)
	return !errors.Is(err, client.ErrSignedOut)
}

// refresh takes a new sign-in, renews the certificate where that is due, asks the server what the person may open, and
// opens and closes ports accordingly. What does not work is kept to be told; the error is the server's.
func (a *account) refresh(life context.Context) error {
	ctx, cancel := context.WithTimeout(life, askLimit)
	defer cancel()
	a.mu.Lock()
	a.tried = time.Now()
	a.mu.Unlock()
	if err := a.renew(ctx); errors.Is(err, client.ErrSignedOut) {
		return err
	}
	mine, err := a.ask(ctx)
	if life.Err() != nil {
		return life.Err()
	}
	a.mu.Lock()
	switch {
	case err != nil:
		a.server = err.Error()
	default:
		if a.server != "" {
			a.log.Info("the server answers again")
		}
		a.mine, a.asked, a.server = mine, time.Now(), ""
	}
	a.mu.Unlock()
	if err == nil {
		if err := a.store.KeepResources(a.name, mine); err != nil {
			a.log.Warn("keep resources", "error", err)
		}
	}
	a.apply(life, err == nil)
	return err
}

// renew loads the profile, renews it where due, and dials with it from now on.
func (a *account) renew(ctx context.Context) error {
	p, err := a.store.Load(a.name)
	if err != nil {
		a.setRenewal(err.Error())
		return err
	}
	trouble := ""
	if p.RenewalDue(time.Now()) {
		renewed, err := p.Renew(ctx)
		switch {
		case err == nil:
			a.log.Info("renewed certificate", "expires", renewed.Expires)
			p = renewed
		case errors.Is(err, client.ErrSignedOut):
			trouble = "the sign-in has ended; sign in again: " + p.Renewal()
		default:
			trouble = fmt.Sprintf("the certificate could not be renewed: %v", err)
		}
	}
	if trouble == "" && !time.Now().Before(p.Expires) {
		trouble = "the certificate has ended; sign in again: " + p.Renewal()
	}
	a.setRenewal(trouble)
	a.mu.Lock()
	changed := p.Certificate != a.profile.Certificate
	a.profile, a.host = p, p.Host()
	a.mu.Unlock()
	if changed {
		return a.dialer.Use(p)
	}
	return nil
}

func (a *account) setRenewal(trouble string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if trouble != "" && trouble != a.renewal {
		a.log.Warn("renewal", "trouble", trouble)
	}
	a.renewal = trouble
}

func (a *account) ask(ctx context.Context) ([]client.Resource, error) {
	a.mu.Lock()
	p := a.profile
	a.mu.Unlock()
	// Made anew each time, so that no connection from before a sleep or on another network is used.
	api, err := p.API()
	if err != nil {
		return nil, err
	}
	defer api.Close()
	return api.Resources(ctx)
}

// revive is refresh for a connection that found the certificate ended; of many at once one does it.
func (a *account) revive(life context.Context) error {
	if time.Now().Before(a.dialer.Expires()) || !a.rested() {
		return nil
	}
	return a.refresh(life)
}

// status tells what is done.
func (a *account) status() ProfileStatus {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := ProfileStatus{
		Name: a.name, User: a.profile.User, Expires: a.profile.Expires, All: a.wish.All, Asked: a.asked,
		RenewalTrouble: a.renewal, ServerTrouble: a.server, Lines: []Line{},
	}
	for name := range a.lines {
		s.Lines = append(s.Lines, a.line(name))
	}
	slices.SortFunc(s.Lines, func(x, y Line) int { return cmp.Compare(x.Name, y.Name) })
	return s
}
