package store_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/test/storetest"
)

func TestOthersChangesAreHeardAgainAfterAnInterruption(t *testing.T) {
	pg := storetest.StartPostgres(t)
	leaks := goleak.IgnoreCurrent()
	c := pg.Config(t)
	mine, theirs := open(t, c), open(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan struct{}, 100)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		mine.Listen(ctx, func() { heard <- struct{}{} })
	}()
	await := func(what string) {
		t.Helper()
		select {
		case <-heard:
		case <-time.After(20 * time.Second):
			t.Fatalf("not heard: %s", what)
		}
	}
	change := func() {
		t.Helper()
		must(t, theirs.Change(ctx, load(t, theirs).Generation, func(ctx context.Context) error {
			return theirs.PutRole(ctx, access.Role{Name: "r"})
		}))
	}
	await("that it listens")
	change()
	await("a change")
	pg.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
	await("that it listens again")
	change()
	await("a change after the interruption")
	if err := pg.Restart(); err != nil {
		t.Fatal(err)
	}
	await("that it listens after a restart")
	cancel()
	<-ended
	must(t, mine.Close(), theirs.Close())
	goleak.VerifyNone(t, leaks, goleak.IgnoreAnyFunction("github.com/sallyport/sallyport/test/servers.Start.func1"))
}

// open leaves it to the test to close the state.
func open(t *testing.T, c store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestListeningToSQLiteEndsWithItsContext(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.Listen(ctx, func() { t.Error("SQLite tells nothing") })
}
