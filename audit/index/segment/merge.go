package segment

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/sallyport/sallyport/audit"
)

// outcome is what a result tells; its slices are parts of the record, or of the block's scratch.
type outcome struct {
	rows, bytesIn, bytesOut, duration, firstRow int64
	tag, errorCode, errorMessage                []byte
	verdict, policy, reason, recording          []byte
}

// MergeResult gives a row what a result tells, as audit.Event.Merge does. A row that has its result already, was
// refused, or is no statement stays as it is. It needs the columns of AllColumns.
func (b *Block) MergeResult(row int, record []byte) error {
	if b.number(colDone, row) != 0 || string(b.bytesOf(colVerdict, row)) == string(audit.Deny) ||
		string(b.bytesOf(colType, row)) != statementType {
		return nil
	}
	o, err := scanOutcome(record)
	if errors.Is(err, errUnusual) {
		o, err = decodeOutcome(record)
	}
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	return b.merge(row, &o)
}

func (b *Block) merge(row int, o *outcome) error {
	for _, m := range []struct {
		c     column
		value []byte
	}{{colTag, o.tag}, {colErrorCode, o.errorCode}} {
		if err := b.own(m.c).setCode(row, m.value); err != nil {
			return err
		}
	}
	if b.columns[colVerdict].codes[row] == 0 {
		if err := b.own(colVerdict).setCode(row, o.verdict); err != nil {
			return err
		}
		if err := b.own(colPolicy).setCode(row, o.policy); err != nil {
			return err
		}
	}
	if b.columns[colReason].codes[row] == 0 {
		if err := b.own(colReason).setCode(row, o.reason); err != nil {
			return err
		}
	}
	if len(o.errorMessage) > 0 || len(b.bytesOf(colErrorMessage, row)) > 0 {
		b.own(colErrorMessage).setText(row, o.errorMessage)
	}
	if len(o.recording) > 0 {
		b.own(colRecording).setText(row, o.recording)
	}
	b.own(colRows).numbers[row] = o.rows
	in := b.own(colBytesIn).numbers
	in[row] = max(in[row], o.bytesIn)
	b.own(colBytesOut).numbers[row] = o.bytesOut
	b.own(colDuration).numbers[row] = o.duration
	b.own(colFirstRow).numbers[row] = o.firstRow
	b.own(colDone).numbers[row] = 1
	return nil
}

// scanOutcome reads a result of the form that audit.Event.AppendJSON writes.
func scanOutcome(record []byte) (outcome, error) {
	var o outcome
	if !utf8.Valid(record) {
		return o, errUnusual
	}
	s := scanner{json: record}
	if !s.skip('{') {
		return o, errUnusual
	}
	for {
		key, escaped, err := s.quoted()
		if err != nil || escaped || !s.skip(':') {
			return o, errUnusual
		}
		c, ok := columnNamed(string(key))
		if !ok {
			return o, errUnusual
		}
		if err := o.member(c, &s); err != nil {
			return o, err
		}
		if s.skip('}') && s.at == len(record) {
			return o, nil
		}
		if !s.skip(',') {
			return o, errUnusual
		}
	}
}

func (o *outcome) member(c column, s *scanner) (err error) {
	switch c {
	case colRows:
		o.rows, err = s.number()
	case colBytesIn:
		o.bytesIn, err = s.number()
	case colBytesOut:
		o.bytesOut, err = s.number()
	case colDuration:
		o.duration, err = s.number()
	case colFirstRow:
		o.firstRow, err = s.number()
	case colTag:
		o.tag, err = s.text(nil)
	case colErrorCode:
		o.errorCode, err = s.text(nil)
	case colErrorMessage:
		o.errorMessage, err = s.text(nil)
	case colRecording:
		o.recording, err = s.recording()
	case colVerdict:
		o.verdict, err = s.text(nil)
	case colPolicy:
		o.policy, err = s.text(nil)
	case colReason:
		o.reason, err = s.text(nil)
	case colDone, colSeq, colStatements:
		_, err = numberMember(c, s)
	case colID, colTime, colType, colGateway, colSession, colOf:
		_, _, err = s.quoted()
	default:
		err = errUnusual // a result has no others
	}
	return err
}

// decodeOutcome reads a result of any form.
func decodeOutcome(record []byte) (outcome, error) {
	var e audit.Event
	if err := json.Unmarshal(record, &e); err != nil {
		return outcome{}, err
	}
	var recording []byte
	if e.Recording != nil {
		var err error
		if recording, err = e.Recording.MarshalJSON(); err != nil {
			return outcome{}, err
		}
	}
	return outcome{
		rows: e.Rows, bytesIn: e.BytesIn, bytesOut: e.BytesOut, duration: micros(e.Duration), firstRow: micros(e.FirstRow),
		tag: []byte(e.Tag), errorCode: []byte(e.ErrorCode), errorMessage: []byte(e.ErrorMessage),
		verdict: []byte(e.Verdict), policy: []byte(e.Policy), reason: []byte(e.Reason), recording: recording,
	}, nil
}
