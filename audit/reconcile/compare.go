package reconcile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
)

// likeness is how two texts were found to be one.
type likeness uint8

const (
	nothing likeness = iota
	exact
	redacted // but for what redaction took out
	expanded // but for parameters, which the log has in their places
	cut      // by the beginning
)

// compare says how a statement of the record and one of the log are alike.
func compare(s *statement, e *loggedEntry, d dialect) likeness {
	if file := s.Statement.File; file != nil {
		sum := sha256.Sum256([]byte(e.Text))
		if file.Size == int64(len(e.Text)) && file.SHA256 == hex.EncodeToString(sum[:]) {
			return exact
		}
	}
	text, ran := normal(s.Statement.Bytes), normal([]byte(e.Text))
	switch {
	case s.Statement.File == nil && bytes.Equal(text, ran) || e.Other != "" && e.Other == string(text):
		return exact
	case len(ran) >= cutBytes && len(text) > len(ran) && bytes.HasPrefix(text, ran):
		return cut
	case s.Statement.File != nil && len(ran) >= cutBytes && int64(len(ran)) < s.Statement.File.Size && bytes.HasPrefix(ran, text):
		return cut // both hold its beginning only
	case s.parts != nil && couldBe(s.parts, ran):
		return redacted
	case d == mySQL && len(s.Params) > 0 && standsFor(string(text), string(ran), d):
		return expanded
	}
	return nothing
}
