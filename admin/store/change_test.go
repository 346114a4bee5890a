package store_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/test/storetest"
)

func load(t *testing.T, s *store.Store) *access.Snapshot {
	t.Helper()
	st, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// must fails the test for the first of the errors.
func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAChangeIsKeptWholeOrNotAtAll(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		before := load(t, s)
		regret := errors.New("regret")
		err := s.Change(ctx, before.Generation, func(ctx context.Context) error {
			must(t, s.PutRole(ctx, access.Role{Name: "r"}), s.PutUser(ctx, access.User{Name: "alice", Roles: []string{"r"}}))
			return regret
		})
		if !errors.Is(err, regret) {
			t.Fatalf("the error of what was to be done is %v", err)
		}
		if st := load(t, s); st.Generation != before.Generation || len(st.Users)+len(st.Roles) != 0 {
			t.Errorf("kept although it was regretted: %+v", st)
		}
		must(t, s.Change(ctx, before.Generation, func(ctx context.Context) error {
			must(t, s.PutRole(ctx, access.Role{Name: "r"}), s.PutUser(ctx, access.User{Name: "alice", Roles: []string{"r"}}))
			ws := store.WebSession{Hash: "h", ID: "i", User: "alice", Kind: store.BrowserSession, Created: time.Now(), Expires: time.Now().Add(time.Hour)}
			must(t, s.PutWebSession(ctx, ws))
			if _, err := s.WebSession(ctx, "h"); err != nil {
				t.Errorf("a change does not see what it has written: %v", err)
			}
			return nil
		}))
		if st := load(t, s); st.Generation <= before.Generation || len(st.Users) != 1 || len(st.Roles) != 1 {
			t.Errorf("not kept: %+v", st)
		}
	})
}

func TestAChangeOfAnOldStateIsRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		old := load(t, s).Generation
		must(t, s.PutRole(t.Context(), access.Role{Name: "r"}))
		err := s.Change(t.Context(), old, func(context.Context) error {
			t.Error("it was done")
			return nil
		})
		if !errors.Is(err, store.ErrConflict) {
			t.Errorf("want a conflict, have %v", err)
		}
	})
}

