package files

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// The evasion corpus: what tries to reach a file past the rules, or past the record. It only grows.

// ofSecret are ways to write /secret/x in a session whose home is /home/alice.
var ofSecret = []string{
	"/secret/x", "//secret/x", "/secret//x", "/./secret/x", "/secret/./x", "/secret/x/", "/secret/x/.", "/secret/y/../x", "/srv/../secret/x",
	"/../secret/x", "/../../secret/./x", "../../secret/x", "./../../secret/x", "../../../../secret/x", "a/../../../secret/x", "a/b/../../../../secret/x",
	"/srv/..//secret/x", "/srv/./../secret/x", "/home/alice/../../secret/x", "..//..//secret//x//",
}

func TestEvasionByPath(t *testing.T) {
	none := uint32(0)
	for _, path := range ofSecret {
		for name, request := range map[string][]byte{
			"get":           packet(fxpOpen, 1, path, uint32(fxfRead), none),
			"put":           packet(fxpOpen, 1, path, uint32(fxfWrite|fxfCreate), none),
			"list":          packet(fxpOpendir, 1, path),
			"stat":          packet(fxpStat, 1, path),
			"lstat":         packet(fxpLstat, 1, path),
			"realpath":      packet(fxpRealpath, 1, path),
			"readlink":      packet(fxpReadlink, 1, path),
			"remove":        packet(fxpRemove, 1, path),
			"mkdir":         packet(fxpMkdir, 1, path, none),
			"rmdir":         packet(fxpRmdir, 1, path),
			"setstat":       packet(fxpSetstat, 1, path, none),
			"from":          packet(fxpRename, 1, path, "/b"),
			"to":            packet(fxpRename, 1, "/a", path),
			"link":          packet(fxpSymlink, 1, "a", path),
			"link to":       packet(fxpSymlink, 1, path, "b"),
			"posix from":    packet(fxpExtended, 1, "posix-rename@openssh.com", path, "/b"),
			"posix to":      packet(fxpExtended, 1, "posix-rename@openssh.com", "/a", path),
			"hard link":     packet(fxpExtended, 1, "hardlink@openssh.com", path, "/b"),
			"hard link to":  packet(fxpExtended, 1, "hardlink@openssh.com", "/a", path),
			"lsetstat":      packet(fxpExtended, 1, "lsetstat@openssh.com", path, none),
			"statvfs":       packet(fxpExtended, 1, "statvfs@openssh.com", path),
			"expanded path": packet(fxpExtended, 1, "expand-path@openssh.com", path),
		} {
			if strings.HasPrefix(path, "..") && name == "link to" {
				request = packet(fxpSymlink, 1, "../"+path, "deep/b") // it begins where the link is
			}
			t.Run(fmt.Sprintf("%s %q", name, path), func(t *testing.T) {
				w := newWire(t, &ledger{deny: denying("/secret")})
				if code := w.stopped(request); code != fxPermissionDenied {
					t.Errorf("answered with %s", statusName(code))
				}
			})
		}
	}
	w := newWire(t, &ledger{deny: denying("/secret")})
	if code := w.stopped(packet(fxpExtended, 1, "expand-path@openssh.com", "~/../../secret")); code != fxPermissionDenied {
		t.Errorf("answered with %s", statusName(code))
	}
}

// TestEvasionByHandle uses handles for what they were not given for.
func TestEvasionByHandle(t *testing.T) {
	none := uint32(0)
	w := newWire(t, &ledger{deny: denying("/secret")})
	w.open("/r", "r", fxfRead)
	w.open("/w", "w", fxfWrite)
	w.passes(packet(fxpOpendir, 1, "/d"))
	w.answers(packet(fxpHandle, 1, "d"))
	w.open("/gone", "gone", fxfRead|fxfWrite)
	w.close("gone")
	w.passes(packet(fxpOpen, 900, "/coming", uint32(fxfRead), none)) // whose handle the client may guess
	w.gate.lines = nil
	requests := [][]byte{
		packet(fxpWrite, 1, "r", uint64(0), "data"),
		packet(fxpRead, 1, "w", uint64(0), uint32(10)),
		packet(fxpRead, 1, "d", uint64(0), uint32(10)),
		packet(fxpWrite, 1, "d", uint64(0), "data"),
		packet(fxpReaddir, 1, "r"),
		packet(fxpExtended, 1, "copy-data", "w", uint64(0), uint64(0), "w", uint64(0)),
		packet(fxpExtended, 1, "copy-data", "r", uint64(0), uint64(0), "r", uint64(0)),
		packet(fxpExtended, 1, "copy-data", "d", uint64(0), uint64(0), "w", uint64(0)),
	}
	for _, handle := range []string{"gone", "coming", "", "never", "r\x00"} {
		requests = append(requests,
			packet(fxpRead, 1, handle, uint64(0), uint32(10)), packet(fxpWrite, 1, handle, uint64(0), "data"), packet(fxpClose, 1, handle),
			packet(fxpReaddir, 1, handle), packet(fxpFstat, 1, handle), packet(fxpFsetstat, 1, handle, none),
			packet(fxpExtended, 1, "fsync@openssh.com", handle), packet(fxpExtended, 1, "fstatvfs@openssh.com", handle),
			packet(fxpExtended, 1, "copy-data", handle, uint64(0), uint64(0), "w", uint64(0)),
			packet(fxpExtended, 1, "copy-data", "r", uint64(0), uint64(0), handle, uint64(0)))
	}
	for _, request := range requests {
		if code := w.stopped(request); code != fxFailure {
			t.Errorf("%q was answered with %s", request, statusName(code))
		}
	}
	for _, line := range w.gate.lines {
		if !strings.HasPrefix(line, "refuse ") {
			t.Errorf("on the record: %q", line)
		}
	}
	if len(w.gate.lines) != len(requests) {
		t.Errorf("%d of %d are on the record", len(w.gate.lines), len(requests))
	}
	if _, _, err := w.s.FromServer(packet(fxpHandle, 900, "r")); err == nil {
		t.Error("two files have the same handle")
	}
}

