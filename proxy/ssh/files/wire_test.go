package files

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// wire is an SFTP channel with the test on both of its ends.
type wire struct {
	t    testing.TB
	gate *ledger
	s    *SFTP
}

const testHome = "/home/alice"

// newWire is a channel whose beginning is over.
func newWire(t testing.TB, gate *ledger) *wire {
	t.Helper()
	w := &wire{t, gate, NewSFTP(gate)}
	w.client(hello(fxpInit))
	if asked, shown := w.server(hello(fxpVersion)); len(shown) != 0 || !bytes.Equal(asked, packet(fxpRealpath, homeID, ".")) {
		t.Fatalf("after the version: to the server %q, to the client %q", asked, shown)
	}
	if _, shown := w.server(packet(fxpName, homeID, uint32(1), testHome, testHome, uint32(0))); !bytes.Equal(shown, hello(fxpVersion)) {
		t.Fatalf("the client got %q for a version", shown)
	}
	return w
}

func hello(kind byte) []byte { return appendString(nil, []byte{kind, 0, 0, 0, 3}) }

// packet writes a packet of numbers and strings.
func packet(kind byte, id uint32, parts ...any) []byte {
	b := binary.BigEndian.AppendUint32([]byte{kind}, id)
	for _, p := range parts {
		switch p := p.(type) {
		case uint32:
			b = binary.BigEndian.AppendUint32(b, p)
		case uint64:
			b = binary.BigEndian.AppendUint64(b, p)
		case string:
			b = appendString(b, p)
		case []byte:
			b = append(b, p...)
		}
	}
	return appendString(nil, b)
}

func status(id, code uint32) []byte { return packet(fxpStatus, id, code, "message", "en") }

func (w *wire) client(b []byte) (toServer, toClient []byte) {
	w.t.Helper()
	s, c, err := w.s.FromClient(bytes.Clone(b))
	if err != nil {
		w.t.Fatalf("from the client: %v", err)
	}
	return bytes.Clone(s), bytes.Clone(c)
}

func (w *wire) server(b []byte) (toServer, toClient []byte) {
	w.t.Helper()
	s, c, err := w.s.FromServer(bytes.Clone(b))
	if err != nil {
		w.t.Fatalf("from the server: %v", err)
	}
	return bytes.Clone(s), bytes.Clone(c)
}

// passes sends a request that must reach the server as it is.
func (w *wire) passes(b []byte) {
	w.t.Helper()
	if s, c := w.client(b); !bytes.Equal(s, b) || len(c) > 0 {
		w.t.Fatalf("%q: to the server %q, to the client %q", b, s, c)
	}
}

// answers sends an answer that must reach the client as it is.
func (w *wire) answers(b []byte) {
	w.t.Helper()
	if s, c := w.server(b); !bytes.Equal(c, b) || len(s) > 0 {
		w.t.Fatalf("%q: to the server %q, to the client %q", b, s, c)
	}
}

// stopped sends a request that must not reach the server, and gives the code of its answer.
func (w *wire) stopped(b []byte) uint32 {
	w.t.Helper()
	s, c := w.client(b)
	f := fields{b: c, pos: lengthSize}
	kind, id, code, sentence := f.byte(), f.uint32(), f.uint32(), f.string()
	f.string()
	if len(s) > 0 || kind != fxpStatus || id != binary.BigEndian.Uint32(b[5:]) || len(sentence) == 0 || !f.ended() {
		w.t.Fatalf("%q: to the server %q, to the client %q", b, s, c)
	}
	return code
}

// open opens a file under a handle.
func (w *wire) open(path, handle string, pflags uint32) {
	w.t.Helper()
	w.passes(packet(fxpOpen, 1000, path, pflags, uint32(0)))
	w.answers(packet(fxpHandle, 1000, handle))
}

func (w *wire) close(handle string) {
	w.t.Helper()
	w.passes(packet(fxpClose, 1001, handle))
	w.answers(status(1001, fxOK))
}
