package proxytest

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
)

// This file holds what the suite asks of statements that policy has a say in.

func (s *suite) testStatementDenied(t *testing.T) {
	s.Govern(t, access.Role{Statements: &s.Rules})
	c := s.mustConnect(t)
	s.wantWords(t, c.Run(s.ctx, s.Forbidden), "developers")
	if err := c.Run(s.ctx, s.Mark(20)); err != nil {
		t.Errorf("the session does not go on after a denied statement: %v", err)
	}
	c.Close()
	events := s.wantTypes(t, audit.SessionStart, audit.StatementBegin, audit.StatementBegin, audit.StatementResult, audit.SessionEnd)
	denied, passed, result := events[1], events[2], events[3]
	if denied.Verdict != audit.Deny || denied.Statement.String() != s.Forbidden || !strings.Contains(denied.Policy, "developers") ||
		denied.Reason == "" || denied.User != User || denied.Class == "" {
		t.Errorf("the denied statement is recorded as %+v", denied)
	}
	if passed.Verdict != audit.Allow || !strings.Contains(passed.Policy, "developers") || passed.Reason != "" || result.Of != passed.ID {
		t.Errorf("the other statement is recorded as %+v, with the result of %s", passed, result.Of)
	}
	if events[4].Statements != 1 {
		t.Errorf("session end counts %d statements that ran, want 1", events[4].Statements)
	}
}

func (s *suite) testDenialRecorded(t *testing.T) {
	s.Govern(t, access.Role{Statements: &s.Rules})
	c := s.mustConnect(t)
	s.Journal.LoseSync()
	done := s.run(c, s.Forbidden)
	s.await(t, s.Journal.Waiting())
	select {
	case err := <-done:
		t.Fatalf("the denial was told before its record was durable: %v", err)
	default:
	}
	s.Journal.Heal()
	s.wantWords(t, <-done, "developers")
	s.Journal.Break()
	s.wantWords(t, c.Run(s.ctx, s.Forbidden), "audit log cannot be written")
}

func (s *suite) testBatchDenied(t *testing.T) {
	s.Govern(t, access.Role{Statements: &s.Rules})
	c := s.mustConnect(t)
	s.wantWords(t, c.RunAll(s.ctx, []string{s.Mark(21), s.Forbidden, s.Mark(22)}), "developers")
	if s.Marked(t, 21) || s.Marked(t, 22) {
		t.Error("a batch with a denied statement took effect in part")
	}
	if err := c.RunAll(s.ctx, []string{s.Mark(23), s.Mark(24)}); err != nil || !s.Marked(t, 23) || !s.Marked(t, 24) {
		t.Errorf("the session does not go on after a batch that failed: %v", err)
	}
}

func (s *suite) testRulesChange(t *testing.T) {
	c := s.mustConnect(t)
	if err := c.Run(s.ctx, s.Mark(25)); err != nil {
		t.Fatal(err)
	}
	s.Govern(t, access.Role{Statements: &access.StatementRules{Classes: []string{"admin"}}})
	s.wantWords(t, c.Run(s.ctx, s.Mark(26)), "developers", "admin")
	if s.Marked(t, 26) {
		t.Error("a statement ran that new rules deny")
	}
	s.Govern(t, access.Role{})
	if err := c.Run(s.ctx, s.Mark(27)); err != nil {
		t.Errorf("rules that were lifted still deny: %v", err)
	}
}

func (s *suite) testUntil(t *testing.T) {
	const lasts = time.Second
	s.Govern(t, access.Role{MaxSession: access.Duration(lasts)})
	s.mustConnect(t)
	events := s.wantTypes(t, audit.SessionStart, audit.SessionEnd)
	if !strings.Contains(events[1].Reason, "ended at") || !strings.Contains(events[1].Reason, "developers") {
		t.Errorf("session end recorded with reason %q", events[1].Reason)
	}
	if d := events[1].Time.Sub(events[0].Time); d > lasts+patience/2 {
		t.Errorf("a session of %v was ended after %v", lasts, d)
	}
}

func (s *suite) testMaxRows(t *testing.T) {
	s.Govern(t, access.Role{Statements: &access.StatementRules{MaxRows: 10}})
	c := s.mustConnect(t)
	if err := c.Run(s.ctx, s.Rows(10)); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{11, 1_000_000} { // all sent before the store hears of it, and not
		s.wantWords(t, c.Run(s.ctx, s.Rows(n)), "developers", "10 rows")
	}
	if err := c.Run(s.ctx, s.Rows(3)); err != nil {
		t.Errorf("the session does not go on after a statement was ended: %v", err)
	}
	c.Close()
	want := []int64{10, 10, 10, 3}
	if s.Whole {
		want[1], want[2] = 0, 0
	}
	for _, e := range s.Journal.Find(s.ctx, t, func(e audit.Event) bool { return e.Type == audit.SessionEnd }) {
		if e.Type != audit.StatementResult {
			continue
		}
		if len(want) == 0 {
			t.Fatalf("one result too many: %+v", e)
		}
		if cut := len(want) == 3 || len(want) == 2; e.Rows != want[0] || cut != (e.ErrorCode != "") || cut != strings.Contains(e.ErrorMessage, "10 rows") {
			t.Errorf("recorded %d rows, error %s %q; want %d", e.Rows, e.ErrorCode, e.ErrorMessage, want[0])
		}
		want = want[1:]
	}
}
