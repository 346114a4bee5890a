package segment

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// appendListItem adds a string to a list's value.
func appendListItem(dst, item []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(item)))
	return append(dst, item...)
}

// eachListItem calls yield with each string of a list's value, until it returns false.
func eachListItem(list []byte, yield func([]byte) bool) {
	for len(list) > 0 {
		n, size := binary.Uvarint(list)
		list = list[size:]
		if !yield(list[:n]) {
			return
		}
		list = list[n:]
	}
}

func micros(m audit.Micros) int64 { return time.Duration(m).Microseconds() }

func microsOf(n int64) audit.Micros { return audit.Micros(time.Duration(n) * time.Microsecond) }

// Event is the row decoded. It needs AllColumns.
func (b *Block) Event(row int) (audit.Event, error) {
	str := func(c column) string { return string(b.bytesOf(c, row)) }
	num := func(c column) int64 { return b.number(c, row) }
	e := audit.Event{
		Seq: b.Seq(row), ID: b.ID(row), Time: b.Time(row), Type: audit.Type(str(colType)),
		Scope: audit.Scope{
			Gateway: str(colGateway), Session: str(colSession), User: str(colUser), Groups: b.list(colGroups, row),
			Role: str(colRole), ClientAddr: str(colClientAddr), Entrance: str(colEntrance),
			Application: str(colApplication), Resource: str(colResource), Protocol: str(colProtocol),
			Account: str(colAccount), Login: str(colLogin), Database: str(colDatabase), Credential: str(colCredential),
		},
		Command: str(colCommand), Prepared: str(colPrepared), Class: str(colClass), Tables: b.list(colTables, row),
		Columns: b.list(colColumns, row), Fingerprint: str(colFingerprint), Redacted: b.list(colRedacted, row),
		Verdict: audit.Verdict(str(colVerdict)), Policy: str(colPolicy), Reason: str(colReason), Of: str(colOf),
		Done: num(colDone) != 0, Rows: num(colRows), BytesIn: num(colBytesIn), BytesOut: num(colBytesOut),
		Duration: microsOf(num(colDuration)), FirstRow: microsOf(num(colFirstRow)), Tag: str(colTag),
		ErrorCode: str(colErrorCode), ErrorMessage: str(colErrorMessage), Statements: num(colStatements),
		Action: str(colAction), Target: str(colTarget), Before: str(colBefore), After: str(colAfter),
	}
	var err error
	if e.Statement, err = b.statement(row); err != nil {
		return e, fmt.Errorf("event %d: %w", e.Seq, err)
	}
	if e.Params, err = decodeParams(b.bytesOf(colParams, row)); err != nil {
		return e, fmt.Errorf("event %d: %w", e.Seq, err)
	}
	if e.Recording, err = decodeRecording(b.bytesOf(colRecording, row)); err != nil {
		return e, fmt.Errorf("event %d: %w", e.Seq, err)
	}
	return e, nil
}

// decodeRecording decodes what the column of recordings holds; nil when that is nothing.
func decodeRecording(raw []byte) (*audit.Recording, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var r audit.Recording
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	return &r, nil
}

func (b *Block) list(c column, row int) []string {
	var items []string
	eachListItem(b.bytesOf(c, row), func(item []byte) bool {
		items = append(items, string(item))
		return true
	})
	return items
}

func (b *Block) statement(row int) (audit.Text, error) {
	if form := b.bytesOf(colStatementForm, row); len(form) > 0 {
		var t audit.Text
		err := t.UnmarshalJSON(form)
		return t, err
	}
	text := b.bytesOf(colStatement, row)
	if len(text) == 0 {
		return audit.Text{}, nil
	}
	return audit.Text{Bytes: bytes.Clone(text)}, nil
}

// decodeParams decodes what the column of parameters holds.
func decodeParams(raw []byte) ([]audit.Param, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if bytes.IndexByte(raw, '{') >= 0 {
		var params []audit.Param
		if err := json.Unmarshal(raw, &params); err != nil {
			return nil, fmt.Errorf("params: %w", err)
		}
		return params, nil
	}
	var params []audit.Param
	err := eachParam(raw, nil, func(text []byte, isNull bool) bool {
		if isNull {
			params = append(params, audit.Param{Form: audit.ParamNull})
		} else {
			params = append(params, audit.Param{Value: append([]byte{}, text...)})
		}
		return true
	})
	return params, err
}

// eachParam calls yield with each parameter of an array of strings and nulls.
func eachParam(raw, scratch []byte, yield func(text []byte, isNull bool) bool) error {
	s := scanner{json: raw}
	for s.skip('[') || s.skip(',') {
		if s.skipWord("null") {
			if !yield(nil, true) {
				return nil
			}
			continue
		}
		text, err := s.text(scratch)
		if err != nil {
			return fmt.Errorf("params: %w", err)
		}
		if !yield(text, false) {
			return nil
		}
	}
	if !s.skip(']') || s.at != len(raw) {
		return fmt.Errorf("params: %w", errUnusual)
	}
	return nil
}
