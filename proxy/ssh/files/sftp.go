package files

import (
	"encoding/binary"
	"sync"
)

// SFTP is the Decoder of SFTP's version 3, which is what OpenSSH speaks (draft-ietf-secsh-filexfer-02, and OpenSSH's PROTOCOL).
//
// FromClient and FromServer may be called at the same time. What goes to the client is always of whole packets: the caller writes each
// slice without another's bytes in between (one lock for writing to the client).
type SFTP struct {
	gate   Gate
	client packets // FromClient's alone
	server packets // FromServer's alone
	denied []byte  // what FromClient answers by itself

	mu      sync.Mutex // guards what follows
	phase   phase
	version []byte             // the server's, until the client gets it
	home    string             // what relative paths are relative to; empty: unknown
	waiting map[uint32]request // what the server has not answered yet, by ID
	files   map[string]*file   // what is open, by the server's handle
	reading map[string]*file   // of these, what was opened last to read a path
	opening int                // how many more will be open, if the server agrees
	early   int                // what digests may still hold, in bytes
	reader  reader             // FromClient's, reused for each request
}

// phase is how far the beginning has come.
type phase int

const (
	phaseInit    phase = iota // the client says its version
	phaseVersion              // the server says its own
	phaseHome                 // the server says what "." is; the client still waits for the version
	phaseOpen
)

const (
	// maxWaiting bounds how many requests may wait for answers at once; OpenSSH's client sends 64.
	maxWaiting = 8192
	// maxOpen bounds how many files may be open at once.
	maxOpen = 4096
	// version3 is the only version that is served: a client that knows newer ones is told of it.
	version3 = 3
	// maxHome bounds the directory where relative paths begin, in bytes.
	maxHome = 1024
	// homeID is the ID of our own request, which is the only one by then.
	homeID = 0
)

// request is what waits for the server's answer.
type request struct {
	answer byte   // the type that the answer has, if it is no status
	kind   byte   // of the request
	handle any    // the Gate's, of an operation that ends by the answer; nil: none does
	file   *file  // that is opened, read, written, closed or looked at by it
	offset uint64 // of a READ
	sized  bool   // it sets the size of file
}

var _ Decoder = (*SFTP)(nil)

// NewSFTP makes the decoder of one channel on which the subsystem sftp was started.
func NewSFTP(g Gate) *SFTP {
	return &SFTP{gate: g, waiting: make(map[uint32]request), files: make(map[string]*file), reading: make(map[string]*file), early: maxEarlyBytes}
}

// FromClient implements Decoder.
func (s *SFTP) FromClient(b []byte) (toServer, toClient []byte, err error) {
	s.client.begin(b)
	if s.denied = s.denied[:0]; cap(s.denied) > maxKept {
		s.denied = nil
	}
	for err == nil {
		content, ok := s.client.cut()
		if !ok {
			err = clientError("does not speak SFTP, or sent a packet of more than %d bytes", maxPacket)
		}
		if content == nil {
			break
		}
		err = s.clientPacket(content)
	}
	return s.client.end(), s.denied, err
}

func (s *SFTP) clientPacket(content []byte) error {
	s.mu.Lock()
	now := s.phase
	s.mu.Unlock()
	switch {
	case content[0] == fxpInit && now == phaseInit:
		return s.init(content)
	case content[0] == fxpInit:
		return clientError("began SFTP twice")
	case now != phaseOpen:
		return clientError("sent a request before it knew the server's version of SFTP")
	case len(content) < 5:
		return clientError("sent a request without an ID")
	}
	return s.request(content)
}

// init asks the server for version 3, whatever the client knows besides.
func (s *SFTP) init(content []byte) error {
	f := fields{b: content[1:]}
	if version := f.uint32(); f.bad || version < version3 {
		return clientError("does not know version 3 of SFTP, which is the one that is served")
	}
	s.mu.Lock()
	s.phase = phaseVersion
	s.mu.Unlock()
	if len(content) == 5 && content[4] == version3 {
		s.client.pass(content)
		return nil
	}
	s.client.send(binary.BigEndian.AppendUint32([]byte{fxpInit}, version3))
	return nil
}

// FromServer implements Decoder.
func (s *SFTP) FromServer(b []byte) (toServer, toClient []byte, err error) {
	s.server.begin(b)
	for err == nil {
		content, ok := s.server.cut()
		if !ok {
			err = serverError("does not speak SFTP, or sent a packet of more than %d bytes", maxPacket)
		}
		if content == nil {
			break
		}
		var ask []byte
		ask, err = s.serverPacket(content)
		toServer = append(toServer, ask...)
	}
	return toServer, s.server.end(), err
}

func (s *SFTP) serverPacket(content []byte) (toServer []byte, err error) {
	s.mu.Lock()
	now := s.phase
	s.mu.Unlock()
	switch now {
	case phaseVersion:
		return s.greeting(content)
	case phaseHome:
		return nil, s.learnHome(content)
	case phaseOpen:
		return nil, s.reply(content)
	}
	return nil, serverError("spoke before it was asked")
}

// greeting keeps the server's version back, and asks the server where relative paths begin.
func (s *SFTP) greeting(content []byte) (toServer []byte, err error) {
	f := fields{b: content}
	if f.byte() != fxpVersion || f.uint32() != version3 {
		return nil, serverError("does not speak version 3 of SFTP")
	}
	version := binary.BigEndian.AppendUint32([]byte{fxpVersion}, version3)
	for !f.ended() {
		name, data := f.string(), f.string()
		if f.bad {
			return nil, serverError("sent a version that cannot be read")
		}
		if _, served := extensions[string(name)]; served {
			version = appendString(appendString(version, name), data)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase, s.version = phaseHome, version
	return appendPacket(nil, func(b []byte) []byte {
		return appendString(binary.BigEndian.AppendUint32(append(b, fxpRealpath), homeID), ".")
	}), nil
}

// learnHome takes the answer to our own question, and lets the client begin. A server that does not tell has no home.
func (s *SFTP) learnHome(content []byte) error {
	f := fields{b: content}
	kind := f.byte()
	if id := f.uint32(); f.bad || id != homeID || kind != fxpName && kind != fxpStatus {
		return serverError("sent an answer that belongs to no request")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if kind == fxpName && f.uint32() > 0 {
		if name := string(f.string()); !f.bad && len(name) <= maxHome {
			s.home, _ = absolute("", name)
		}
	}
	s.server.send(s.version)
	s.phase, s.version = phaseOpen, nil
	return nil
}

// cutOff is the result of what the server never answered.
const (
	cutOff         = "CUT_OFF"
	cutOffSentence = "the connection ended before the server's answer came"
)

// Close implements Decoder.
func (s *SFTP) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.waiting {
		if r.handle != nil {
			s.gate.End(r.handle, Result{Code: cutOff, Message: cutOffSentence})
		}
		if r.file != nil {
			s.abandon(r.file)
		}
	}
	for _, f := range s.files {
		s.abandon(f)
	}
	clear(s.waiting)
	clear(s.files)
	clear(s.reading)
}

// abandon ends the operation of a file that was not closed.
func (s *SFTP) abandon(f *file) {
	if f.ended {
		return
	}
	f.ended = true
	f.fail(cutOff, cutOffSentence)
	s.gate.End(f.handle, f.result())
}
