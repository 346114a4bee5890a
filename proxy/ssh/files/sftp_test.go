package files

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRequests has one request of each kind: how it is recorded, and what reaches the server.
func TestRequests(t *testing.T) {
	none := uint32(0)
	size, owner, mode, times := uint32(attrSize), uint32(attrOwner), uint32(attrPermissions), uint32(attrTimes)
	for _, c := range []struct {
		name   string
		packet []byte
		want   string
		server []byte // what it gets instead; nil: the packet
	}{
		{"get", packet(fxpOpen, 1, "/etc/hosts", uint32(fxfRead), none), "begin get /etc/hosts", nil},
		{"get by no flag at all", packet(fxpOpen, 1, "/a", none, none), "begin get /a", nil},
		{"put", packet(fxpOpen, 1, "a", uint32(fxfWrite|fxfCreate|fxfTrunc), mode, uint32(0o100600)), "begin put /home/alice/a (mode 0600)", nil},
		{"append", packet(fxpOpen, 1, "a", uint32(fxfAppend), none), "begin put /home/alice/a", nil},
		{"both", packet(fxpOpen, 1, "/a", uint32(fxfRead|fxfWrite), none), "check get /a\nbegin put /a (and read)", nil},
		{"reading that creates", packet(fxpOpen, 1, "/a", uint32(fxfRead|fxfCreate), none), "check get /a\nbegin put /a (and read)", nil},
		{"list", packet(fxpOpendir, 1, "/srv/"), "begin list /srv", nil},
		{"stat", packet(fxpStat, 1, "//srv/./a"), "check stat /srv/a", nil},
		{"lstat", packet(fxpLstat, 1, ""), "check lstat /home/alice", nil},
		{"realpath", packet(fxpRealpath, 1, "."), "check realpath /home/alice", nil},
		{"up", packet(fxpStat, 1, "/srv/../etc/x"), "check stat /etc/x", packet(fxpStat, 1, "/etc/x")},
		{"up from home", packet(fxpStat, 1, "../bob"), "check stat /home/bob", packet(fxpStat, 1, "/home/bob")},
		{"up and over the top", packet(fxpRemove, 1, "../../../../a"), "begin remove /a", packet(fxpRemove, 1, "/a")},
		{"dots that are a name", packet(fxpRemove, 1, "/..a/b..c/..."), "begin remove /..a/b..c/...", nil},
		{"mkdir", packet(fxpMkdir, 1, "/d", mode, uint32(0o755)), "begin mkdir /d (mode 0755)", nil},
		{"rmdir", packet(fxpRmdir, 1, "/d"), "begin rmdir /d", nil},
		{"rename", packet(fxpRename, 1, "/a b", `c"d`), `begin rename "/a b" "/home/alice/c\"d"`, nil},
		{"one of two goes up", packet(fxpRename, 1, "/a/../b", "c"), "begin rename /b /home/alice/c", packet(fxpRename, 1, "/b", "c")},
		{"a name of two lines", packet(fxpRemove, 1, "/a\nbegin get /b"), `begin remove "/a\nbegin get /b"`, nil},
		{"a name that is no text", packet(fxpRemove, 1, "/\xff"), `begin remove "/\xff"`, nil},
		{"a name that is written backwards", packet(fxpRemove, 1, "/\u202etxt"), `begin remove "/\u202etxt"`, nil},
		{"readlink", packet(fxpReadlink, 1, "/l"), "begin readlink /l", nil},
		{"symlink", packet(fxpSymlink, 1, "../etc/x", "/srv/l"), "begin symlink ../etc/x /srv/l", nil},
		{"chmod", packet(fxpSetstat, 1, "/a", mode, uint32(0o644)), "begin chmod 0644 /a", nil},
		{"chown", packet(fxpSetstat, 1, "/a", owner, uint32(7), uint32(8)), "begin chown 7:8 /a", nil},
		{"truncate", packet(fxpSetstat, 1, "/a", size, uint64(12)), "begin truncate 12 /a", nil},
		{"touch", packet(fxpSetstat, 1, "/a", times, uint32(1), uint32(2)), "begin touch 1970-01-01T00:00:02Z /a", nil},
		{"all at once", packet(fxpSetstat, 1, "/a", size|mode, uint64(1), uint32(0o4755)), "begin truncate 1, chmod 4755 /a", nil},
		{"nothing set", packet(fxpSetstat, 1, "/a", none), "begin setstat /a", nil},
		{"posix-rename", packet(fxpExtended, 1, "posix-rename@openssh.com", "/a", "/b"), "begin rename /a /b", nil},
		{"hardlink", packet(fxpExtended, 1, "hardlink@openssh.com", "/a", "/b"), "begin link /a /b", nil},
		{"lsetstat", packet(fxpExtended, 1, "lsetstat@openssh.com", "/a", mode, uint32(0o600)), "begin chmod 0600 /a", nil},
		{"statvfs", packet(fxpExtended, 1, "statvfs@openssh.com", "/"), "check statvfs /", nil},
		{"limits", packet(fxpExtended, 1, "limits@openssh.com"), "check limits", nil},
		{"somebody's home", packet(fxpExtended, 1, "home-directory", "bob"), "check home of bob", nil},
		{"one's own home", packet(fxpExtended, 1, "expand-path@openssh.com", "~/x"), "check realpath /home/alice/x", nil},
		{"up from one's home", packet(fxpExtended, 1, "expand-path@openssh.com", "~/../x"), "check realpath /home/x",
			packet(fxpExtended, 1, "expand-path@openssh.com", "/home/x")},
		{"names", packet(fxpExtended, 1, "users-groups-by-id@openssh.com", "\x00\x00\x00\x00", ""), "check names of 1 users and 0 groups", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWire(t, &ledger{})
			server := c.server
			if server == nil {
				server = c.packet
			}
			if s, shown := w.client(c.packet); !bytes.Equal(s, server) || len(shown) > 0 {
				t.Errorf("to the server %q, to the client %q", s, shown)
			}
			if diff := cmp.Diff(strings.Split(c.want, "\n"), w.gate.lines); diff != "" {
				t.Errorf("the record (-want +got):\n%s", diff)
			}
			w.gate = &ledger{deny: func(*Op) error { return errDenied }}
			denied := newWire(t, w.gate)
			if code := denied.stopped(c.packet); code != fxPermissionDenied {
				t.Errorf("denied with %s", statusName(code))
			}
		})
	}
}

