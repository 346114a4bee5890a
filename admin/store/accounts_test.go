package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/test/storetest"
)

func TestPasskeysAndPasswordsAreKept(t *testing.T) { storetest.EachConfig(t, testAccounts) }

func testAccounts(t *testing.T, config store.Config) {
	s, ctx := storetest.Open(t, config), t.Context()
	at := time.UnixMicro(1_700_000_000_123_456).UTC()
	must := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	gone := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%v, want that it is not there", err)
			}
		}
	}
	for _, name := range []string{"alice", "bob"} {
		must(s.PutUser(ctx, access.User{Name: name, Kind: access.Person, Created: at}),
			s.PutWebSession(ctx, store.WebSession{Hash: name, ID: name, Kind: store.BrowserSession, User: name, Created: at,
				Expires: at.Add(time.Hour), LastUsed: at}))
	}
	one := store.Passkey{ID: "one", User: "alice", Label: "blue", Spec: "1", Created: at}
	two := store.Passkey{ID: "two", User: "alice", Label: "red", Spec: "1", Created: at.Add(time.Second), LastUsed: at}
	must(s.AddPasskey(ctx, two), s.AddPasskey(ctx, one))
	if err := s.AddPasskey(ctx, store.Passkey{ID: "one", User: "bob", Spec: "1"}); err == nil {
		t.Error("one passkey is two users'")
	}
	keys, err := s.Passkeys(ctx, "alice")
	if diff := cmp.Diff([]store.Passkey{one, two}, keys); diff != "" || err != nil {
		t.Error(diff, err)
	}

	// Of two uses at once one is written down: it was decided on what the other has changed.
	must(s.UsePasskey(ctx, one, "2", at))
	gone(s.UsePasskey(ctx, one, "2", at), s.RenamePasskey(ctx, "bob", "one", "mine"), s.DeletePasskey(ctx, "bob", "one"))
	must(s.RenamePasskey(ctx, "alice", "one", "green"))
	if got, err := s.Passkey(ctx, "one"); err != nil || got.Label != "green" || got.Spec != "2" || !got.LastUsed.Equal(at) {
		t.Errorf("%+v %v", got, err)
	}

	must(s.StepUp(ctx, "alice", at), s.StepUp(ctx, "bob", at), s.DeletePasskey(ctx, "alice", "one"))
	gone(s.StepUp(ctx, "nobody", at))
	for user, want := range map[string]time.Time{"alice": {}, "bob": at} {
		sessions, err := s.WebSessions(ctx, user, at)
		if err != nil || len(sessions) != 1 || !sessions[0].MFA.Equal(want) || sessions[0].ID != user {
			t.Errorf("%s: %+v %v", user, sessions, err)
		}
	}

	_, err = s.Password(ctx, "alice")
	gone(err, s.DeletePassword(ctx, "alice"))
	p := store.Password{User: "alice", Hash: "h1", Created: at}
	must(s.PutPassword(ctx, p), s.RehashPassword(ctx, p, "h2"))
	gone(s.RehashPassword(ctx, p, "h3"))
	if got, err := s.Password(ctx, "alice"); err != nil || got.Hash != "h2" {
		t.Errorf("%+v %v", got, err)
	}
	if sessions, err := s.WebSessions(ctx, "alice", at); err != nil || len(sessions) != 0 {
		t.Errorf("a new password leaves %+v %v", sessions, err)
	}
	known := store.OneTime{Hash: "b", Purpose: store.KnownBrowser, User: "alice", Data: "{}", Expires: at.Add(time.Hour)}
	must(s.PutOneTime(ctx, known, at), s.DeletePassword(ctx, "alice"))
	_, err = s.OneTime(ctx, store.KnownBrowser, "b", at)
	gone(err)
	if all, err := s.Passwords(ctx); err != nil || len(all) != 0 {
		t.Errorf("%+v %v", all, err)
	}
	must(s.DeleteUser(ctx, "alice"))
	_, err = s.Passkey(ctx, "two")
	gone(err)
}
