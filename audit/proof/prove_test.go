package proof

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/scan"
)

// proven makes a proof of a statement with its result.
func proven(t testing.TB) (p Proof, key string) {
	t.Helper()
	s := newServer(t).start().statements(3)
	e := s.append(&audit.Event{Type: audit.StatementBegin, Scope: audit.Scope{User: "alice@acme.com"},
		Statement: audit.Text{Bytes: []byte("update <orders> set \"a\" = 'b' & 'c'")}})
	s.statements(20)
	s.append(&audit.Event{Type: audit.StatementResult, Of: e.ID, Done: true, Rows: 7, Duration: audit.Micros(time.Millisecond)})
	s.statements(3)
	p, err := Prover{Log: s.log, Searcher: scan.Open(s.dir)}.Prove(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	offline, err := ProveOffline(t.Context(), s.dir, scan.Open(s.dir), e.ID)
	if err != nil || len(offline.Inclusions) != 2 {
		t.Fatal(offline, err)
	}
	key = s.log.Key()
	if _, err := Check(offline, key); err != nil {
		t.Fatal(err)
	}
	s.stop()
	return p, key
}

func TestProveAndCheck(t *testing.T) {
	p, key := proven(t)
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var again Proof
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatal(err)
	}
	c, err := Check(again, key)
	if err != nil {
		t.Fatal(err)
	}
	if c.Event.User != "alice@acme.com" || c.Event.Rows != 7 || !c.Event.Done || !strings.Contains(c.Event.Statement.String(), "<orders>") {
		t.Errorf("checked: %+v", c.Event)
	}
	if time.Since(c.Checkpoint.Time) > time.Minute {
		t.Errorf("signed at %v", c.Checkpoint.Time)
	}
}

func TestProveUnknownEvent(t *testing.T) {
	s := newServer(t).start().statements(1)
	_, err := Prover{Log: s.log, Searcher: scan.Open(s.dir)}.Prove(t.Context(), "0190163d-8694-739b-aea5-966c26f8ad91")
	if !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("err %v", err)
	}
}

// A result that comes long after its statement is found by its time, and one whose time is wrong by its nearness.
func TestResultsFarAway(t *testing.T) {
	s := newServer(t)
	s.segment = 1 << 20
	s.start()
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Microsecond)
	e := s.append(&audit.Event{Type: audit.StatementBegin, Time: at})
	odd := s.append(&audit.Event{Type: audit.StatementBegin, Time: at})
	for i := range 3000 {
		s.append(&audit.Event{Type: audit.SessionEnd, Time: at.Add(time.Duration(i) * time.Second)})
	}
	end := at.Add(3000 * time.Second)
	s.append(&audit.Event{Type: audit.StatementResult, Of: e.ID, Done: true, Time: end, Duration: audit.Micros(3000 * time.Second)})
	s.append(&audit.Event{Type: audit.StatementResult, Of: odd.ID, Done: true, Time: end, Duration: audit.Micros(time.Second)})
	for i := range 1000 {
		s.append(&audit.Event{Type: audit.SessionEnd, Time: end.Add(time.Duration(i) * time.Second)})
	}
	for _, id := range []string{e.ID, odd.ID} {
		p, err := Prover{Log: s.log, Searcher: scan.Open(s.dir)}.Prove(t.Context(), id)
		if err != nil || len(p.Inclusions) != 2 {
			t.Fatalf("%d records, %v", len(p.Inclusions), err)
		}
		if _, err := Check(p, s.log.Key()); err != nil {
			t.Error(err)
		}
	}
}

func TestAlteredProofsAreRefused(t *testing.T) {
	p, key := proven(t)
	_, other, _ := newTestKey(t)
	if _, err := Check(p, other); err == nil {
		t.Error("another key")
	}
	for name, alter := range map[string]func(*Proof){
		"form":      func(p *Proof) { p.Format = "x" },
		"origin":    func(p *Proof) { p.Origin = "sallyport/gw-2" },
		"no record": func(p *Proof) { p.Inclusions = nil },
		"user":      func(p *Proof) { p.Inclusions[0].Record = strings.Replace(p.Inclusions[0].Record, "alice", "mallo", 1) },
		"result": func(p *Proof) {
			p.Inclusions[1].Record = strings.Replace(p.Inclusions[1].Record, `"rows":7`, `"rows":0`, 1)
		},
		"number":                func(p *Proof) { p.Inclusions[0].Seq++ },
		"number too large":      func(p *Proof) { p.Inclusions[0].Seq = 1 << 63 },
		"no path":               func(p *Proof) { p.Inclusions[0].Hashes = nil },
		"long path":             func(p *Proof) { p.Inclusions[0].Hashes = append(p.Inclusions[0].Hashes, p.Inclusions[0].Hashes...) },
		"path":                  func(p *Proof) { p.Inclusions[0].Hashes[0] = p.Inclusions[0].Hashes[1] },
		"not base64":            func(p *Proof) { p.Inclusions[0].Hashes[0] = "!" },
		"another's result":      func(p *Proof) { p.Inclusions[0] = p.Inclusions[1] },
		"size":                  func(p *Proof) { p.Checkpoint = strings.Replace(p.Checkpoint, "\n5", "\n6", 1) },
		"no checkpoint":         func(p *Proof) { p.Checkpoint = "" },
		"a checkpoint unsigned": func(p *Proof) { p.Checkpoint, _, _ = strings.Cut(p.Checkpoint, "—") },
		"change of key":         func(p *Proof) { p.Rotations = []Rotation{{Checkpoint: p.Checkpoint, Inclusion: p.Inclusions[0]}} },
	} {
		altered := clone(t, p)
		alter(&altered)
		if c, err := Check(altered, key); err == nil {
			t.Errorf("%s: checked: %+v", name, c)
		} else if testing.Verbose() {
			t.Log(name, err)
		}
	}
}

func clone(t testing.TB, p Proof) (c Proof) {
	t.Helper()
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// No byte of a proof can change without being refused, but where JSON has several forms for the same.
func TestAnyAlteredByteIsRefused(t *testing.T) {
	p, key := proven(t)
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Check(p, key)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		altered := append([]byte(nil), b...)
		altered[rapid.IntRange(0, len(b)-1).Draw(rt, "at")] ^= byte(1 << rapid.IntRange(0, 7).Draw(rt, "bit"))
		var q Proof
		if json.Unmarshal(altered, &q) != nil {
			return
		}
		got, err := Check(q, key)
		if err == nil && string(got.Event.AppendJSON(nil)) != string(want.Event.AppendJSON(nil)) {
			rt.Fatalf("it proves another event:\n%s", got.Event.AppendJSON(nil))
		}
	})
}

func TestProveGivesUpWithItsContext(t *testing.T) {
	s := newServer(t).start().statements(1)
	id := lastStatement(t, s.dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Prover{Log: s.log, Searcher: scan.Open(s.dir)}).Prove(ctx, id); err == nil && s.log.Covered().Size < 2 {
		t.Error("proven without a checkpoint")
	}
}
