package files

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// judged is a Gate that remembers which names it has let pass, and lets nothing pass below /secret.
type judged struct {
	ledger
	names map[string]bool
}

func newJudged() *judged {
	j := &judged{names: make(map[string]bool)}
	j.deny = func(op *Op) error {
		if err := denying("/secret")(op); err != nil {
			return err
		}
		for _, p := range op.Paths {
			j.names[p] = true
		}
		return nil
	}
	return j
}

// walk is what a path names to a server without links, by taking its steps one after another.
func walk(home, path string) string {
	var at []string
	if !strings.HasPrefix(path, "/") {
		at = strings.Split(strings.Trim(home, "/"), "/")
	}
	for step := range strings.SplitSeq(path, "/") {
		switch step {
		case "", ".":
		case "..":
			at = at[:max(0, len(at)-1)]
		default:
			at = append(at, step)
		}
	}
	return "/" + strings.Join(at, "/")
}

// modelServer is an SFTP server that answers anything, and fails the test when what it is asked was not judged.
type modelServer struct {
	t    *testing.T
	gate *judged
	r    *rand.Rand
	open map[string]uint32 // by handle: the flags; a directory has none of them
	in   []byte
}

const directoryFlags = 1 << 31

// take reads what came, and answers the whole requests in it.
func (m *modelServer) take(b []byte) (answers [][]byte) {
	m.in = append(m.in, b...)
	for len(m.in) >= 4 {
		n := int(binary.BigEndian.Uint32(m.in))
		if n > maxPacket {
			m.t.Fatalf("the server was sent a packet of %d bytes", n)
		}
		if len(m.in) < 4+n {
			m.t.Fatal("the server was sent a part of a packet")
		}
		answers = append(answers, m.answer(m.in[4:4+n]))
		m.in = m.in[4+n:]
	}
	return answers
}

// named fails unless the name was judged.
func (m *modelServer) named(path string) {
	name := walk(testHome, path)
	if strings.HasPrefix(name+"/", "/secret/") {
		m.t.Fatalf("%q reached the server, which is %s", path, name)
	}
	if !m.gate.names[name] {
		m.t.Fatalf("%q reached the server, and nothing was asked of %s", path, name)
	}
}

// held fails unless the handle is open for this.
func (m *modelServer) held(handle string, flags ...uint32) {
	have, open := m.open[handle]
	if !open || len(flags) > 0 && !slices.ContainsFunc(flags, func(f uint32) bool { return have&f != 0 }) {
		m.t.Fatalf("handle %q reached the server, open with %#x (%v), for %#x", handle, have, open, flags)
	}
}

func (m *modelServer) answer(p []byte) []byte {
	f := fields{b: p}
	kind, id := f.byte(), f.uint32()
	text := func() string { return string(f.string()) }
	failed := status(id, fxFailure)
	good := status(id, fxOK)
	switch kind {
	case fxpOpen, fxpOpendir:
		m.named(text())
		flags := uint32(directoryFlags)
		if kind == fxpOpen {
			if flags = f.uint32(); flags&(fxfWrite|fxfAppend) == 0 {
				flags |= fxfRead
			}
		}
		if m.r.IntN(8) == 0 {
			return failed
		}
		for i := 0; ; i++ {
			if handle := strconv.Itoa(i); m.open[handle] == 0 {
				m.open[handle] = flags
				return packet(fxpHandle, id, handle)
			}
		}
	case fxpClose:
		handle := text()
		m.held(handle)
		delete(m.open, handle)
		return good
	case fxpRead:
		m.held(text(), fxfRead)
		good = packet(fxpData, id, "data")
	case fxpWrite:
		m.held(text(), fxfWrite, fxfAppend, fxfCreate, fxfTrunc)
	case fxpFstat:
		m.held(text())
		good = packet(fxpAttrs, id, uint32(attrSize), uint64(4))
	case fxpFsetstat:
		m.held(text())
	case fxpReaddir:
		m.held(text(), directoryFlags)
		good = packet(fxpName, id, uint32(0))
	case fxpLstat, fxpStat:
		m.named(text())
		good = packet(fxpAttrs, id, uint32(0))
	case fxpRealpath, fxpReadlink:
		m.named(text())
		good = packet(fxpName, id, uint32(1), "/x", "/x", uint32(0))
	case fxpSetstat, fxpRemove, fxpMkdir, fxpRmdir:
		m.named(text())
	case fxpRename:
		m.named(text())
		m.named(text())
	case fxpSymlink:
		target, link := text(), text()
		m.named(link)
		if strings.HasPrefix(target, "/") {
			m.named(target)
		} else {
			m.named(walk(testHome, link) + "/../" + target)
		}
	case fxpExtended:
		good = m.extension(text(), id, &f, text)
	default:
		m.t.Fatalf("a request of type %d reached the server", kind)
	}
	if m.r.IntN(4) == 0 {
		return failed
	}
	return good
}

