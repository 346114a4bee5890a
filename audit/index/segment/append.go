package segment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/audit"
)

const (
	statementType = string(audit.StatementBegin)
	resultType    = string(audit.StatementResult)
)

// ErrFull says that a block takes no more rows, or no more distinct values.
var ErrFull = errors.New("the block is full")

// Append adds the row of a record that is no result, given as audit.Event.AppendJSON writes it; other JSON of an event
// works, too. After an error the block is as it was. ErrFull asks for another block.
func (b *Block) Append(record []byte) error {
	if b.Full() {
		return ErrFull
	}
	b.grow()
	err := b.appendRow(record)
	if errors.Is(err, errUnusual) {
		if record, err = rewrite(record); err == nil {
			b.shrink()
			b.grow()
			err = b.appendRow(record)
		}
	}
	if err == nil && string(b.bytesOf(colType, b.rows-1)) == resultType {
		err = errors.New("a result is no row")
	}
	if err != nil {
		b.shrink()
		return fmt.Errorf("record: %w", err)
	}
	b.bytes += len(record)
	return nil
}

// rewrite writes an event as audit.Event.AppendJSON does.
func rewrite(record []byte) ([]byte, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(record), []byte("{")) {
		return nil, errors.New("decode record: it is no JSON object")
	}
	var e audit.Event
	if err := json.Unmarshal(record, &e); err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	return e.AppendJSON(nil), nil
}

func (b *Block) appendRow(record []byte) error {
	if !utf8.Valid(record) {
		return errUnusual
	}
	row := b.rows - 1
	b.columns[colTime].numbers[row] = time.Time{}.UnixMicro() // what an event without one has
	s := scanner{json: record}
	if !s.skip('{') {
		return errUnusual
	}
	for {
		key, escaped, err := s.quoted()
		if err != nil || escaped || !s.skip(':') {
			return errUnusual
		}
		c, ok := columnNamed(string(key))
		if !ok {
			return errUnusual
		}
		if err := b.member(c, row, &s); err != nil {
			return err
		}
		switch {
		case s.skip('}'):
			if s.at != len(record) {
				return errUnusual
			}
			return nil
		case !s.skip(','):
			return errUnusual
		}
		if c == colType {
			b.knownScope(row, &s)
		}
	}
}

// member reads a member's value into its column.
func (b *Block) member(c column, row int, s *scanner) error {
	d := b.columns[c]
	switch columnSpecs[c].kind {
	case kindNumber:
		n, err := numberMember(c, s)
		d.numbers[row] = n
		return err
	case kindCode:
		v, err := s.text(b.scratch)
		if err != nil {
			return err
		}
		return d.setCode(row, v)
	case kindList:
		v, err := s.list(b.scratch[:0])
		if err != nil {
			return err
		}
		b.scratch = v[:0]
		return d.setCode(row, v)
	case kindID:
		v, err := s.plainID()
		if err != nil {
			return err
		}
		d.ids[row], b.columns[colIDText].spans[row] = [16]byte{}, span{}
		if id, ok := canonicalUUID(v); ok {
			d.ids[row] = id
		} else {
			b.columns[colIDText].setText(row, v)
		}
		return nil
	}
	return b.bytesMember(c, row, s)
}

func numberMember(c column, s *scanner) (int64, error) {
	switch c {
	case colSeq:
		return s.seq()
	case colTime:
		raw, _, err := s.quoted()
		if err != nil {
			return 0, err
		}
		return timestamp(raw)
	case colDone:
		if s.skipWord("true") {
			return 1, nil
		}
		return 0, errUnusual
	}
	return s.number()
}

func (s *scanner) plainID() ([]byte, error) {
	raw, escaped, err := s.quoted()
	if err == nil && escaped {
		err = errUnusual
	}
	return raw, err
}

// setCode stands a value in a row, if the dictionary has room.
func (d *data) setCode(row int, value []byte) error {
	if row > 0 {
		// Neighbours are often alike.
		if code := d.codes[row-1]; bytes.Equal(d.dict.value(uint32(code)), value) {
			d.codes[row] = code
			return nil
		}
	}
	if d.dict.len() == maxCodes {
		return ErrFull
	}
	d.codes[row] = uint16(d.dict.code(value))
	return nil
}

func (b *Block) bytesMember(c column, row int, s *scanner) error {
	d := b.columns[c]
	switch {
	case c == colParams:
		v, err := s.params()
		if err != nil {
			return err
		}
		d.setText(row, v)
		return nil
	case c == colRecording:
		v, err := s.recording()
		if err != nil {
			return err
		}
		d.setText(row, v)
		return nil
	case c == colStatement && s.at < len(s.json) && s.json[s.at] == '{':
		return b.statementObject(row, s)
	}
	v, err := s.text(b.scratch)
	if err != nil {
		return err
	}
	d.setText(row, v)
	return nil
}

// statementObject reads a statement that is no string.
func (b *Block) statementObject(row int, s *scanner) error {
	raw, err := s.object()
	if err != nil {
		return err
	}
	var t audit.Text
	if err := t.UnmarshalJSON(raw); err != nil {
		return fmt.Errorf("statement: %w", err)
	}
	form, err := t.MarshalJSON()
	if err != nil {
		return fmt.Errorf("statement: %w", err)
	}
	if !bytes.Equal(form, raw) {
		return errUnusual
	}
	b.columns[colStatementForm].setText(row, form)
	if t.File != nil {
		b.columns[colStatement].setText(row, t.Bytes)
	}
	return nil
}

// recording reads a recording as audit.Event.AppendJSON writes it.
func (s *scanner) recording() ([]byte, error) {
	raw, err := s.object()
	if err != nil {
		return nil, err
	}
	r, err := decodeRecording(raw)
	if err != nil {
		return nil, err
	}
	if again, err := r.MarshalJSON(); err != nil || !bytes.Equal(again, raw) {
		return nil, errUnusual
	}
	return raw, nil
}

// checkParamObject insists on an object that audit.Param.MarshalJSON has written.
func checkParamObject(raw []byte) error {
	var p audit.Param
	if err := p.UnmarshalJSON(raw); err != nil {
		return fmt.Errorf("params: %w", err)
	}
	again, err := p.MarshalJSON()
	if err != nil || !bytes.Equal(again, raw) {
		return errUnusual
	}
	return nil
}
