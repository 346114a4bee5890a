package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
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

// openLine is a resource that is wished for.
type openLine struct {
	resource client.Resource
	account  string
	listener *listener // nil while it cannot be open
	trouble  string
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

// apply opens the ports that are wished for and closes the others. fresh says that the list of resources is the
// server's of now, so that what is not in it may not be opened.
func (a *account) apply(life context.Context, fresh bool) {
	a.mu.Lock()
	if a.draining {
		a.mu.Unlock()
		return
	}
	wanted := a.wanted(fresh)
	var closing []*listener
	for name, l := range a.lines {
		r, stays := wanted[name]
		if stays && r != nil {
			continue
		}
		if l.listener != nil {
			closing = append(closing, l.listener)
			l.listener = nil
		}
		l.trouble = fmt.Sprintf("you may not open %s any more; sally ls shows what you may", name)
		if !stays {
			delete(a.lines, name)
		}
	}
	var opening []client.Resource
	for name, r := range wanted {
		l, known := a.lines[name]
		if !known {
			l = &openLine{resource: client.Resource{Name: name}, account: a.wish.Named[name].Account}
			a.lines[name] = l
		}
		switch {
		case r != nil:
			l.resource = *r
			if l.listener == nil {
				opening = append(opening, *r)
			}
		case !known:
			l.trouble = fmt.Sprintf("there is no resource %q that you may open; sally ls shows those that you may", name)
		}
	}
	a.mu.Unlock()
	for _, l := range closing {
		l.close()
	}
	// In the order of names, so that two that want the same port get theirs in the same order each time.
	slices.SortFunc(opening, func(x, y client.Resource) int { return strings.Compare(x.Name, y.Name) })
	for _, r := range opening {
		a.open(life, r)
	}
}

// wanted gives what is wished for, by name; nil for what may not be opened.
func (a *account) wanted(fresh bool) map[string]*client.Resource {
	wanted := map[string]*client.Resource{}
	for name := range a.wish.Named {
		wanted[name] = nil
		if !fresh { // the gateways may let the person in all the same
			wanted[name] = &client.Resource{Name: name}
		}
	}
	for _, r := range a.mine {
		if _, named := wanted[r.Name]; named || a.wish.All {
			wanted[r.Name] = &r
		}
	}
	return wanted
}

// open listens for a resource: on its own port, on the one that was taken instead before, or on another.
func (a *account) open(life context.Context, r client.Resource) {
	a.mu.Lock()
	ports := []int{r.LocalPort()}
	if before := a.wish.Ports[r.Name]; before != 0 {
		ports = append(ports, before)
	}
	theirs := map[int]bool{}
	for _, other := range a.mine {
		theirs[other.LocalPort()] = true
	}
	for _, port := range a.wish.Ports {
		theirs[port] = true
	}
	a.mu.Unlock()
	local, err := findPort(life, ports, func(port int) bool { return theirs[port] })
	if err != nil {
		a.report(r.Name, err)
		return
	}
	l := listen(life, local, &client.Tunnel{
		Resource: r.Name, Report: a.report,
		Dial: func(ctx context.Context) (client.Conn, error) { return a.dial(ctx, r.Name) },
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines[r.Name].listener, a.lines[r.Name].trouble = l, ""
	if a.draining { // it came in between
		l.drain()
	}
	if l.port == ports[0] || l.port == a.wish.Ports[r.Name] {
		return
	}
	if a.wish.Ports == nil {
		a.wish.Ports = map[string]int{}
	}
	a.wish.Ports[r.Name] = l.port
	if err := a.keep(a.wish); err != nil {
		a.log.Warn("keep port", "error", err)
	}
}

// dial opens a connection to the resource by one of its gateways, with a certificate that has not ended if one can be
// had.
func (a *account) dial(ctx context.Context, name string) (client.Conn, error) {
	if !time.Now().Before(a.dialer.Expires()) {
		renewing, cancel := context.WithTimeout(ctx, askLimit)
		_ = a.do(renewing, a.revive) // the gateway's own answer to the old certificate says more
		cancel()
	}
	a.mu.Lock()
	l, ok := a.lines[name]
	if !ok {
		a.mu.Unlock()
		return nil, fmt.Errorf("%s is not connected", name)
	}
	ways := l.resource.Ways(a.host)
	a.mu.Unlock()
	conn, err := a.routes.Dial(ctx, name, ways)
	if err != nil {
		a.kick() // perhaps the server knows another gateway by now
		return nil, err
	}
	a.mu.Lock()
	l.trouble = ""
	a.mu.Unlock()
	return conn, nil
}

// revive is refresh for a connection that found the certificate ended; of many at once one does it.
func (a *account) revive(life context.Context) error {
	if time.Now().Before(a.dialer.Expires()) || !a.rested() {
		return nil
	}
	return a.refresh(life)
}

// report keeps what went wrong with a resource, and logs it once.
func (a *account) report(name string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, ok := a.lines[name]
	if !ok || l.trouble == err.Error() {
		return
	}
	l.trouble = err.Error()
	a.log.Warn("trouble", "resource", name, "error", err)
}

// closeAll ends every port and connection.
func (a *account) closeAll() {
	a.mu.Lock()
	lines := a.lines
	a.lines = map[string]*openLine{}
	a.mu.Unlock()
	for _, l := range lines {
		if l.listener != nil {
			l.listener.close()
		}
	}
}

// freePorts closes the ports for good. Connections that are open go on.
func (a *account) freePorts() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.draining = true
	for _, l := range a.lines {
		if l.listener != nil {
			l.listener.drain()
		}
	}
}

// drained waits until no connection is open.
func (a *account) drained(ctx context.Context) {
	a.mu.Lock()
	var open []*listener
	for _, l := range a.lines {
		if l.listener != nil {
			open = append(open, l.listener)
		}
	}
	a.mu.Unlock()
	for _, l := range open {
		select {
		case <-l.served:
		case <-ctx.Done():
			return
		}
	}
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

// line tells of one; mu is held.
func (a *account) line(name string) Line {
	l := a.lines[name]
	r := l.resource
	told := Line{
		Name: name, Protocol: r.Protocol, Database: r.Database, Account: l.account, OwnPort: r.LocalPort(), Trouble: l.trouble,
		Gateway: a.routes.Chosen(r.Ways(a.host)),
	}
	if told.Account == "" && len(r.Accounts) > 0 {
		told.Account = r.Accounts[0]
	}
	if l.listener != nil {
		told.Port, told.Open = l.listener.port, l.listener.tunnel.Open()
		told.URL = address(r, told.Account, a.profile.User, told.Port)
	}
	return told
}