func (m *modelServer) extension(name string, id uint32, f *fields, text func() string) []byte {
	switch name {
	case "posix-rename@openssh.com", "hardlink@openssh.com":
		m.named(text())
		m.named(text())
	case "lsetstat@openssh.com":
		m.named(text())
	case "fsync@openssh.com":
		m.held(text())
	case "statvfs@openssh.com":
		m.named(text())
		return packet(fxpExtendedReply, id)
	case "fstatvfs@openssh.com":
		m.held(text())
		return packet(fxpExtendedReply, id)
	case "limits@openssh.com", "users-groups-by-id@openssh.com":
		return packet(fxpExtendedReply, id)
	case "home-directory":
		return packet(fxpName, id, uint32(0))
	case "expand-path@openssh.com":
		path := text()
		switch rest, tilde := strings.CutPrefix(path, "~"); {
		case !tilde:
			m.named(path)
		case rest == "" || rest[0] == '/':
			m.named(testHome + "/" + rest)
		}
		return packet(fxpName, id, uint32(0))
	case "copy-data":
		m.held(text(), fxfRead)
		_, _ = f.uint64(), f.uint64()
		m.held(text(), fxfWrite, fxfAppend, fxfCreate, fxfTrunc)
	default:
		m.t.Fatalf("the extension %q reached the server", name)
	}
	return status(id, fxOK)
}

// Whatever a client sends, and however the server answers: what reaches the server was judged, and each side gets whole packets.
func FuzzSFTP(f *testing.F) {
	none := uint32(0)
	f.Add(bytes.Join([][]byte{packet(fxpOpen, 1, "/a", uint32(fxfRead), none), packet(fxpRead, 2, "0", uint64(0), uint32(9)), packet(fxpClose, 3, "0"),
		packet(fxpRead, 4, "0", uint64(0), uint32(9))}, nil), uint64(1), 7)
	f.Add(bytes.Join([][]byte{packet(fxpOpen, 1, "/a", uint32(fxfWrite|fxfCreate), none), packet(fxpWrite, 2, "0", uint64(0), "data"),
		packet(fxpFsetstat, 4, "0", uint32(attrSize), uint64(1)), packet(fxpExtended, 5, "copy-data", "0", uint64(0), uint64(0), "0", uint64(0))}, nil), uint64(2), 30)
	f.Add(bytes.Join([][]byte{packet(fxpRename, 1, "/a/../secret", "b"), packet(fxpSymlink, 2, "../secret/x", "/a/l"), packet(fxpOpendir, 1, "..//../secret/."),
		packet(fxpExtended, 4, "expand-path@openssh.com", "~/../../secret"), packet(fxpSetstat, 9, "/a", uint32(attrExtended), uint32(1), "x", "y")}, nil), uint64(3), 1000)
	for _, path := range ofSecret {
		f.Add(append(packet(fxpRemove, 1, path), packet(fxpStat, 2, path)...), uint64(4), 11)
	}
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64, size int) {
		size = max(1, size&0xffff)
		gate := newJudged()
		w := newWire(t, &gate.ledger)
		r := rand.New(rand.NewPCG(seed, seed))
		server := &modelServer{t: t, gate: gate, r: r, open: make(map[string]uint32)}
		var waiting [][]byte
		shown := 0
		show := func(b []byte) {
			var whole packets
			whole.begin(b)
			for content, ok := whole.cut(); content != nil || !ok; content, ok = whole.cut() {
				if !ok {
					t.Fatalf("the client was sent no packet: %q", b)
				}
				shown++
			}
			if whole.next != len(b) {
				t.Fatalf("the client was sent a part of a packet: %q", b)
			}
		}
		var broken error
		for len(stream) > 0 && broken == nil {
			n := min(size, len(stream))
			var toServer, toClient []byte
			toServer, toClient, broken = w.s.FromClient(bytes.Clone(stream[:n]))
			stream = stream[n:]
			show(toClient)
			waiting = append(waiting, server.take(toServer)...)
			for len(waiting) > 0 && r.IntN(3) > 0 && broken == nil {
				answer := waiting[0]
				waiting = waiting[1:]
				cut := r.IntN(len(answer))
				for _, part := range [][]byte{answer[:cut], answer[cut:]} {
					_, toClient, err := w.s.FromServer(bytes.Clone(part))
					if err != nil {
						t.Fatalf("an answer was not taken: %q: %v", answer, err)
					}
					show(toClient)
				}
			}
		}
		w.s.Close()
		if gate.unended() != 0 {
			t.Fatalf("not ended: %v", gate.open)
		}
	})
}

