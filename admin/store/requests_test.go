package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/test/storetest"
)

func TestAccessRequestsAreKept(t *testing.T) { storetest.EachConfig(t, testRequests) }

func testRequests(t *testing.T, config store.Config) {
	s, ctx := storetest.Open(t, config), t.Context()
	at := time.UnixMicro(1_700_000_000_123_456).UTC()
	must(t, s.PutUser(ctx, access.User{Name: "bob", Kind: access.Person, Created: at}),
		s.PutUser(ctx, access.User{Name: "eve", Kind: access.Person, Created: at}))
	request := func(id, user string, created time.Time) access.Request {
		return access.Request{ID: id, User: user, Role: "writers", Reason: "because", Duration: access.Duration(time.Hour), Created: created,
			Expires: created.Add(24 * time.Hour), Status: access.Pending, Approvals: 1, Approvers: []string{"leads"}}
	}
	old, first, second := request("old", "eve", at.Add(-91*24*time.Hour)), request("a", "bob", at), request("b", "eve", at.Add(time.Second))
	must(t, s.AddRequest(ctx, old, nil), s.AddRequest(ctx, first, nil), s.AddRequest(ctx, second, nil),
		s.PutOneTime(ctx, store.OneTime{Hash: "h", Purpose: store.ApprovalLink, Data: "a", Expires: at.Add(time.Hour)}, at),
		s.PutOneTime(ctx, store.OneTime{Hash: "i", Purpose: store.ApprovalLink, Data: "b", Expires: at.Add(time.Hour)}, at))
	list := func(status access.RequestStatus, user string) []access.Request {
		t.Helper()
		found, err := s.Requests(ctx, status, user)
		must(t, err)
		return found
	}
	if diff := cmp.Diff([]access.Request{second, first}, list("", "")); diff != "" {
		t.Error("all, newest first, what is over dropped:", diff)
	}
	got, version, err := s.Request(ctx, "a")
	must(t, err)
	if diff := cmp.Diff(first, got); diff != "" {
		t.Error(diff)
	}
	after := got.With(access.Opinion{By: "alice", Approve: true, At: at}, &access.RequestRule{Approvals: 1, Approvers: []string{"leads"}})
	grant := after.GrantOf("g", at)
	generation := load(t, s).Generation
	must(t, s.ReplaceRequest(ctx, after, version, &grant))
	st := load(t, s)
	if diff := cmp.Diff(grant, st.Grants["g"]); diff != "" || st.Generation <= generation {
		t.Errorf("grant, generation %d after %d: %s", st.Generation, generation, diff)
	}
	other := grant
	other.ID = "h"
	if err := s.ReplaceRequest(ctx, first, version, &other); !errors.Is(err, store.ErrChanged) {
		t.Errorf("an old version was replaced: %v", err)
	}
	if st := load(t, s); len(st.Grants) != 1 {
		t.Errorf("grants %v", st.Grants)
	}
	if _, err := s.OneTime(ctx, store.ApprovalLink, "h", at); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the link of a request that is decided: %v", err)
	}
	if _, err := s.OneTime(ctx, store.ApprovalLink, "i", at); err != nil {
		t.Errorf("the link of a request that is not: %v", err)
	}
	if diff := cmp.Diff([]access.Request{second}, list(access.Pending, "")); diff != "" {
		t.Error("pending:", diff)
	}
	if diff := cmp.Diff([]access.Request{after}, list("", "bob")); diff != "" {
		t.Error("bob's:", diff)
	}
	must(t, s.DeleteUser(ctx, "bob"))
	if _, _, err := s.Request(ctx, "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of a user who is gone: %v", err)
	}
}

// Reading the list waits for nobody who writes.
func TestRequestsAreListedDuringAChange(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		must(t, s.Change(t.Context(), load(t, s).Generation, func(context.Context) error {
			_, err := s.Requests(t.Context(), "", "") // with a context of its own, which is not the change's
			return err
		}))
	})
}