// TestContent is what is told of files that are read and written in many ways.
func TestContent(t *testing.T) {
	const put, get = uint32(fxfWrite | fxfCreate | fxfTrunc), uint32(fxfRead)
	write := func(offset int, data string) func(*wire) {
		return func(w *wire) {
			w.passes(packet(fxpWrite, 7, "h", uint64(offset), data))
			w.answers(status(7, fxOK))
		}
	}
	read := func(id uint32, offset int) func(*wire) {
		return func(w *wire) { w.passes(packet(fxpRead, id, "h", uint64(offset), uint32(100))) }
	}
	data := func(id uint32, text string) func(*wire) {
		return func(w *wire) { w.answers(packet(fxpData, id, text)) }
	}
	says := func(id, code uint32) func(*wire) {
		return func(w *wire) { w.answers(status(id, code)) }
	}
	truncate := func(size uint64, code uint32) func(*wire) {
		return func(w *wire) {
			w.passes(packet(fxpFsetstat, 8, "h", uint32(attrSize), size))
			w.answers(status(8, code))
		}
	}
	type steps []func(*wire)
	for _, c := range []struct {
		name  string
		flags uint32
		steps steps
		want  string // of the result
		whole string // the content, when it is told
	}{
		{"in order", put, steps{write(0, "ab"), write(2, "cd")}, "in 4 out 0 whole", "abcd"},
		{"nothing", put, nil, "whole", ""},
		{"out of order", put, steps{write(4, "ef"), write(2, "cd"), write(0, "ab")}, "in 6 out 0 whole", "abcdef"},
		{"a hole", put, steps{write(0, "ab"), write(4, "ef")}, "in 4 out 0", ""},
		{"twice", put, steps{write(0, "ab"), write(0, "ab")}, "in 4 out 0", ""},
		{"overlapping", put, steps{write(2, "cd"), write(0, "abc")}, "in 5 out 0", ""},
		{"into a file that stays", fxfWrite, steps{write(0, "ab")}, "in 2 out 0", ""},
		{"and cut then", fxfWrite, steps{write(0, "ab"), truncate(2, fxOK)}, "in 2 out 0 whole", "ab"},
		{"made long before", fxfWrite, steps{truncate(4, fxOK), write(0, "abcd")}, "in 4 out 0 whole", "abcd"},
		{"made longer than written", put, steps{truncate(5, fxOK), write(0, "abcd")}, "in 4 out 0", ""},
		{"cut shorter", put, steps{write(0, "ab"), truncate(1, fxOK)}, "in 2 out 0", ""},
		{"not cut", fxfWrite, steps{write(0, "ab"), truncate(2, fxFailure)}, "in 2 out 0", ""},
		{"appended to what is new", fxfAppend | fxfCreate | fxfExcl, steps{write(9, "ab"), write(9, "cd")}, "in 4 out 0 whole", "abcd"},
		{"exclusively, and not new", fxfWrite | fxfExcl, steps{write(0, "ab")}, "in 2 out 0", ""},
		{"a write fails", put, steps{write(0, "ab"), func(w *wire) { w.passes(packet(fxpWrite, 7, "h", uint64(2), "cd")) }, says(7, fxFailure)},
			"in 4 out 0 SSH_FX_FAILURE", ""},
		{"a write is not answered", put, steps{func(w *wire) { w.passes(packet(fxpWrite, 7, "h", uint64(0), "ab")) }}, "in 2 out 0", ""},
		{"read", get, steps{read(1, 0), data(1, "ab"), read(1, 2), says(1, fxEOF)}, "in 0 out 2 whole", "ab"},
		{"read ahead", get, steps{read(1, 0), read(2, 2), read(3, 4), read(4, 6), data(2, "cd"), says(4, fxEOF), data(1, "ab"), says(3, fxEOF)},
			"in 0 out 4 whole", "abcd"},
		{"read, and its end not seen", get, steps{read(1, 0), data(1, "ab")}, "in 0 out 2", ""},
		{"read in part", get, steps{read(1, 2), data(1, "cd"), read(1, 4), says(1, fxEOF)}, "in 0 out 2", ""},
		{"read twice", get, steps{read(1, 0), data(1, "ab"), read(1, 0), data(1, "ab"), read(1, 2), says(1, fxEOF)}, "in 0 out 4", ""},
		{"read as far as its size", get, steps{func(w *wire) { w.passes(packet(fxpFstat, 9, "h")) },
			func(w *wire) { w.answers(packet(fxpAttrs, 9, uint32(attrSize), uint64(2))) }, read(1, 0), data(1, "ab")}, "in 0 out 2 whole", "ab"},
		{"read as far as the size of its name", get, steps{func(w *wire) { w.passes(packet(fxpStat, 9, "/f")) },
			func(w *wire) { w.answers(packet(fxpAttrs, 9, uint32(attrSize), uint64(2))) }, read(1, 0), data(1, "ab")}, "in 0 out 2 whole", "ab"},
		{"read not as far as its size", get, steps{func(w *wire) { w.passes(packet(fxpStat, 9, "/f")) },
			func(w *wire) { w.answers(packet(fxpAttrs, 9, uint32(attrSize), uint64(3))) }, read(1, 0), data(1, "ab")}, "in 0 out 2", ""},
		{"a read fails", get, steps{read(1, 0), says(1, fxPermissionDenied)}, "SSH_FX_PERMISSION_DENIED", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWire(t, &ledger{})
			w.open("/f", "h", c.flags)
			for _, step := range c.steps {
				step(w)
			}
			w.close("h")
			line := w.gate.lines[len(w.gate.lines)-1]
			want := strings.TrimSpace("end " + strings.TrimPrefix(w.gate.lines[0], "begin ") + " " + c.want)
			if line != want {
				t.Errorf("got %q, want %q", line, want)
			}
			if w.s.early != maxEarlyBytes {
				t.Errorf("%d bytes are still held", maxEarlyBytes-w.s.early)
			}
			if len(w.gate.sums) > 0 {
				if sum := sha256.Sum256([]byte(c.whole)); w.gate.sums[0] != hex.EncodeToString(sum[:]) {
					t.Errorf("the digest is not that of %q", c.whole)
				}
			}
		})
	}
}

