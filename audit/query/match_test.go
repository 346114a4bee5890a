package query

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
)

func TestMatch(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	e := &audit.Event{
		ID: "01936b0e-8a7c-7d2e-9c60-3f1b2a5d4e6f", Time: at, Type: audit.StatementBegin,
		Scope: audit.Scope{User: "alice@acme.com", Groups: []string{"dev", "On-Call"}, ClientAddr: "[2001:db8::1]:4711",
			Account: "app_rw", Login: "v-app-x", Resource: "orders-db"},
		Statement: audit.Text{Bytes: []byte("UPDATE shop.orders SET note='Refund: CAFÉ 50%' WHERE refund_id=$1")},
		Params:    []audit.Param{{Form: audit.ParamNull}, {Value: []byte("chargeback\x00x"), Form: audit.ParamHex}},
		Class:     "write", Tables: []string{"shop.orders"}, Columns: []string{"shop.orders.note"},
		Verdict: audit.Allow, Done: true, Rows: 3, BytesIn: 100, BytesOut: 900,
		Duration: audit.Micros(1500 * time.Millisecond), ErrorMessage: "timed out", FirstRow: audit.Micros(20 * time.Millisecond),
		Seq: 77, Command: "execute", Prepared: "S_1", Policy: "writers", Reason: "ticket 4711", Redacted: []string{"params[1]"}, Recording: &audit.Recording{Size: 1},
	}
	for _, c := range []struct {
		text string
		want bool
	}{
		{"", true},
		{"user:alice", true}, {"user:ALICE@acme.com", true}, {"user:ali*", true}, {"user:acme.com", false},
		{"user:alice@*", true}, {"user:al", false}, {`user:"ali*"`, false}, {"user:bob,alice", true}, {"-user:alice", false},
		{"group:on-call", true}, {"group:on", false}, {"role:*", false}, {"-role:*", true},
		{"client:2001:db8::1", true}, {"client:2001:*", true}, {`client:"[2001:db8::1]:4711"`, true}, {"client:2001:db8::2", false},
		{"account:app_rw", true}, {"account:v-app*", true}, {"resource:orders", false}, {"resource:orders*", true},
		{"table:orders", true}, {"table:shop.orders", true}, {"table:shop", false}, {"column:note", true},
		{"column:orders.note", true}, {"type:statement", true}, {"type:statement.*", false}, {"verdict:allow", true},
		{"error:*", true}, {"error:23505", false}, {"tag:*", false}, {"id:01936b0e*", true},
		{"rows:3", true}, {"rows:>3", false}, {"rows:1..3", true}, {"rows:7,3", true}, {"rows:*", true},
		{"bytes:1kB", true}, {"bytes:<1000", false}, {"duration:>1s", true}, {"duration:1.5s", true}, {"duration:<=1499ms", false},
		{"refund", true}, {"Refund_ID", true}, {"fund", false}, {"refun*", true}, {"refund_*", true}, {"shop.orders", true},
		{"hop.orders", false}, {"café", true}, {"CAF*", true}, {"caf", false}, {"50%", true}, {"0%", false}, {"%", true}, {"$1", true},
		{`"fund: caf"`, true}, {`"note='refund"`, true}, {"chargeback", true}, {"charge", false}, {`"argeb"`, true},
		{"param:CHARGEBACK*", true}, {"param:charge", false}, {"param:*", true}, {`param:"hargeback"`, false},
		{"command:execute", true}, {"prepared:s_1", true}, {"policy:writers", true}, {`reason:"Ticket 4711"`, true},
		{"reason:ticket*", true}, {"redacted:*", true}, {"redacted:params*", true}, {"redacted:statement", false},
		{"done:true", true}, {"recording:yes", true}, {"recording:no", false}, {"-recording:*", false}, {"done:false", false}, {"-done:true", false}, {"first_row:20ms", true}, {"first_row:<20ms", false},
		{"bytes_in:100", true}, {"bytes_out:>=900", true}, {"bytes_out:>1kB", false}, {"seq:77", true}, {"seq:<77", false},
		{"statements:*", false},
		{"since:1h", true}, {"since:10m", false}, {"until:10m", true}, {"until:1h", false}, {"until:2026-11-22", true},
		{"until:2026-11-21", false}, {"since:2026-11-22T10:00", true}, {"until:2026-11-22T10:00", false},
		{"user:bob or class:write", true}, {"user:bob or class:read", false}, {"(user:bob or refund) rows:3", true},
		{"not (user:alice class:write)", false}, {"not (user:alice class:read)", true}, {"- user:alice", false},
	} {
		q, err := Parse(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if got := q.Bind(at.Add(30 * time.Minute)).MatchEvent(e); got != c.want {
			t.Errorf("%q: %v, want %v", c.text, got, c.want)
		}
	}
}

func TestDone(t *testing.T) {
	for _, c := range []struct {
		event audit.Event
		text  string
		want  bool
	}{
		{audit.Event{Type: audit.StatementBegin}, "done:false", true},
		{audit.Event{Type: audit.StatementBegin, Done: true}, "done:false", false},
		{audit.Event{Type: audit.StatementBegin, Done: true}, "done:True", true},
		{audit.Event{Type: audit.SessionEnd, Statements: 4}, "done:*", false},
		{audit.Event{Type: audit.SessionEnd, Statements: 4}, "statements:>3 bytes_in:0", true},
		{audit.Event{Type: audit.SessionEnd}, "first_row:*", false},
		{audit.Event{Type: audit.SessionStart}, "statements:*", false},
		{audit.Event{Type: audit.SessionStart}, "seq:0", true},
	} {
		q, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Bind(time.Now()).MatchEvent(&c.event); got != c.want {
			t.Errorf("%s of %s, done %v: %v, want %v", c.text, c.event.Type, c.event.Done, got, c.want)
		}
	}
}

func TestNumbersNeedAnOutcome(t *testing.T) {
	e := &audit.Event{Type: audit.StatementBegin}
	for _, text := range []string{"rows:0", "duration:<1s", "bytes:*", "first_row:*", "bytes_in:*", "bytes_out:<1"} {
		q, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if q.Bind(time.Now()).MatchEvent(e) {
			t.Errorf("%s finds a statement whose result is not known", text)
		}
	}
}

func TestRange(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	hour := func(h int) time.Time { return time.Date(2026, 11, 22, h, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		text     string
		from, to time.Time
	}{
		{"since:1h", hour(9), time.Time{}},
		{"since:3h since:2h until:1h x", hour(8), hour(9)},
		{"since:3h or since:2h", hour(7), time.Time{}},
		{"since:3h until:2h or since:1h until:2026-11-22T10:00", hour(7), hour(10)},
		{"since:3h or x", time.Time{}, time.Time{}},
		{"-since:3h", time.Time{}, time.Time{}},
	} {
		q, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		from, to := q.Bind(now).Range()
		if !from.Equal(c.from) || !to.Equal(c.to) {
			t.Errorf("%s: %v to %v, want %v to %v", c.text, from, to, c.from, c.to)
		}
	}
}

// TestFinderInLongTexts puts the needle across and around the borders of the finder's windows.
func TestFinderInLongTexts(t *testing.T) {
	f := newFinder("refund", true, false)
	step := f.windowBytes - len("refund") - 8
	for _, around := range []int{step, f.windowBytes, 2 * step} {
		for at := around - 20; at < around+20; at++ {
			text := strings.Repeat(" ", at) + "Refund" + strings.Repeat(" ", 100)
			if !f.in([]byte(text)) {
				t.Fatalf("not found at %d", at)
			}
			if f.in([]byte(strings.Replace(text, " Refund", "éRefund", 1))) {
				t.Fatalf("found within a word at %d", at)
			}
		}
	}
}

func TestFoldASCII(t *testing.T) {
	var all []byte
	for c := range 256 {
		all = append(all, byte(c))
	}
	for offset := range 9 {
		got := FoldASCII(nil, all[offset:])
		for i, c := range got {
			if want := lowerASCII(all[offset+i]); c != want {
				t.Fatalf("%#x becomes %#x, want %#x", all[offset+i], c, want)
			}
		}
	}
}