// Whatever a server answers: the client gets whole packets of the server's own, in their order, and every operation ends.
func FuzzSFTPServer(f *testing.F) {
	f.Add(append(packet(fxpHandle, 1, "h"), status(2, fxOK)...), 3)
	f.Add(bytes.Join([][]byte{packet(fxpData, 3, "data"), packet(fxpAttrs, 4, uint32(attrSize), uint64(4)), packet(fxpName, 5, uint32(1), "x", "y", uint32(0)),
		status(3, fxEOF), packet(fxpStatus, 6, uint32(4)), packet(fxpExtendedReply, 7)}, nil), 100)
	f.Add([]byte{0, 3, 0xff, 0xff, fxpData, 0, 0, 0, 3}, 5)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		gate := &ledger{}
		w := newWire(t, gate)
		w.open("/f", "f", fxfRead)
		w.client(bytes.Join([][]byte{packet(fxpOpen, 1, "/a", uint32(fxfRead), uint32(0)), packet(fxpRemove, 2, "/b"),
			packet(fxpRead, 3, "f", uint64(0), uint32(100)), packet(fxpFstat, 4, "f"), packet(fxpReadlink, 5, "/l"), packet(fxpClose, 6, "f"),
			packet(fxpExtended, 7, "limits@openssh.com")}, nil))
		var got []byte
		for at := 0; at < len(stream); {
			n := min(max(1, size&0xffff), len(stream)-at)
			toServer, toClient, err := w.s.FromServer(bytes.Clone(stream[at : at+n]))
			got = append(got, toClient...)
			if len(toServer) > 0 {
				t.Fatalf("the server was sent %q", toServer)
			}
			if err != nil {
				break
			}
			at += n
		}
		if !bytes.HasPrefix(stream, got) {
			t.Fatalf("the server sent %q, the client got %q", stream, got)
		}
		w.s.Close()
		if gate.unended() != 0 {
			t.Fatalf("not ended: %v", gate.open)
		}
	})
}

// modelSink is scp that gets files, as OpenSSH has it. It fails the test when what it would write was not judged.
type modelSink struct {
	t     *testing.T
	gate  *judged
	r     *rand.Rand
	top   func(name string) string // the whole name of what comes at the top
	at    []string                 // the directories in which it is
	left  int
	state byte // 'r' a record, 'd' data, 's' the status after it, 'm' the rest of its message
	line  []byte
	gone  bool
	wrote []byte
}

func (m *modelSink) say(ok bool) []byte {
	if ok {
		return []byte{0}
	}
	return []byte("\x01scp: no\n")
}

func (m *modelSink) take(b []byte) (out []byte) {
	for _, c := range b {
		if m.gone {
			return out
		}
		switch m.state {
		case 'd':
			m.wrote = append(m.wrote, c)
			if m.left--; m.left == 0 {
				m.state = 's'
			}
		case 's':
			if m.state = 'm'; c == 0 {
				m.state = 'r'
				out = append(out, m.say(m.r.IntN(4) > 0)...)
			}
		case 'm':
			if c == '\n' {
				m.state = 'r'
				out = append(out, m.say(true)...)
			}
		default:
			if m.line = append(m.line, c); c == '\n' {
				out = append(out, m.record(string(m.line[:len(m.line)-1]))...)
				m.line = m.line[:0]
			}
		}
	}
	return out
}