// TestUnanswered ends what the server never answers.
func TestUnanswered(t *testing.T) {
	w := newWire(t, &ledger{})
	w.open("/f", "h", fxfRead)
	w.passes(packet(fxpRemove, 1, "/a"))
	w.passes(packet(fxpOpendir, 2, "/d"))
	w.passes(packet(fxpRead, 3, "h", uint64(0), uint32(10)))
	w.passes(packet(fxpClose, 4, "h"))
	w.s.Close()
	if w.gate.unended() != 0 {
		t.Errorf("not ended: %v", w.gate.open)
	}
	for _, line := range w.gate.lines {
		if strings.HasPrefix(line, "end ") && !strings.HasSuffix(line, " CUT_OFF") {
			t.Errorf("%q", line)
		}
	}
}

// TestVersion is how the two sides agree on what is spoken.
func TestVersion(t *testing.T) {
	s := NewSFTP(&ledger{})
	newer := appendString(nil, append([]byte{fxpInit, 0, 0, 0, 6}, "\x00\x00\x00\x01x\x00\x00\x00\x01y"...))
	if toServer, _, err := s.FromClient(newer); err != nil || !bytes.Equal(toServer, hello(fxpInit)) {
		t.Errorf("a newer client asked the server %q: %v", toServer, err)
	}
	version := []byte{fxpVersion, 0, 0, 0, 3}
	kept := appendString(appendString(version, "copy-data"), "1")
	all := appendString(appendString(kept, "newer@example.com"), "1")
	if _, _, err := s.FromServer(appendString(nil, all)); err != nil {
		t.Fatal(err)
	}
	if _, shown, err := s.FromServer(status(homeID, fxFailure)); err != nil || !bytes.Equal(shown, appendString(nil, kept)) {
		t.Errorf("the client was shown %q: %v", shown, err)
	}
}

