package mysql

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestQueryAttributes has what clients of MySQL 8 send along with a query, which MariaDB does not know: the store is a toy.
func TestQueryAttributes(t *testing.T) {
	s := newToy(t, 1<<20, newClient|capQueryAttributes, 0)
	types := concat([]byte{1, typeString, 0}, counted("trace"), []byte{typeLong, 0}, counted("shard"), []byte{typeString, 0}, counted("empty"))
	query := packed(comQuery, []byte{3, 1, 4}, types, counted("a-b"), le32(7), []byte("SELECT 1"))
	execute := packed(comStmtExecute, le32(1), []byte{countAvailable}, le32(1), []byte{2, 0, 1, typeTiny, 0}, counted(""),
		[]byte{typeString, 0}, counted("trace"), []byte{5}, counted("c"))
	again := packed(comStmtExecute, le32(1), []byte{countAvailable}, le32(1), []byte{2, 2, 0, 6})
	plain := packed(comStmtExecute, le32(1), []byte{0}, le32(1), []byte{0, 1, typeTiny, 0, 9})
	all := concat(query, packed(comQuery, []byte{0, 1}, []byte("SELECT 2")), packedPrepare("SELECT ?"), execute, again, plain)
	if used, err := s.bench.relay.fromClient(all); err != nil || used != len(all) {
		t.Fatal(used, err)
	}
	want := []string{"query: SELECT 1 'trace=a-b' 'shard=7' 'empty=NULL' ->  rows=0", "query: SELECT 2 ->  rows=0", "prepare: SELECT ? ->  rows=0",
		"execute: SELECT ? '5' 'trace=c' ->  rows=0", "execute: SELECT ? '6' 'trace=NULL' ->  rows=0", "execute: SELECT ? '9' ->  rows=0"}
	if diff := cmp.Diff(want, story(s.bench.record.events)); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(all, s.took); diff != "" {
		t.Errorf("the store gets other bytes:\n%s", diff)
	}
}

// TestKillBehindAttributes replaces the number of one's own session, and nothing else.
func TestKillBehindAttributes(t *testing.T) {
	s := newToy(t, 1<<20, newClient|capQueryAttributes, 0)
	l := s.bench.relay.link
	for id, session := range map[uint32]greeted{1 << 30: {id: 42}, 1<<30 + 1: {user: "somebody@else", id: 43}} {
		defer l.client.protocol.ids.enter(id, session)()
	}
	attributes := concat([]byte{1, 1, 0, 1, typeTiny, 0}, counted("a"), []byte{5})
	send := func(sql string) {
		t.Helper()
		if _, err := s.bench.relay.fromClient(packed(comQuery, attributes, []byte(sql))); err != nil {
			t.Fatal(err)
		}
	}
	send("KILL QUERY 1073741824 -- mine")
	send("KILL QUERY 1073741825")
	send("KILL 7")
	want := concat(packed(comQuery, attributes, []byte("KILL QUERY 42 -- mine")), packed(comQuery, attributes, []byte("KILL 7")))
	if diff := cmp.Diff(want, s.took); diff != "" {
		t.Error(diff)
	}
	events := s.bench.record.events
	wantStory(t, events, "query: KILL QUERY 42 -- mine 'a=5' ->  rows=0", "query: KILL QUERY 1073741825 'a=5' ->  rows=0 denied",
		"query: KILL 7 'a=5' ->  rows=0")
	if events[0].Class != classSession || events[2].Class != classAdmin {
		t.Errorf("recorded as %s and %s", events[0].Class, events[2].Class)
	}
}

// TestKillRefused: a KILL that would have gone to the store with another number, and was refused, does not take the place of the
// next command.
func TestKillRefused(t *testing.T) {
	s := newToy(t, 1<<20, newClient, 0)
	l := s.bench.relay.link
	defer l.client.protocol.ids.enter(1<<30, greeted{id: 42})()
	s.bench.record.refuse = func(i int) bool { return i%2 == 0 }
	var want []byte
	for _, kill := range [][]byte{packedQuery("KILL 1073741824"), packedPrepare("KILL 1073741824"), packed(comProcessKill, le32(1<<30))} {
		next := packedQuery(fmt.Sprintf("SELECT %d", kill[headerSize]))
		if used, err := s.bench.relay.fromClient(concat(kill, next)); err != nil || used != len(kill)+len(next) {
			t.Fatal(used, err)
		}
		want = append(want, next...)
	}
	if diff := cmp.Diff(want, s.took); diff != "" {
		t.Errorf("the store gets (-want +got):\n%s", diff)
	}
}
