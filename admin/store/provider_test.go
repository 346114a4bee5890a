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

func TestClientSessionsAndProviderGrantsAreKept(t *testing.T) {
	storetest.EachConfig(t, testClientSessions)
}

func testClientSessions(t *testing.T, config store.Config) {
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
	gone := func(err error) {
		t.Helper()
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v, want that it is not there", err)
		}
	}
	must(s.PutUser(ctx, access.User{Name: "alice", Kind: access.Person, Created: at}),
		s.PutUser(ctx, access.User{Name: "gone", Kind: access.Person, Created: at, Suspended: true}))
	g := store.ProviderGrant{ID: "g", User: "alice", Token: "sealed", Asked: at}
	must(s.PutProviderGrant(ctx, g))
	ws := store.WebSession{Hash: "one", ID: "id", Kind: store.ClientSession, User: "alice", Created: at, Expires: at.Add(time.Hour), LastUsed: at,
		MFA: at, Provider: "g"}
	must(s.PutWebSession(ctx, ws))
	suspended := ws
	suspended.Hash, suspended.ID, suspended.User = "x", "x", "gone"
	gone(s.PutWebSession(ctx, suspended)) // nobody signs in past a suspension

	must(s.Rotate(ctx, "one", "two", at.Add(time.Minute)))
	gone(s.Rotate(ctx, "one", "three", at)) // of two who hold a secret one rotates it
	ws.Hash, ws.HashBefore, ws.LastUsed = "two", "one", at.Add(time.Minute)
	for how, find := range map[string]func() (store.WebSession, error){
		"secret":        func() (store.WebSession, error) { return s.WebSession(ctx, "two") },
		"former secret": func() (store.WebSession, error) { return s.WebSessionBefore(ctx, "one") },
		"id":            func() (store.WebSession, error) { return s.WebSessionByID(ctx, "id") },
	} {
		got, err := find()
		if diff := cmp.Diff(ws, got); diff != "" || err != nil {
			t.Errorf("by its %s: %v %s", how, err, diff)
		}
	}
	must(s.TouchWebSession(ctx, "two", at)) // a use that is older than the last changes nothing
	if got, err := s.WebSession(ctx, "two"); err != nil || !got.LastUsed.Equal(ws.LastUsed) {
		t.Errorf("last used %s, %v", got.LastUsed, err)
	}

	must(s.ClaimProviderGrant(ctx, g, at.Add(time.Second)))
	gone(s.ClaimProviderGrant(ctx, g, at.Add(time.Second))) // of two who ask at once one does
	must(s.KeepProviderGrant(ctx, "g", "next", at))
	got, err := s.ProviderGrant(ctx, "g")
	want := store.ProviderGrant{ID: "g", User: "alice", Token: "next", Asked: at.Add(time.Second), Away: at}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	must(s.PutProviderGrant(ctx, store.ProviderGrant{ID: "young", User: "alice", Asked: at.Add(2 * time.Hour)}))
	if _, err := s.ProviderGrant(ctx, "g"); err != nil { // a session goes by it
		t.Error(err)
	}
	must(s.EndProviderGrant(ctx, "g"))
	_, err = s.ProviderGrant(ctx, "g")
	gone(err)
	_, err = s.WebSession(ctx, "two")
	gone(err)
	must(s.PutProviderGrant(ctx, store.ProviderGrant{ID: "later", User: "alice", Asked: at.Add(4 * time.Hour)}))
	_, err = s.ProviderGrant(ctx, "young") // no session came of it
	gone(err)

	testOneTimeData(t, s, at)
	must(s.PutSubject(ctx, "alice", "https://a", "1"), s.PutSubject(ctx, "alice", "https://a", "2"))
	if user, err := s.UserOfSubject(ctx, "https://a", "2"); user != "alice" || err != nil {
		t.Errorf("%s %v", user, err)
	}
	_, err = s.UserOfSubject(ctx, "https://b", "2")
	gone(err)
	if err := s.PutSubject(ctx, "gone", "https://a", "2"); err == nil {
		t.Error("two users are one person at the provider")
	}
	if issuer, subject, err := s.SubjectOfUser(ctx, "alice"); issuer != "https://a" || subject != "2" || err != nil {
		t.Errorf("%s %s %v", issuer, subject, err)
	}
}

func testOneTimeData(t *testing.T, s *store.Store, at time.Time) {
	t.Helper()
	ctx := t.Context()
	o := store.OneTime{Hash: "d", Purpose: store.DeviceCode, Data: "a", Expires: at.Add(time.Hour)}
	if err := s.PutOneTime(ctx, o, at); err != nil {
		t.Fatal(err)
	}
	if err := s.ClaimOneTime(ctx, "d", "a", "b"); err != nil {
		t.Fatal(err)
	}
	if err := s.ClaimOneTime(ctx, "d", "a", "c"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("claimed twice: %v", err)
	}
	ws := store.WebSession{Hash: "s", ID: "s", Kind: store.ClientSession, User: "alice", Created: at, Expires: at.Add(time.Hour)}
	if err := s.SpendCode(ctx, store.DeviceCode, "d", ws); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a secret of nobody's became alice's session: %v", err)
	}
	if _, err := s.OneTime(ctx, store.DeviceCode, "d", at); err != nil {
		t.Errorf("it was spent by that: %v", err)
	}
}
