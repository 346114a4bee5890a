package mysql

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFilesNamed(t *testing.T) {
	for text, want := range map[string][]string{
		"SELECT 1":                                   nil,
		"LOAD DATA INFILE 'server' INTO TABLE t":     nil,
		"LOAD DATA LOCAL INFILE":                     nil,
		"LOAD DATA LOCAL INFILE 'open":               nil,
		"load data low_priority local infile\n'a' x": {"a", "a"},
		`LOAD DATA LOCAL INFILE "it's" INTO TABLE t`: {"it's", "it's"},
		`LOAD DATA LOCAL INFILE 'a''b\'c' INTO`:      {"a'b'c", `a'b\`},
		`LOAD XML LOCAL INFILE '\\x\n\0' INTO`:       {"\\x\n\x00", `\\x\n\0`},
		"LOAD DATA LOCAL INFILE 'a' INTO TABLE t; LOAD DATA LOCAL INFILE 'b' INTO TABLE t":     {"a", "a", "b", "b"},
		"LOAD DATA LOCAL INFILE 'a' INTO TABLE t; LOAD DATA INFILE '/etc/passwd' INTO TABLE t": {"a", "a"},
	} {
		if diff := cmp.Diff(want, filesNamed([]byte(text))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// TestFileOfNoUse: once the store has answered, what is left of a file would be commands to it. It goes nowhere, and what comes
// behind the file is a command again.
func TestFileOfNoUse(t *testing.T) {
	var sent []byte
	b := newBench(func(chunk []byte) (int, error) {
		sent = append(sent, chunk...)
		return len(chunk), nil
	}, 1<<20, newClient, 0)
	load := packedQuery("LOAD DATA LOCAL INFILE 'x' INTO TABLE t")
	client := func(packets []byte) {
		t.Helper()
		if used, err := b.relay.fromClient(packets); err != nil || used != len(packets) {
			t.Fatal(used, err)
		}
	}
	store := func(sequence byte, payload []byte) {
		t.Helper()
		if err := b.fromStore(appendPacket(nil, sequence, payload)); err != nil {
			t.Fatal(err)
		}
	}
	client(load)
	store(1, []byte("\xfbx"))
	first := appendPacket(nil, 2, []byte("one\n"))
	client(first)
	store(3, []byte("\xff\x28\x04#42000no"))
	rest := concat(appendPacket(nil, 3, append([]byte{comQuery}, "DROP TABLE t"...)), appendPacket(nil, 4, nil))
	next := packedQuery("SELECT 1")
	client(concat(rest, next))
	if diff := cmp.Diff(concat(load, first, next), sent); diff != "" {
		t.Errorf("the store gets (-want +got):\n%s", diff)
	}
	if got := story(b.record.events); len(got) != 2 {
		t.Errorf("recorded %v", got)
	}
	store(1, []byte{packetOK, 0, 0, 2, 0, 0, 0})
	client(load)
	store(1, []byte("\xfbx"))
	if err := b.fromStore(appendPacket(nil, 2, []byte("\xfbx"))); err == nil {
		t.Error("the store may ask twice for one file")
	}
	if _, err := b.relay.fromClient(packedQuery("DROP TABLE t")); err == nil {
		t.Error("a packet that begins a command is taken for part of a file")
	}
}
