package files

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// asked is what a request asks for, read from its packet.
type asked struct {
	how     judgement
	op      Op
	reads   bool    // what it names is read besides
	request request // how it is answered
	code    uint32  // of a refusal
	why     string  // of a refusal
	changes []change
	then    func() // what the request does to what is known of files, once it passes; nil: nothing
}

// judgement is what has to happen before a request goes to the server.
type judgement int

const (
	refused   judgement = iota // it never does
	covered                    // it belongs to an operation that was let pass
	lookUp                     // Gate.Check
	operation                  // Gate.Begin
)

// change is a path in a packet that goes to the server in other words.
type change struct {
	from, to int // where the string stands, with its length
	path     string
}

// reader reads one request.
type reader struct {
	fields
	s       *SFTP
	changes []change
}

// name is a path of a request.
type name struct {
	abs string // absolute and clean; what the client sent, where that cannot be told
	ok  bool
}

// path reads a path. One that goes back up is sent on as it is judged: what ".." means behind a link, only the server knows.
func (r *reader) path() name {
	from := r.pos
	given := r.word()
	abs, ok := absolute(r.s.home, given)
	if !ok {
		return name{abs: given}
	}
	if climbs(given) {
		r.changes = append(r.changes, change{from, r.pos, abs})
	}
	return name{abs, true}
}

// word reads a path as it is given.
func (r *reader) word() string {
	given := string(r.string())
	if !possible(given) {
		r.bad = true
		return ""
	}
	return given
}

// op is an operation on the named files.
func op(class, verb string, names ...name) Op {
	o := Op{Command: "sftp", Class: class, Text: verb, Understood: true}
	for _, n := range names {
		o.Text += " " + quote(n.abs)
		o.name(n)
	}
	return o
}

// name adds a name to those that the operation touches.
func (o *Op) name(n name) {
	switch {
	case !n.ok:
		o.Understood = false
	case !slices.Contains(o.Paths, n.abs):
		o.Paths = append(o.Paths, n.abs)
	}
}

func (o Op) note(format string, args ...any) Op {
	o.Text += " (" + fmt.Sprintf(format, args...) + ")"
	return o
}

const (
	classRead  = "read"
	classWrite = "write"
)

// refuse is a request that is not served.
func refuse(code uint32, text, why string) asked {
	return asked{how: refused, op: Op{Command: "sftp", Class: classWrite, Text: text}, code: code, why: why}
}

// request judges one request, and forwards or answers it.
func (s *SFTP) request(packet []byte) error {
	id := binary.BigEndian.Uint32(packet[1:])
	a, err := s.read(packet, id)
	if err != nil {
		return err
	}
	switch a.how {
	case operation:
		if err := s.begin(&a); err != nil {
			s.denied = appendStatus(s.denied, id, fxPermissionDenied, err.Error())
			return nil
		}
	case lookUp:
		o := a.op
		if err := s.gate.Check(&o); err != nil {
			s.denied = appendStatus(s.denied, id, fxPermissionDenied, err.Error())
			return nil
		}
	case refused:
		o := a.op
		s.gate.Refuse(&o, a.why)
		s.denied = appendStatus(s.denied, id, a.code, a.why)
		return nil
	case covered:
		if err := s.still(packet[0], a.request.file); err != nil {
			s.denied = appendStatus(s.denied, id, fxPermissionDenied, err.Error())
			return nil
		}
	}
	s.expect(id, packet, &a)
	s.forward(packet, a.changes)
	return nil
}

// read tells what a request asks for. Its error ends the channel.
func (s *SFTP) read(packet []byte, id uint32) (asked, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.waiting[id]; taken {
		return asked{}, clientError("used the ID of a request that the server has not answered yet")
	}
	if len(s.waiting) >= maxWaiting {
		return asked{}, clientError("has %d requests waiting for answers", maxWaiting)
	}
	r := &s.reader
	*r = reader{fields: fields{b: packet, pos: 5}, s: s}
	a := r.request(packet[0])
	if !r.ended() && a.how != refused {
		a = refuse(fxBadMessage, fmt.Sprintf("request of type %d", packet[0]), "this request does not follow the protocol and was not sent on")
	}
	a.request.kind, a.changes = packet[0], r.changes
	return a, nil
}

// begin judges and records the operation.
func (s *SFTP) begin(a *asked) error {
	o := a.op
	if a.reads {
		reading := o
		reading.Class, reading.Text = classRead, "get "+quote(a.request.file.path)
		if err := s.gate.Check(&reading); err != nil {
			return err
		}
	}
	handle, err := s.gate.Begin(&o)
	if err != nil {
		return err
	}
	if opens(a.request.kind) {
		a.request.file.handle = handle
	} else {
		a.request.handle = handle
	}
	return nil
}

// still asks whether an open file may be used as before. It may always be closed.
func (s *SFTP) still(kind byte, f *file) error {
	if kind == fxpClose {
		return nil
	}
	err := s.gate.Still(f.handle)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		f.fail(statusName(fxPermissionDenied), err.Error())
	}
	return err
}

func opens(kind byte) bool { return kind == fxpOpen || kind == fxpOpendir }

// expect notes that the request is on its way.
func (s *SFTP) expect(id uint32, packet []byte, a *asked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch f := a.request.file; a.request.kind {
	case fxpOpen, fxpOpendir:
		s.opening++
	case fxpClose:
		delete(s.files, string(handleOf(packet))) // the server may give the same handle to the next file
		if s.reading[f.path] == f {
			delete(s.reading, f.path)
		}
	case fxpWrite:
		data := fields{b: packet, pos: 5}
		data.string()
		f.wrote(data.uint64(), data.string())
	}
	if a.then != nil {
		a.then()
	}
	s.waiting[id] = a.request
}

// handleOf is the handle that a request is about.
func handleOf(packet []byte) []byte {
	f := fields{b: packet, pos: 5}
	return f.string()
}

// forward sends the packet to the server, its paths changed where they have to be.
func (s *SFTP) forward(packet []byte, changes []change) {
	if len(changes) == 0 {
		s.client.pass(packet)
		return
	}
	var out []byte
	at := 0
	for _, c := range changes {
		out = appendString(append(out, packet[at:c.from]...), c.path)
		at = c.to
	}
	s.client.send(append(out, packet[at:]...))
}