// TestNoHome has relative paths while nobody knows what they are relative to: they are not understood, and nothing else.
func TestNoHome(t *testing.T) {
	var asked []Op
	gate := &ledger{deny: func(op *Op) error { asked = append(asked, *op); return nil }}
	s := NewSFTP(gate)
	for _, step := range []func() ([]byte, []byte, error){
		func() ([]byte, []byte, error) { return s.FromClient(hello(fxpInit)) },
		func() ([]byte, []byte, error) { return s.FromServer(hello(fxpVersion)) },
		func() ([]byte, []byte, error) { return s.FromServer(status(homeID, fxFailure)) },
		func() ([]byte, []byte, error) { return s.FromClient(packet(fxpRemove, 1, "a")) },
		func() ([]byte, []byte, error) { return s.FromClient(packet(fxpRename, 2, "/a", "../b")) },
	} {
		if _, _, err := step(); err != nil {
			t.Fatal(err)
		}
	}
	want := []Op{
		{Command: "sftp", Class: "write", Text: "remove a"},
		{Command: "sftp", Class: "write", Text: "rename /a ../b", Paths: []string{"/a"}},
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// TestBrokenProtocol ends the channel.
func TestBrokenProtocol(t *testing.T) {
	for _, c := range []struct {
		name   string
		client []byte
		server []byte
	}{
		{"an ID twice", append(packet(fxpStat, 1, "/a"), packet(fxpStat, 1, "/b")...), nil},
		{"a second beginning", hello(fxpInit), nil},
		{"an empty packet", []byte{0, 0, 0, 0}, nil},
		{"a packet that is too long", []byte{0, 4, 0, 1}, nil},
		{"no ID", appendString(nil, []byte{fxpStat, 0, 0}), nil},
		{"an answer to nothing", nil, status(1, fxOK)},
		{"an answer of another kind", packet(fxpStat, 1, "/a"), packet(fxpHandle, 1, "h")},
		{"data for an attribute", packet(fxpStat, 1, "/a"), packet(fxpData, 1, "data")},
		{"an answer of no kind", packet(fxpRemove, 1, "/a"), packet(0, 1, "h")},
		{"a handle that is too long", packet(fxpOpen, 1, "/a", uint32(fxfRead), uint32(0)), packet(fxpHandle, 1, strings.Repeat("h", 257))},
		{"a packet of the server that is too long", nil, []byte{0, 4, 0, 1}},
		{"noise", nil, []byte("Welcome to web-1!\n")},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWire(t, &ledger{})
			_, _, err := w.s.FromClient(c.client)
			if c.server != nil {
				if err != nil {
					t.Fatal(err)
				}
				_, _, err = w.s.FromServer(c.server)
			}
			var broken *ProtocolError
			if !errors.As(err, &broken) || broken.Server != (c.server != nil) {
				t.Errorf("got %v", err)
			}
			w.s.Close()
			if w.gate.unended() != 0 {
				t.Errorf("not ended: %v", w.gate.open)
			}
		})
	}
	early := NewSFTP(&ledger{})
	if _, _, err := early.FromClient(append(hello(fxpInit), packet(fxpStat, 1, "/a")...)); err == nil {
		t.Error("a request passed before the version")
	}
}

// TestEveryPiece cuts a conversation at every byte: the same passes, and the same is recorded.
func TestEveryPiece(t *testing.T) {
	requests := bytes.Join([][]byte{
		packet(fxpStat, 1, "/a"), packet(fxpRemove, 2, "/secret/x"), packet(fxpWrite, 3, "h", uint64(0), "data"),
		packet(fxpRename, 4, "/a/../b", "/c"), packet(fxpRead, 5, "none", uint64(0), uint32(1)), packet(fxpRmdir, 6, "/d"),
	}, nil)
	run := func(cuts ...int) (server, shown []byte, lines []string) {
		w := newWire(t, &ledger{deny: denying("/secret")})
		w.open("/f", "h", fxfWrite)
		from := 0
		for _, at := range append(cuts, len(requests)) {
			s, c := w.client(requests[from:at])
			server, shown, from = append(server, s...), append(shown, c...), at
		}
		return server, shown, w.gate.lines
	}
	server, shown, lines := run()
	for i := range requests {
		for _, j := range []int{i, min(i+1, len(requests)), min(i+7, len(requests))} {
			if s, c, l := run(i, j); !bytes.Equal(s, server) || !bytes.Equal(c, shown) || !cmp.Equal(l, lines) {
				t.Fatalf("cut at %d and %d: to the server %q, to the client %q, %v", i, j, s, c, l)
			}
		}
	}
}