// again is what a control plane does: load, decide, change, and once more when another was faster.
func again(ctx context.Context, s *store.Store, decide func(*access.Snapshot) func(context.Context) error) error {
	for {
		st, err := s.Load(ctx)
		if err != nil {
			return err
		}
		do := decide(st)
		if do == nil {
			return nil
		}
		if err := s.Change(ctx, st.Generation, do); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// twice opens the same state twice, as two control planes do.
func twice(t *testing.T, c store.Config) [2]*store.Store {
	t.Helper()
	return [2]*store.Store{storetest.Open(t, c), storetest.Open(t, c)}
}

func TestNoChangeIsLost(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		planes := twice(t, c)
		const workers, each = 4, 15
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				s := planes[w%len(planes)]
				for range each {
					err := again(t.Context(), s, func(st *access.Snapshot) func(context.Context) error {
						n, _ := strconv.Atoi(st.Resources["counter"].Address)
						return func(ctx context.Context) error {
							return s.PutResource(ctx, access.Resource{Name: "counter", Address: strconv.Itoa(n + 1)})
						}
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if got, want := load(t, planes[0]).Resources["counter"].Address, strconv.Itoa(workers*each); got != want {
			t.Errorf("%s changes are left of %s", got, want)
		}
	})
}

func TestTwoAdminsCannotRemoveEachOther(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		planes := twice(t, c)
		for round := range 20 {
			names := [2]string{fmt.Sprintf("a%d", round), fmt.Sprintf("b%d", round)}
			for _, name := range names {
				must(t, planes[0].PutUser(t.Context(), access.User{Name: name}))
			}
			var wg sync.WaitGroup
			for i, s := range planes {
				wg.Go(func() {
					err := again(t.Context(), s, func(st *access.Snapshot) func(context.Context) error {
						if len(st.Users) < 2 { // the last one stays
							return nil
						}
						return func(ctx context.Context) error { return s.DeleteUser(ctx, names[i]) }
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			left := load(t, planes[0]).Users
			if len(left) != 1 {
				t.Fatalf("%d admins are left", len(left))
			}
			for name := range left {
				must(t, planes[0].DeleteUser(t.Context(), name))
			}
		}
	})
}

func TestNoSignInSlipsPastASuspension(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		planes := twice(t, c)
		ctx := t.Context()
		for round := range 30 {
			user := fmt.Sprintf("u%d", round)
			link := store.OneTime{Hash: "link" + user, Purpose: store.SignInLink, User: user, Expires: time.Now().Add(time.Hour)}
			session := func(n string) store.WebSession {
				return store.WebSession{Hash: n + user, ID: n + user, User: user, Kind: store.BrowserSession, Created: time.Now(), Expires: time.Now().Add(time.Hour)}
			}
			must(t, planes[0].PutUser(ctx, access.User{Name: user}), planes[0].PutOneTime(ctx, link, time.Now()))
			var wg sync.WaitGroup
			for _, signIn := range []func() error{
				func() error { return planes[1].PutWebSession(ctx, session("direct")) },
				func() error { return planes[1].SpendCode(ctx, store.SignInLink, link.Hash, session("link")) },
				func() error {
					return planes[1].PutOneTime(ctx, store.OneTime{Hash: "late" + user, Purpose: store.SignInLink, User: user, Expires: time.Now().Add(time.Hour)}, time.Now())
				},
			} {
				wg.Go(func() {
					if err := signIn(); err != nil && !errors.Is(err, store.ErrNotFound) {
						t.Error(err)
					}
				})
			}
			wg.Go(func() {
				err := again(ctx, planes[0], func(*access.Snapshot) func(context.Context) error {
					return func(ctx context.Context) error {
						_, err := planes[0].Suspend(ctx, user, time.Now())
						return err
					}
				})
				if err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
			for _, hash := range []string{"direct" + user, "link" + user} {
				if _, err := planes[0].WebSession(ctx, hash); !errors.Is(err, store.ErrNotFound) {
					t.Fatalf("round %d: a session of a suspended user is left: %v", round, err)
				}
			}
			for _, hash := range []string{"late" + user, link.Hash} {
				if _, err := planes[0].OneTime(ctx, store.SignInLink, hash, time.Now()); !errors.Is(err, store.ErrNotFound) {
					t.Fatalf("round %d: a link of a suspended user is left: %v", round, err)
				}
			}
		}
	})
}

func TestOneOfManySpendsASecret(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		planes := twice(t, c)
		now := time.Now()
		must(t, planes[0].PutOneTime(t.Context(), store.OneTime{Hash: "h", Purpose: store.JoinToken, Expires: now.Add(time.Hour)}, now))
		var wg sync.WaitGroup
		var mu sync.Mutex
		spent := 0
		for i := range 8 {
			wg.Go(func() {
				_, err := planes[i%2].SpendOneTime(t.Context(), store.JoinToken, "h", now)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					spent++
				} else if !errors.Is(err, store.ErrNotFound) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if spent != 1 {
			t.Errorf("spent %d times", spent)
		}
	})
}

func TestAChangeDoesNotWaitForever(t *testing.T) {
	c := storetest.SharedPostgres(t).Config(t)
	c.Postgres.URL += "&lock_timeout=100ms"
	planes := twice(t, c)
	generation := load(t, planes[0]).Generation
	must(t, planes[0].Change(t.Context(), generation, func(context.Context) error {
		err := planes[1].Change(t.Context(), generation, func(context.Context) error { return nil })
		if !errors.Is(err, store.ErrBusy) {
			t.Errorf("waited, and then %v", err)
		}
		return nil
	}))
}
