package files

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// SCP is the Decoder of the classic copy protocol, spoken over the standard streams of scp -t and scp -f. It was never written down; what
// is taken here is what OpenSSH's scp.c says and takes.
//
// The two sides take turns, so the caller holds one lock from a call of either method until what it returned is written.
type SCP struct {
	gate    Gate
	command SCPCommand
	base    string // the absolute name of the command's path; empty: it cannot be told

	turn    turn
	line    []byte // of the sender, as far as it has come
	held    []byte // what the sender sent before it was its turn
	answers []byte // what the receiver said, as far as it is no whole answer, or before it was asked
	down    passing
	up      []byte

	at     []string // what the directory may be called in which the sender is; nil at the top
	depth  int      // of directories
	offers int      // how many files and directories were offered

	handle any // of the operation that is under way; nil: none
	entry  record
	left   int64 // of a file's content, in bytes
	sum    hash.Hash
	early  bool // the receiver has told already that it failed
	result Result
}

// turn is whose turn it is, and for what.
type turn int

const (
	greeting  turn = iota // the receiver says that it is there
	atRecord              // the sender says what comes
	answering             // the receiver says whether it takes that
	inContent             // the sender sends it
	atStatus              // the sender says whether that was all
	finishing             // the receiver says whether it has it
	over                  // somebody has given up
)

const (
	// maxHeld bounds what a sender may send before it was asked to, in bytes.
	maxHeld = 1 << 20
	// maxAnswers bounds what a receiver may answer before it was asked, in bytes.
	maxAnswers = 4 << 10
)

var _ Decoder = (*SCP)(nil)

// NewSCP makes the decoder of one channel on which the command was started.
func NewSCP(g Gate, c SCPCommand) *SCP {
	s := &SCP{gate: g, command: c, sum: sha256.New()}
	if abs, ok := absolute("", c.Path); ok && !climbs(c.Path) {
		s.base = abs
	}
	return s
}

// FromClient implements Decoder.
func (s *SCP) FromClient(b []byte) (toServer, toClient []byte, err error) {
	if s.command.Sink {
		return s.fromSender(b)
	}
	toClient, toServer, err = s.fromReceiver(b)
	return toServer, toClient, err
}

// FromServer implements Decoder.
func (s *SCP) FromServer(b []byte) (toServer, toClient []byte, err error) {
	if s.command.Sink {
		return s.fromReceiver(b)
	}
	toClient, toServer, err = s.fromSender(b)
	return toServer, toClient, err
}

// Close implements Decoder.
func (s *SCP) Close() {
	if s.handle != nil {
		s.end(cutOff, cutOffSentence)
	}
}

// senderError ends the channel by the sender's fault, and receiverError by the other's.
func (s *SCP) senderError(what string) error {
	return &ProtocolError{Server: !s.command.Sink, Sentence: s.side(s.command.Sink) + what}
}

func (s *SCP) receiverError(what string) error {
	return &ProtocolError{Server: s.command.Sink, Sentence: s.side(!s.command.Sink) + what}
}

func (s *SCP) side(client bool) string {
	if client {
		return "the client "
	}
	return "the server "
}

// fromSender takes what the side says that has the files. down goes to the receiver, up back to the sender.
func (s *SCP) fromSender(b []byte) (down, up []byte, err error) {
	s.begin(b)
	n, err := s.exchange(b) // none of it while something is held
	if err == nil {
		err = s.hold(b[n:])
	}
	return s.down.bytes(), s.up, err
}

func (s *SCP) begin(piece []byte) {
	s.down.begin(piece)
	s.up = s.up[:0]
}

// hold keeps what the sender sent before it was its turn: what it is cannot be told before the receiver has answered.
func (s *SCP) hold(b []byte) error {
	if len(s.held)+len(b) > maxHeld {
		return s.senderError("does not wait for the other side's answers, as SCP demands")
	}
	s.held = append(s.held, b...)
	return nil
}

// fromReceiver takes what the side says that gets the files: answers. down and up are fromSender's.
func (s *SCP) fromReceiver(b []byte) (down, up []byte, err error) {
	held := s.held
	s.begin(held)
	s.answers = append(s.answers, b...)
	sent, err := s.exchange(held)
	if s.held = held[sent:]; len(s.held) == 0 { // what passed is still a part of held, in front of what is
		s.held = nil
	}
	if err == nil && len(s.answers) > maxAnswers {
		err = s.receiverError("sent an answer that is too long, or that nobody had asked for")
	}
	return s.down.bytes(), s.up, err
}

// exchange takes what it can of the sender's bytes, and of the answers, in turns. n is how many of the bytes.
func (s *SCP) exchange(b []byte) (n int, err error) {
	for taken := true; taken && err == nil; {
		var sent int
		if sent, err = s.sendFrom(b, n); err == nil {
			taken, err = s.answer()
		}
		n += sent
	}
	return n, err
}

// sendFrom takes what it can of the sender's bytes, from an index on: as far as it is the sender's turn. n is how many they were.
func (s *SCP) sendFrom(b []byte, from int) (n int, err error) {
	at := from
	for at < len(b) && err == nil {
		switch s.turn {
		case inContent:
			at += s.content(b, at)
		case atRecord, atStatus:
			end := bytes.IndexByte(b[at:], '\n')
			switch {
			case s.turn == atStatus && len(s.line) == 0 && b[at] == scpOK:
				at++
				err = s.status(record{})
			case end < 0:
				err = s.lengthen(b[at:])
				at = len(b)
			default:
				if err = s.lengthen(b[at : at+end+1]); err == nil {
					err = s.spoken()
				}
				at += end + 1
			}
		case over:
			return len(b) - from, nil
		default:
			return at - from, nil
		}
	}
	return at - from, err
}

// lengthen adds to the line.
func (s *SCP) lengthen(b []byte) error {
	if len(s.line)+len(b) > maxRecord {
		return s.senderError("does not speak SCP")
	}
	s.line = append(s.line, b...)
	return nil
}

// content passes a part of a file, and says how long it is.
func (s *SCP) content(b []byte, at int) int {
	n := int(min(int64(len(b)-at), s.left))
	s.sum.Write(b[at : at+n])
	s.down.pass(at, at+n)
	s.count(int64(n))
	if s.left -= int64(n); s.left == 0 {
		s.turn = atStatus
	}
	return n
}

func (s *SCP) count(n int64) {
	if s.command.Sink {
		s.result.BytesIn += n
	} else {
		s.result.BytesOut += n
	}
}

// end tells what became of the operation that is under way.
func (s *SCP) end(code, message string) {
	r := s.result
	if r.Code == "" {
		r.Code, r.Message = code, message
	}
	if s.entry.kind == 'C' && r.Code == "" && s.left == 0 {
		r.Whole, r.SHA256 = true, hex.EncodeToString(s.sum.Sum(nil))
	}
	handle := s.handle
	s.handle, s.early, s.result = nil, false, Result{}
	s.gate.End(handle, r)
}