// TestEvasionByForm sends what a server could read otherwise.
func TestEvasionByForm(t *testing.T) {
	none := uint32(0)
	for _, c := range []struct {
		name   string
		packet []byte
		code   uint32
	}{
		{"more than the request", packet(fxpRemove, 1, "/a", "/secret/x"), fxBadMessage},
		{"less than the request", packet(fxpRename, 1, "/a"), fxBadMessage},
		{"a string longer than its packet", packet(fxpRemove, 1, []byte{0, 0, 0, 99, 'a'}), fxBadMessage},
		{"a string of almost 4 GB", packet(fxpRemove, 1, []byte{0xff, 0xff, 0xff, 0xff, 'a'}), fxBadMessage},
		{"a zero in a name", packet(fxpRemove, 1, "/secret\x00/x"), fxBadMessage},
		{"a zero after a name", packet(fxpRemove, 1, "/secret/x\x00"), fxBadMessage},
		{"a zero in a link", packet(fxpSymlink, 1, "/secret/x\x00", "/l"), fxBadMessage},
		{"a name that is too long", packet(fxpRemove, 1, "/"+strings.Repeat("./", 4000)+"secret/x"), fxBadMessage},
		{"attributes of another version", packet(fxpSetstat, 1, "/a", uint32(0x10), none), fxBadMessage},
		{"an open of another version", packet(fxpOpen, 1, "/a", uint32(0x40|fxfRead), none), fxBadMessage},
		{"attributes without end", packet(fxpSetstat, 1, "/a", uint32(attrExtended), uint32(0xffffffff)), fxBadMessage},
		{"data longer than its packet", packet(fxpWrite, 1, "h", uint64(0), []byte{0, 0, 0, 9, 'a'}), fxBadMessage},
		{"data shorter than its packet", packet(fxpWrite, 1, "h", uint64(0), "a", []byte("more")), fxBadMessage},
		{"a request of version 6", packet(22, 1, "/a", "/l", []byte{1}), fxOpUnsupported},
		{"an answer", packet(fxpStatus, 1, none), fxOpUnsupported},
		{"a version", packet(fxpVersion, 1), fxOpUnsupported},
		{"an extension", packet(fxpExtended, 1, "vendor-secret@example.com", "/secret/x"), fxOpUnsupported},
		{"an extension almost known", packet(fxpExtended, 1, "hardlink@openssh.com\x00", "/a", "/b"), fxOpUnsupported},
		{"an extension with more", packet(fxpExtended, 1, "statvfs@openssh.com", "/a", "/b"), fxBadMessage},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWire(t, &ledger{})
			w.open("/f", "h", fxfWrite)
			if code := w.stopped(c.packet); code != c.code {
				t.Errorf("answered with %s", statusName(code))
			}
			if last := w.gate.lines[len(w.gate.lines)-1]; !strings.HasPrefix(last, "refuse ") {
				t.Errorf("on the record: %q", last)
			}
		})
	}
}

