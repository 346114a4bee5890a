package segment

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/sallyport/sallyport/audit"
)

// Head is what a record's place in the index depends on.
type Head struct {
	Seq  uint64
	ID   []byte
	Type audit.Type
	Of   []byte // of a result: the statement's ID
}

// ParseHead reads a record's head. Its slices are parts of record, or copies.
func ParseHead(record []byte) (Head, error) {
	h, err := scanHead(record)
	if err == nil {
		return h, nil
	}
	canonical, err := rewrite(record)
	if err != nil {
		return Head{}, err
	}
	if h, err = scanHead(canonical); err != nil {
		return Head{}, fmt.Errorf("record: %w", err)
	}
	return h, nil
}

func scanHead(record []byte) (Head, error) {
	s := scanner{json: record}
	if !s.skipWord(`{"seq":`) {
		return Head{}, errUnusual
	}
	seq, err := s.seq()
	if err != nil {
		return Head{}, err
	}
	h := Head{Seq: uint64(seq)}
	if h.ID, err = s.plainMember(`,"id":`); err != nil {
		return Head{}, err
	}
	if _, err = s.plainMember(`,"time":`); err != nil {
		return Head{}, err
	}
	event, err := s.plainMember(`,"type":`)
	if err != nil {
		return Head{}, err
	}
	if h.Type = typeNamed(event); h.Type != audit.StatementResult {
		return h, nil
	}
	// Within a string the quotation marks would be escaped: what is found is the member.
	i := bytes.Index(record[s.at:], []byte(`,"of":`))
	if i < 0 {
		return Head{}, errUnusual
	}
	s.at += i
	h.Of, err = s.plainMember(`,"of":`)
	return h, err
}

// typeNamed allocates nothing for the types that there are.
func typeNamed(name []byte) audit.Type {
	switch string(name) {
	case statementType:
		return audit.StatementBegin
	case resultType:
		return audit.StatementResult
	}
	return audit.Type(name)
}

// plainMember reads a string member without escapes.
func (s *scanner) plainMember(key string) ([]byte, error) {
	if !s.skipWord(key) {
		return nil, errUnusual
	}
	raw, escaped, err := s.quoted()
	if err != nil || escaped || !utf8.Valid(raw) {
		return nil, errUnusual
	}
	return raw, nil
}
