package segment

import (
	"time"

	"github.com/sallyport/sallyport/audit/query"
)

// verdict says of rows what a term makes of them: may holds those that it may find, must those of them that it finds
// for certain.
type verdict struct{ may, must Bitmap }

// Select gives the rows among within that v finds; nil within stands for all. exact says that it is sure of them;
// else some of them may not match (texts in side files, when files is nil), and a Matcher must judge them again. No row
// that matches is left out either way.
func (b *Block) Select(v *query.View, within Bitmap, files SideFiles) (rows Bitmap, exact bool) {
	if within == nil {
		within = FullBitmap(b.rows)
	}
	found := b.judge(v, within, files)
	return found.may, found.may.Count() == found.must.Count()
}

// judge never changes within, and its answer lies in it.
func (b *Block) judge(v *query.View, within Bitmap, files SideFiles) verdict {
	switch v.Kind {
	case query.ViewAnd:
		found := verdict{within, within}
		for i := range v.Terms {
			if found.may.Empty() {
				break
			}
			term := b.judge(&v.Terms[i], found.may, files)
			must := found.must.clone()
			must.and(term.must)
			found = verdict{term.may, must}
		}
		return found
	case query.ViewOr:
		found := verdict{NewBitmap(b.rows), NewBitmap(b.rows)}
		for i := range v.Terms {
			term := b.judge(&v.Terms[i], within, files)
			found.may.or(term.may)
			found.must.or(term.must)
		}
		return found
	case query.ViewNot:
		term := b.judge(&v.Terms[0], within, files)
		found := verdict{within.clone(), within.clone()}
		found.may.without(term.must)
		found.must.without(term.may)
		return found
	case query.ViewText:
		return b.judgeText(v, within, files)
	case query.ViewField:
		if v.Field == query.Param {
			return b.judgeParam(v, within, files)
		}
	}
	rows := b.judgeSurely(v, within)
	return verdict{rows, rows}
}

// judgeSurely judges a term whose answer stands in the columns.
func (b *Block) judgeSurely(v *query.View, within Bitmap) Bitmap {
	switch v.Kind {
	case query.ViewAll:
		return within
	case query.ViewTime:
		return b.selectTime(v, within)
	case query.ViewNumber:
		return b.selectNumber(v, within)
	}
	rows := NewBitmap(b.rows)
	switch v.Field {
	case query.Account:
		b.selectCodes(colAccount, v, v.Matches, within, rows)
		b.selectCodes(colLogin, v, v.Matches, within, rows)
	case query.Error:
		b.selectCodes(colErrorCode, v, v.Matches, within, rows)
		codes := b.columns[colErrorCode].codes
		for row := range within.All() {
			if codes[row] == 0 {
				if message := b.bytesOf(colErrorMessage, row); len(message) > 0 && v.Matches(message) {
					rows.Set(row)
				}
			}
		}
	case query.Group, query.Table, query.Column, query.Redacted:
		b.selectCodes(columnOf(v.Field), v, func(list []byte) bool {
			found := false
			eachListItem(list, func(item []byte) bool {
				found = len(item) > 0 && v.Matches(item)
				return !found
			})
			return found
		}, within, rows)
	case query.ID:
		b.selectID(v, within, rows)
	case query.Done:
		for row := range within.All() {
			value := query.DoneValue(b.Type(row), b.number(colDone, row) != 0)
			if value != "" && v.Matches([]byte(value)) {
				rows.Set(row)
			}
		}
	case query.Recording:
		if v.Matches([]byte(query.RecordingValue(true))) {
			for row := range within.All() {
				if b.hasRecording(row) {
					rows.Set(row)
				}
			}
		}
	default:
		b.selectCodes(columnOf(v.Field), v, v.Matches, within, rows)
	}
	return rows
}

func (b *Block) selectID(v *query.View, within, rows Bitmap) {
	buf := make([]byte, 0, 64)
	for row := range within.All() {
		if buf = b.appendID(buf[:0], row); len(buf) > 0 && v.Matches(buf) {
			rows.Set(row)
		}
	}
}

// selectCodes sets the rows whose value matches. Each distinct value is judged once.
func (b *Block) selectCodes(c column, v *query.View, matches func([]byte) bool, within, rows Bitmap) {
	d := b.columns[c]
	holds := d.dict.judge(v, matches)
	for i, word := range within {
		if word == 0 {
			continue
		}
		found := uint64(0)
		for k, code := range d.codes[64*i : min(64*i+64, b.rows)] {
			if holds[code] {
				found |= 1 << k
			}
		}
		rows[i] |= found & word
	}
}

func (b *Block) selectTime(v *query.View, within Bitmap) Bitmap {
	rows := NewBitmap(b.rows)
	from, to := int64(-1<<63), int64(1<<63-1)
	if !v.From.IsZero() {
		from = ceilMicros(v.From)
	}
	bounded := !v.To.IsZero()
	if bounded {
		to = ceilMicros(v.To)
	}
	times := b.columns[colTime].numbers
	for row := range within.All() {
		if at := times[row]; at >= from && (at < to || !bounded) {
			rows.Set(row)
		}
	}
	return rows
}

// ceilMicros rounds up, so that no whole microsecond changes sides.
func ceilMicros(t time.Time) int64 { return t.Add(time.Microsecond - time.Nanosecond).UnixMicro() }

func (b *Block) selectNumber(v *query.View, within Bitmap) Bitmap {
	rows := NewBitmap(b.rows)
	for row := range within.All() {
		if n, known := b.numberOf(v.Field, row); known && v.Low <= n && n <= v.High {
			rows.Set(row)
		}
	}
	return rows
}