// TestEvasionByRights reads where only writing is allowed, and the other way round.
func TestEvasionByRights(t *testing.T) {
	none := uint32(0)
	only := func(class string) *ledger {
		return &ledger{deny: func(op *Op) error {
			if op.Class != class {
				return errDenied
			}
			return nil
		}}
	}
	w := newWire(t, only(classWrite))
	for _, pflags := range []uint32{0, fxfRead, fxfRead | fxfWrite, fxfRead | fxfCreate, fxfRead | fxfTrunc, fxfCreate, fxfTrunc, fxfRead | fxfAppend} {
		if code := w.stopped(packet(fxpOpen, 1, "/a", pflags, none)); code != fxPermissionDenied {
			t.Errorf("flags %#x while only writing is allowed: %s", pflags, statusName(code))
		}
	}
	w.open("/a", "w", fxfWrite)
	w.stopped(packet(fxpFstat, 1, "w"))
	w = newWire(t, only(classRead))
	for _, pflags := range []uint32{fxfWrite, fxfRead | fxfWrite, fxfCreate, fxfRead | fxfCreate, fxfTrunc, fxfAppend, fxfExcl | fxfCreate} {
		if code := w.stopped(packet(fxpOpen, 1, "/a", pflags, none)); code != fxPermissionDenied {
			t.Errorf("flags %#x while only reading is allowed: %s", pflags, statusName(code))
		}
	}
	w.open("/a", "r", fxfRead)
	w.stopped(packet(fxpFsetstat, 1, "r", uint32(attrSize), uint64(0)))
}

// TestOpenFilesUnderOtherRules uses files that were opened before the rules changed: nothing of them passes, but that they are closed.
func TestOpenFilesUnderOtherRules(t *testing.T) {
	w := newWire(t, &ledger{})
	w.open("/f", "h", fxfRead|fxfWrite|fxfTrunc)
	w.passes(packet(fxpOpendir, 1, "/d"))
	w.answers(packet(fxpHandle, 1, "d"))
	w.passes(packet(fxpWrite, 1, "h", uint64(0), "ab"))
	w.answers(status(1, fxOK))
	w.gate.closing = errDenied
	for _, request := range [][]byte{packet(fxpWrite, 1, "h", uint64(2), "cd"), packet(fxpRead, 1, "h", uint64(0), uint32(10)),
		packet(fxpReaddir, 1, "d"), packet(fxpExtended, 1, "fsync@openssh.com", "h")} {
		if code := w.stopped(request); code != fxPermissionDenied {
			t.Errorf("%q was answered with %s", request, statusName(code))
		}
	}
	w.close("h")
	w.close("d")
	if ended := w.gate.lines[len(w.gate.lines)-2]; ended != "end put /f (and read) in 2 out 0 SSH_FX_PERMISSION_DENIED" {
		t.Errorf("on the record: %q", ended)
	}
}

// TestReadsAreBounded asks for more than one packet may hold.
func TestReadsAreBounded(t *testing.T) {
	w := newWire(t, &ledger{})
	w.open("/f", "h", fxfRead)
	s, _ := w.client(packet(fxpRead, 1, "h", uint64(0), uint32(0xffffffff)))
	if want := packet(fxpRead, 1, "h", uint64(0), uint32(maxRead)); !bytes.Equal(s, want) {
		t.Errorf("the server was asked %q", s)
	}
}

// TestFloods holds a client to what may wait at once, and to what may be open.
func TestFloods(t *testing.T) {
	w := newWire(t, &ledger{})
	for id := range uint32(maxWaiting) {
		w.passes(packet(fxpStat, id, "/a"))
	}
	if _, _, err := w.s.FromClient(packet(fxpStat, maxWaiting, "/a")); err == nil {
		t.Error("one more request may wait")
	}
	w = newWire(t, &ledger{})
	for i := range maxOpen {
		w.open("/a", fmt.Sprint(i), fxfRead)
	}
	if code := w.stopped(packet(fxpOpen, 1, "/a", uint32(fxfRead), uint32(0))); code != fxFailure {
		t.Errorf("one more file: %s", statusName(code))
	}
	w.close("0")
	w.open("/a", "0", fxfRead)
}

// TestEarlyPiecesAreBounded writes out of order until no more is kept: the digest is given up, and its memory.
func TestEarlyPiecesAreBounded(t *testing.T) {
	w := newWire(t, &ledger{})
	data := strings.Repeat("x", 128<<10)
	for file := range 4 {
		handle := fmt.Sprint(file)
		w.open("/a", handle, fxfWrite|fxfTrunc)
		for i := range 20 {
			w.passes(packet(fxpWrite, 1, handle, uint64((i+1)*len(data)), data))
			w.answers(status(1, fxOK))
		}
		if w.s.early < 0 || w.s.early > maxEarlyBytes {
			t.Fatalf("%d bytes are left of %d", w.s.early, maxEarlyBytes)
		}
	}
	for file := range 4 {
		w.close(fmt.Sprint(file))
	}
	if w.s.early != maxEarlyBytes || len(w.gate.sums) > 0 {
		t.Errorf("%d bytes are still held, %d digests told", maxEarlyBytes-w.s.early, len(w.gate.sums))
	}
}
