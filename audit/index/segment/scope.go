package segment

import "bytes"

// knownScope is what the records of one session have in common, as their JSON has it, and the codes of its members:
// the record of a session that is known costs one comparison in place of a dozen members.
type knownScope struct {
	members []byte // from "session" on, to the comma after the last one
	codes   [len(scopeColumns)]uint16
}

// scopeColumns are the columns of a session's scope after the gateway and the session itself.
var scopeColumns = [...]column{colUser, colGroups, colRole, colClientAddr, colEntrance, colApplication, colResource,
	colProtocol, colAccount, colLogin, colDatabase, colCredential}

func isScopeColumn(c column) bool { return c >= colUser && c <= colCredential }

// knownScope reads past the gateway, the session and the other members of a session's scope, as far as they are as in
// an earlier record.
func (b *Block) knownScope(row int, s *scanner) {
	// A member that nothing follows, or that cannot be read, is left to the caller.
	begin := s.at
	if s.skipWord(`"gateway":`) {
		if b.member(colGateway, row, s) != nil || !s.skip(',') {
			s.at = begin
			return
		}
		begin = s.at
	}
	if !s.skipWord(`"session":`) {
		return
	}
	if b.member(colSession, row, s) != nil || !s.skip(',') {
		s.at = begin
		return
	}
	session := int(b.columns[colSession].codes[row])
	for len(b.scopes) <= session {
		b.scopes = append(b.scopes, knownScope{})
	}
	known := &b.scopes[session]
	if len(known.members) > 0 && bytes.HasPrefix(s.json[s.at:], known.members) {
		for i, c := range scopeColumns {
			b.columns[c].codes[row] = known.codes[i]
		}
		s.at += len(known.members)
		return
	}
	b.learnScope(row, s, known)
}

// learnScope reads the members of a scope and remembers them.
func (b *Block) learnScope(row int, s *scanner, known *knownScope) {
	start := s.at
	end := start
	for {
		key, escaped, err := s.quoted()
		c, ok := columnNamed(string(key))
		if err != nil || escaped || !ok || !isScopeColumn(c) || !s.skip(':') {
			break
		}
		if b.member(c, row, s) != nil || !s.skip(',') {
			break
		}
		end = s.at
	}
	s.at = end
	known.members = append(known.members[:0], s.json[start:end]...)
	for i, c := range scopeColumns {
		known.codes[i] = b.columns[c].codes[row]
	}
}
