package mysql

import (
	"errors"
	"testing"

	"github.com/sallyport/sallyport/proxy"
)

// TestTypesOfARefusedCommand: types that the store never got are put into the next execution only if that reads them in the
// way in which they were sent.
func TestTypesOfARefusedCommand(t *testing.T) {
	s := newToy(t, 1<<20, newClient|capQueryAttributes, 0)
	send := func(command []byte) {
		t.Helper()
		if used, err := s.bench.relay.fromClient(command); err != nil || used != len(command) {
			t.Fatal(used, err)
		}
	}
	send(packedPrepare("SELECT ?"))
	s.bench.record.refuse = func(i int) bool { return i == 1 }
	send(packed(comStmtExecute, le32(1), []byte{countAvailable}, le32(1), []byte{1, 0, 1, typeTiny, 0}, counted("x"), []byte{5}))
	before := len(s.took)
	send(packed(comStmtExecute, le32(1), []byte{0}, le32(1), []byte{0, 0, 6}))
	if len(s.took) != before {
		t.Errorf("the store gets %q", s.took[before:])
	}
	send(packed(comStmtExecute, le32(1), []byte{countAvailable}, le32(1), []byte{1, 0, 0, 7}))
	wantStory(t, s.bench.record.events, "prepare: SELECT ? ->  rows=0", "execute: SELECT ? '6' ->  rows=0 denied", "execute: SELECT ? '7' ->  rows=0")
}

// TestPreparedRoom: what a session makes the gateway keep is bounded, and given back whatever becomes of it.
func TestPreparedRoom(t *testing.T) {
	s := newToy(t, 1<<20, newClient, 0)
	kept := &s.bench.relay.statements
	send := func(command []byte) error {
		used, err := s.bench.relay.fromClient(command)
		if err == nil && used != len(command) {
			t.Fatal(used)
		}
		return err
	}
	s.bench.record.refuse = func(i int) bool { return i == 1 }
	for _, command := range [][]byte{packedPrepare("SELECT ?"), packedPrepare("SELECT 'not recorded'"), packedPrepare("bad ?"), packed(comStmtClose, le32(1))} {
		if err := send(command); err != nil {
			t.Fatal(err)
		}
	}
	if kept.cost != 0 || kept.nascent != nil {
		t.Errorf("%d bytes are kept of no statement", kept.cost)
	}
	if err := send(packedPrepare("SELECT ?")); err != nil {
		t.Fatal(err)
	}
	var err error
	pieces := 0
	for ; err == nil && pieces <= 1<<20; pieces++ {
		err = send(packed(comStmtSendLongData, le32(3), le16(0), []byte("x")))
	}
	if !errors.Is(err, proxy.ErrMessageTooLarge) || pieces > (1<<20)/pieceCost {
		t.Errorf("%d pieces of a byte: %v", pieces, err)
	}
	kept.forget()
	if kept.cost != 0 || kept.size != 0 {
		t.Errorf("%d and %d bytes are kept of no statement", kept.cost, kept.size)
	}
}
