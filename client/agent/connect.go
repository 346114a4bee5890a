package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport/sallyport/client"
)

// connect opens what w names, and keeps it open from now on.
func (a *account) connect(ctx context.Context, w Wish) (lines []Line, err error) {
	err = a.do(ctx, func(life context.Context) error {
		asked := a.refresh(life)
		if errors.Is(asked, client.ErrSignedOut) {
			return asked
		}
		if err := a.wishFor(w, asked); err != nil {
			return err
		}
		a.apply(life, asked == nil)
		lines = a.named(w)
		return nil
	})
	return lines, err
}

// wishFor adds to what is kept open. asked is how asking the server went.
func (a *account) wishFor(w Wish, asked error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w.All && len(a.mine) == 0 {
		if asked != nil {
			return asked
		}
		return errors.New("there is no resource that you may open")
	}
	next := wish{All: a.wish.All || w.All, Named: maps.Clone(a.wish.Named), Ports: a.wish.Ports}
	if next.Named == nil {
		next.Named = map[string]line{}
	}
	for _, name := range w.Names {
		i := slices.IndexFunc(a.mine, func(r client.Resource) bool { return r.Name == name })
		switch {
		case i < 0 && asked == nil:
			return client.NotYours(name, a.mine)
		case i >= 0:
			if _, err := a.mine[i].Account(w.Account); err != nil {
				return err
			}
		}
		if w.Account == "" {
			if _, known := next.Named[name]; !known {
				next.Named[name] = line{}
			}
			continue
		}
		next.Named[name] = line{Account: w.Account}
		if l, open := a.lines[name]; open {
			l.account = w.Account
		}
	}
	a.wish = next
	return a.keep(next)
}

// named gives the lines that a wish is about.
func (a *account) named(w Wish) []Line {
	all := a.status().Lines
	if w.All {
		return all
	}
	return slices.DeleteFunc(all, func(l Line) bool { return !slices.Contains(w.Names, l.Name) })
}

// disconnect closes what w names, with the connections through it, and gives what it closed.
func (a *account) disconnect(ctx context.Context, w Wish) (lines []Line, err error) {
	err = a.do(ctx, func(life context.Context) error {
		lines = a.named(w)
		if err := a.unwish(w, lines); err != nil {
			return err
		}
		a.apply(life, false)
		return nil
	})
	return lines, err
}

func (a *account) unwish(w Wish, closing []Line) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	next := wish{Ports: a.wish.Ports, Named: map[string]line{}}
	if !w.All {
		maps.Copy(next.Named, a.wish.Named)
		// Out of all, one closed leaves the others that are open now.
		if a.wish.All {
			for name, l := range a.lines {
				next.Named[name] = line{Account: l.account}
			}
		}
		for _, name := range w.Names {
			if !slices.ContainsFunc(closing, func(l Line) bool { return l.Name == name }) {
				return fmt.Errorf("%s is not connected", name)
			}
			delete(next.Named, name)
		}
	}
	a.wish = next
	return a.keep(next)
}
