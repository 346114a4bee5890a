package segment

import (
	"bytes"
	"math"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

// SideFiles reads the bytes of a side file; nil reads none, and texts are then what the record itself holds. So are
// those of a file that cannot be read.
type SideFiles func(file *audit.SideFile) ([]byte, error)

// record is a row of a block as a query judges it.
type record struct {
	block *Block
	row   int
	files SideFiles
}

// Record is the row as a query.Matcher judges it. Terms about texts see side files as far as files reads them.
func (b *Block) Record(row int, files SideFiles) query.Record { return record{b, row, files} }

func (r record) Time() time.Time { return r.block.Time(r.row) }

func (r record) Values(f query.Field, yield func([]byte) bool) {
	switch f {
	case query.Group, query.Table, query.Column, query.Redacted:
		eachListItem(r.block.bytesOf(columnOf(f), r.row), nonEmpty(yield))
	case query.Account:
		account, login := r.block.bytesOf(colAccount, r.row), r.block.bytesOf(colLogin, r.row)
		if (len(account) == 0 || yield(account)) && !bytes.Equal(account, login) {
			nonEmpty(yield)(login)
		}
	case query.Error:
		v := r.block.bytesOf(colErrorCode, r.row)
		if len(v) == 0 {
			v = r.block.bytesOf(colErrorMessage, r.row)
		}
		nonEmpty(yield)(v)
	case query.Param:
		r.params(nonEmpty(yield))
	case query.ID:
		nonEmpty(yield)(r.block.appendID(nil, r.row))
	case query.Done:
		nonEmpty(yield)([]byte(query.DoneValue(r.block.Type(r.row), r.done())))
	case query.Recording:
		nonEmpty(yield)([]byte(query.RecordingValue(r.block.hasRecording(r.row))))
	default:
		nonEmpty(yield)(r.block.bytesOf(columnOf(f), r.row))
	}
}

func (b *Block) hasRecording(row int) bool { return len(b.bytesOf(colRecording, row)) > 0 }

func nonEmpty(yield func([]byte) bool) func([]byte) bool {
	return func(v []byte) bool { return len(v) == 0 || yield(v) }
}

func (r record) done() bool { return r.block.number(colDone, r.row) != 0 }

func (r record) Number(f query.Field) (int64, bool) { return r.block.numberOf(f, r.row) }

func (b *Block) numberOf(f query.Field, row int) (int64, bool) {
	if f == query.Seq {
		return b.number(colSeq, row), true
	}
	event, done := b.Type(row), b.number(colDone, row) != 0
	known := query.HasOutcome(event, done)
	switch f {
	case query.Rows:
		return b.number(colRows, row), known
	case query.Bytes:
		return b.number(colBytesIn, row) + b.number(colBytesOut, row), known
	case query.BytesIn:
		return b.number(colBytesIn, row), known
	case query.BytesOut:
		return b.number(colBytesOut, row), known
	case query.Duration:
		return wrapMicros(b.number(colDuration, row)), known
	case query.FirstRow:
		return wrapMicros(b.number(colFirstRow, row)), done
	case query.Statements:
		return b.number(colStatements, row), event == audit.SessionEnd
	}
	return 0, false
}

// wrapMicros is what a decoded event tells of a number of microseconds that no time.Duration holds.
func wrapMicros(n int64) int64 {
	if n > math.MaxInt64/1000 || n < math.MinInt64/1000 {
		return micros(microsOf(n))
	}
	return n
}

func (r record) Texts(yield func([]byte) bool) {
	if text := r.statement(); len(text) > 0 && !yield(text) {
		return
	}
	r.params(yield)
}

// statement is the statement's text, whole as far as it can be had.
func (r record) statement() []byte {
	text := r.block.bytesOf(colStatement, r.row)
	form := r.block.bytesOf(colStatementForm, r.row)
	if len(form) == 0 {
		return text
	}
	var t audit.Text
	if t.UnmarshalJSON(form) != nil {
		return text
	}
	return r.whole(t.Bytes, t.File)
}

func (r record) params(yield func([]byte) bool) {
	raw := r.block.bytesOf(colParams, r.row)
	if len(raw) == 0 {
		return
	}
	if !hasObjects(raw) {
		_ = eachParam(raw, nil, func(text []byte, isNull bool) bool { return isNull || yield(text) })
		return
	}
	params, err := decodeParams(raw)
	if err != nil {
		return // Append has checked them, and a page its sum
	}
	for i := range params {
		if p := &params[i]; p.Form != audit.ParamNull && !yield(r.whole(p.Value, p.File)) {
			return
		}
	}
}

// hasObjects says whether a parameter may be an object: bytes without a text form, or a side file.
func hasObjects(params []byte) bool {
	return bytes.HasPrefix(params, []byte(`[{`)) || bytes.Contains(params, []byte(`,{"`))
}

func (r record) whole(own []byte, file *audit.SideFile) []byte {
	if file == nil || r.files == nil {
		return own
	}
	if b, err := r.files(file); err == nil {
		return b
	}
	return own
}

// hasFile says whether a text of the row stands in a side file.
func (b *Block) hasFile(row int) bool { return b.hasStatementFile(row) || b.hasParamFile(row) }

func (b *Block) hasStatementFile(row int) bool {
	return bytes.HasPrefix(b.bytesOf(colStatementForm, row), []byte(`{"file"`))
}

// hasParamFile may take a text that looks like one for one.
func (b *Block) hasParamFile(row int) bool {
	return bytes.Contains(b.bytesOf(colParams, row), []byte(`{"file"`))
}