func (m *modelSink) record(line string) []byte {
	if line == "" {
		m.t.Fatal("an empty line reached the server")
	}
	switch line[0] {
	case 1:
		return nil
	case 2:
		m.gone = true
		return nil
	case 'E':
		if len(m.at) == 0 {
			m.t.Fatal("the server was sent out of its directory")
		}
		m.at = m.at[:len(m.at)-1]
		return m.say(true)
	case 'T':
		return m.say(true)
	case 'C', 'D':
	default:
		m.t.Fatalf("%q reached the server", line)
	}
	parts := strings.SplitN(line, " ", 3)
	name := m.top(parts[2])
	if n := len(m.at); n > 0 {
		name = strings.TrimSuffix(m.at[n-1], "/") + "/" + parts[2]
	}
	if !m.gate.names[name] || strings.HasPrefix(name+"/", "/secret/") {
		m.t.Fatalf("%q reached the server, which is %s", line, name)
	}
	if m.r.IntN(4) == 0 {
		return m.say(false)
	}
	if line[0] == 'D' {
		m.at = append(m.at, name)
		return m.say(true)
	}
	m.left, _ = strconv.Atoi(parts[1])
	if m.state = 'd'; m.left == 0 {
		m.state = 's'
	}
	return m.say(true)
}

// converse has the stream go through the decoder to the sink, in pieces of the size, and the sink's answers back.
func converse(t *testing.T, s *SCP, gate *judged, stream []byte, seed uint64, size int, top func(string) string) {
	r := rand.New(rand.NewPCG(seed, seed))
	sink := &modelSink{t: t, gate: gate, r: r, top: top, state: 'r'}
	answers := []byte{0}
	var broken error
	for (len(stream) > 0 || len(answers) > 0) && broken == nil {
		var down []byte
		if len(answers) > 0 && (len(stream) == 0 || r.IntN(2) == 0) {
			n := 1 + r.IntN(len(answers))
			down, _, broken = s.fromReceiver(bytes.Clone(answers[:n]))
			if p := (*ProtocolError)(nil); errors.As(broken, &p) && p.Server == s.command.Sink {
				t.Fatalf("an answer was not taken: %v", broken)
			}
			answers = answers[n:]
		} else {
			n := min(max(1, size&0xfff), len(stream))
			down, _, broken = s.fromSender(bytes.Clone(stream[:n]))
			stream = stream[n:]
		}
		answers = append(answers, sink.take(down)...)
	}
	s.Close()
	if gate.unended() != 0 {
		t.Fatalf("not ended: %v", gate.open)
	}
}

// Whatever a client sends to scp -t, and however the server answers: what the server would write was judged under that name.
func FuzzSCP(f *testing.F) {
	f.Add([]byte("C0644 4 x\ndata\x00D0755 0 d\nC0600 1 y\ny\x00E\nT1 0 2 0\nC0644 0 secret\nC0644 0 z\n\x00"), uint64(1), 3)
	f.Add([]byte("C0644 16 x\nC0644 1 secret\ny\x00D0755 0 secret\nC0644 1 ../secret\nE\n"), uint64(2), 100)
	f.Add([]byte("\x01warning\nC0644 3 x\nabc\x01failed\nD0755 0 a\nD0755 0 b\nE\nC0644 0 c\n\x00E\n\x02gone\nC0644 0 d\n"), uint64(3), 8)
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64, size int) {
		gate := newJudged()
		s := NewSCP(&gate.ledger, SCPCommand{Sink: true, Recursive: true, Directory: true, Path: "/"})
		converse(t, s, gate, stream, seed, size, func(name string) string { return "/" + name })
	})
}

// Whatever scp -f sends, and however the client answers: what the client would write was judged under the name that it has at the server.
func FuzzSCPServer(f *testing.F) {
	f.Add([]byte("T1 0 2 0\nC0644 4 srv\ndata\x00"), uint64(1), 3)
	f.Add([]byte("D0755 0 srv\nC0644 4 a\ndata\x00C0644 4 secret\nD0755 0 ..\nE\nC0644 1 x\n"), uint64(2), 100)
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64, size int) {
		gate := newJudged()
		s := NewSCP(&gate.ledger, SCPCommand{Recursive: true, Path: "/"})
		converse(t, s, gate, stream, seed, size, func(string) string { return "/" })
	})
}
