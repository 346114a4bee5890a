package files

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
)

// spoken takes a line of the sender, which is whole.
func (s *SCP) spoken() error {
	line := string(s.line[:len(s.line)-1])
	r, ok := parseRecord(line)
	if !ok {
		return s.senderError("does not speak SCP")
	}
	if s.turn == atStatus {
		if r.kind != scpError && r.kind != scpFatal {
			return s.senderError("sent more of a file than it had said")
		}
		return s.status(r)
	}
	switch r.kind {
	case 'C', 'D':
		return s.offered(r)
	case 'E':
		if s.depth == 0 {
			return s.senderError("left a directory that it was not in")
		}
	case scpFatal:
		s.turn = over
	}
	s.passLine()
	if r.kind == 'E' || r.kind == 'T' {
		s.entry, s.turn = r, answering
	}
	return nil
}

func (s *SCP) passLine() {
	s.down.add(s.line)
	s.line = s.line[:0]
}

// status takes what the sender says after a file's content: that it was all (no record), or what went wrong.
func (s *SCP) status(r record) error {
	if r.kind == 0 {
		s.down.add([]byte{scpOK})
	} else {
		s.result.Code, s.result.Message = scpCode(r.kind), clip(s.line[1:len(s.line)-1])
		s.passLine()
	}
	s.turn = finishing
	if s.early {
		s.turn = atRecord
		s.end("", "")
	}
	return nil
}

// offered judges a file or directory that the sender would send.
func (s *SCP) offered(r record) error {
	s.offers++
	names, ok := s.names(r)
	if !ok {
		if !s.command.Sink {
			return s.senderError("sent a file that was not asked for")
		}
		o := s.op(r, []string{path.Join(s.command.Path, r.name)})
		o.Paths, o.Understood = nil, false
		why := "this name of a file is not taken"
		s.gate.Refuse(&o, why)
		s.deny(why)
		return nil
	}
	o := s.op(r, names)
	handle, err := s.gate.Begin(&o)
	if err != nil {
		s.deny(err.Error())
		return nil
	}
	s.handle, s.entry, s.left = handle, r, r.size
	s.passLine()
	s.turn = answering
	return nil
}

// names are the names that what the record says may get: two where only the server knows whether the command's path is a directory, the
// first of them below it.
func (s *SCP) names(r record) (names []string, ok bool) {
	base := s.base
	if base == "" {
		base = s.command.Path
	}
	switch {
	case s.depth > 0:
		for _, dir := range s.at {
			names = append(names, path.Join(dir, r.name))
		}
		ok = isName(r.name)
	case !s.command.Sink:
		names, ok = []string{base}, s.offers == 1 // a plain path is one thing
	default:
		names, ok = []string{path.Join(base, r.name)}, isName(r.name)
		if !s.isDirectory() {
			names = append(names, base)
		}
	}
	for _, n := range names {
		ok = ok && len(n) <= maxPath
	}
	return names, ok
}

// isDirectory says whether the command's path can only be a directory.
func (s *SCP) isDirectory() bool {
	p := s.command.Path
	return s.command.Directory || strings.HasSuffix(p, "/") || strings.HasSuffix(p, "/.") || p == "." || p == "~"
}

func (s *SCP) op(r record, names []string) Op {
	o := Op{Command: "scp", Class: classRead, Text: "get", Paths: names, Understood: true}
	switch {
	case s.command.Sink && r.kind == 'D':
		o.Class, o.Text = classWrite, "mkdir"
	case s.command.Sink:
		o.Class, o.Text = classWrite, "put"
	case r.kind == 'D':
		o.Text = "list"
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = quote(n)
	}
	o.Text += " " + strings.Join(quoted, " or ")
	if s.base == "" {
		o.Paths, o.Understood = nil, false
	}
	if r.kind == 'D' {
		return o.note("mode %s", r.mode)
	}
	return o.note("mode %s, %d bytes", r.mode, r.size)
}

// deny tells the sender, in the receiver's place, that this is not taken: it goes on with the next. A client that would have received it
// reads why.
func (s *SCP) deny(sentence string) {
	message := fmt.Appendf(nil, "\x01%s\n", strings.ReplaceAll(sentence, "\n", " "))
	s.up = append(s.up, message...)
	if !s.command.Sink {
		s.down.add(message)
	}
	s.line = s.line[:0]
}

// answer takes one answer of the receiver, and says whether there was one whose turn it was.
func (s *SCP) answer() (taken bool, err error) {
	if s.turn == over {
		s.answers = nil
	}
	if len(s.answers) == 0 {
		return false, nil
	}
	kind := s.answers[0]
	early := (s.turn == inContent || s.turn == atStatus) && kind != scpOK && !s.early
	if !early && s.turn != greeting && s.turn != answering && s.turn != finishing {
		if s.command.Sink {
			return false, s.receiverError("answered what nobody had asked") // whose turn it is could not be told any more
		}
		return false, nil
	}
	n := 1
	if kind != scpOK {
		if kind != scpError && kind != scpFatal {
			return false, s.receiverError("does not speak SCP")
		}
		if n = bytes.IndexByte(s.answers, '\n') + 1; n == 0 {
			return false, nil
		}
	}
	s.up = append(s.up, s.answers[:n]...)
	message := ""
	if kind != scpOK {
		message = clip(s.answers[1 : n-1])
	}
	if early {
		s.early, s.result.Code, s.result.Message = true, scpCode(kind), message
	} else {
		s.answered(kind, message)
	}
	if kind == scpFatal {
		s.giveUp()
	}
	s.answers = slices.Delete(s.answers, 0, n)
	return true, nil
}

// answered goes on as the receiver says.
func (s *SCP) answered(kind byte, message string) {
	was := s.turn
	s.turn = atRecord
	code := scpCode(kind)
	switch {
	case was == greeting:
	case was == finishing:
		s.end(code, message)
	case s.entry.kind == 'C' && kind == scpOK:
		if s.turn = inContent; s.left == 0 {
			s.turn = atStatus
		}
		s.sum.Reset()
	case s.entry.kind == 'D':
		if kind == scpOK {
			s.enter()
		}
		s.end(code, message)
	case s.entry.kind == 'E':
		s.leave()
	case s.entry.kind == 'C':
		s.end(code, message)
	}
}

// giveUp ends what is under way, since the receiver takes nothing more.
func (s *SCP) giveUp() {
	s.turn = over
	if s.handle != nil {
		s.end("", "")
	}
}

// enter goes into the directory that was taken last.
func (s *SCP) enter() {
	s.at, _ = s.names(s.entry)
	s.depth++
}

func (s *SCP) leave() {
	s.depth--
	for i, dir := range s.at {
		s.at[i] = path.Dir(dir)
	}
}

func scpCode(kind byte) string {
	switch kind {
	case scpError:
		return "SCP_ERROR"
	case scpFatal:
		return "SCP_FATAL"
	}
	return ""
}
