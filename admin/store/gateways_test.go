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

func TestGatewaysAreKept(t *testing.T) { storetest.Each(t, testGateways) }

func testGateways(t *testing.T, s *store.Store) {
	ctx := t.Context()
	now := time.UnixMicro(1_700_000_000_123_456).UTC()
	spec := access.Gateway{Name: "gw-1", Tunnel: "gw-1:7443", Hosts: []string{"gw-1.acme.com"}}
	for _, err := range []error{
		s.PutGateway(ctx, spec, now), s.PutGateway(ctx, access.Gateway{Name: "gw-2", Tunnel: "gw-2:7443"}, now),
		s.PutJoinToken(ctx, "h", "gw-1", now.Add(time.Hour), now),
		s.EnrolGateway(ctx, "h", "gw-1", "a1", now),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.EnrolGateway(ctx, "h", "gw-1", "a2", now); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a token that was used: %v", err)
	}
	spec.CertificatesValidFrom = time.UnixMicro(0).UTC() // as that serial number says
	want := store.Gateway{Gateway: spec, Serial: "a1", Enrolment: "a1", Created: now}
	got, err := s.Gateway(ctx, "gw-1")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}

	// The next certificate's serial stands beside the first, until it takes its place.
	if err := s.SetGatewaySerials(ctx, got, "a1", "a3"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetGatewaySerials(ctx, got, "a1", "a4"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("renewed at the same time: %v", err)
	}
	if got, err = s.Gateway(ctx, "gw-1"); err != nil || got.Serial != "a1" || got.NextSerial != "a3" {
		t.Errorf("%+v, %v", got, err)
	}

	cut := store.GatewayCuts{Gateway: "gw-1", Generation: 7, At: now, Sessions: []access.Cut{{Session: "s", Gateway: "gw-1", User: "alice", At: now}}}
	older := store.GatewayCuts{Gateway: "gw-1", Generation: 6, At: now, Sessions: []access.Cut{}}
	for _, err := range []error{
		s.NoteGateway(ctx, "gw-1", now, `{"version":"v1"}`), s.NoteGateway(ctx, "gw-1", now.Add(time.Second), ""),
		s.NoteApplied(ctx, cut, now), s.NoteApplied(ctx, older, now),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got, err = s.Gateway(ctx, "gw-1"); err != nil || got.Generation != 7 || got.Report != `{"version":"v1"}` || !got.LastSeen.Equal(now.Add(time.Second)) {
		t.Errorf("%+v, %v", got, err)
	}
	cuts, err := s.Cuts(ctx, 7)
	if diff := cmp.Diff([]store.GatewayCuts{cut}, cuts); diff != "" || err != nil {
		t.Error(diff, err)
	}

	if err := s.PutKill(ctx, store.Kill{Session: "s", Gateway: "gw-1", Reason: "why"}, now); err != nil {
		t.Fatal(err)
	}
	for gateway, n := range map[string]int{"gw-1": 1, "gw-2": 0} {
		if kills, err := s.Kills(ctx, gateway); err != nil || len(kills) != n {
			t.Errorf("orders for %s: %v, %v", gateway, kills, err)
		}
	}
	if err := s.DeleteGateway(ctx, "gw-1"); err != nil {
		t.Fatal(err)
	}
	if kills, err := s.Kills(ctx, "gw-1"); err != nil || len(kills) != 0 {
		t.Errorf("orders for a gateway that was removed: %v, %v", kills, err)
	}
	if _, err := s.Gateway(ctx, "gw-1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("removed: %v", err)
	}
	if all, err := s.Gateways(ctx); err != nil || len(all) != 1 || all[0].Name != "gw-2" {
		t.Errorf("left: %v, %v", all, err)
	}
}

// More cuts of the same generation are added to the others: none is lost.
func TestCutsOfOneGenerationAddUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		now := time.UnixMicro(1_700_000_000_123_456).UTC()
		if err := s.PutGateway(ctx, access.Gateway{Name: "gw-1", Tunnel: "gw-1:7443"}, now); err != nil {
			t.Fatal(err)
		}
		for i, session := range []string{"s1", "s2"} {
			at := now.Add(time.Duration(i) * time.Second)
			err := s.NoteApplied(ctx, store.GatewayCuts{Gateway: "gw-1", Generation: 7, At: at, Sessions: []access.Cut{{Session: session, At: at}}}, now)
			if err != nil {
				t.Fatal(err)
			}
		}
		cuts, err := s.Cuts(ctx, 7)
		if err != nil || len(cuts) != 1 || len(cuts[0].Sessions) != 2 || !cuts[0].At.Equal(now) {
			t.Errorf("%+v, %v", cuts, err)
		}
	})
}

func TestReceiptsAreKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		now := time.UnixMicro(1_700_000_000_123_456).UTC()
		var all []store.Receipt
		for _, r := range []store.Receipt{{ID: "3", User: "bob"}, {ID: "2", User: "alice"}, {ID: "1", User: "alice"}} {
			r.Created, r.Document = now, "{}"
			if err := s.PutReceipt(ctx, r); err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
		if err := s.PutReceipt(ctx, all[0]); err == nil {
			t.Error("a receipt was replaced")
		}
		for _, q := range []struct {
			user, before string
			limit        int
			want         []store.Receipt
		}{{"", "", 9, all}, {"", "", 2, all[:2]}, {"", "3", 9, all[1:]}, {"alice", "", 9, all[1:]}, {"alice", "2", 9, all[2:]}, {"eve", "", 9, nil}} {
			got, err := s.Receipts(ctx, q.user, q.before, q.limit)
			if diff := cmp.Diff(q.want, got); diff != "" || err != nil {
				t.Errorf("%+v: %s %v", q, diff, err)
			}
		}
		if _, err := s.Receipt(ctx, "4"); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	})
}

// Join tokens are good for one enrolment of one gateway: the others go with the first, and with the gateway.
func TestJoinTokensEndTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, now := t.Context(), time.Now()
		for _, name := range []string{"gw-1", "gw-2"} {
			must(t, s.PutGateway(ctx, access.Gateway{Name: name, Tunnel: name + ":7443"}, now),
				s.PutJoinToken(ctx, name+" first", name, now.Add(time.Hour), now), s.PutJoinToken(ctx, name+" second", name, now.Add(time.Hour), now))
		}
		good := func(token, gateway string) bool {
			t.Helper()
			name, err := s.GatewayToJoin(ctx, token, now)
			if err != nil && !errors.Is(err, store.ErrNotFound) || err == nil && name != gateway {
				t.Errorf("%s is for %q, %v", token, name, err)
			}
			return err == nil
		}
		if !good("gw-1 first", "gw-1") || !good("gw-1 second", "gw-1") {
			t.Fatal("new tokens are not good")
		}
		must(t, s.EnrolGateway(ctx, "gw-1 first", "gw-1", "a1", now))
		if good("gw-1 first", "gw-1") || good("gw-1 second", "gw-1") {
			t.Error("a token outlives the enrolment by another")
		}
		must(t, s.DeleteGateway(ctx, "gw-2"))
		if good("gw-2 first", "gw-2") || good("gw-2 second", "gw-2") {
			t.Error("a token outlives its gateway")
		}
		if err := s.PutJoinToken(ctx, "late", "gw-2", now.Add(time.Hour), now); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a token for a gateway that is gone: %v", err)
		}
	})
}
