package segment

import (
	"bytes"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

// Rank adds up the rows by the values of a field, as a Top does. sum gives what a value's rows are added to; the value
// is its only until it returns. It needs ColumnsOfTop of the field.
func (b *Block) Rank(f query.Field, rows Bitmap, sum func(value []byte) *audit.TopValue) {
	summed := b.summed()
	b.eachValue(f, rows, func(value []byte) func(row int) {
		total := sum(value)
		return func(row int) {
			total.Count++
			if !summed(row) {
				return
			}
			total.Rows += b.number(colRows, row)
			total.Bytes += b.number(colBytesIn, row) + b.number(colBytesOut, row)
			total.Duration += microsOf(b.number(colDuration, row))
		}
	})
}

// summed says of a row whether its numbers count, which depends on its type and on whether it is done.
func (b *Block) summed() func(row int) bool {
	types, done := b.columns[colType], b.columns[colDone].numbers
	ended := make([]bool, types.dict.len()) // the types that count when they are done
	for code := range ended {
		ended[code] = query.IsSummed(audit.Type(types.dict.value(uint32(code))), true)
	}
	return func(row int) bool { return done[row] != 0 && ended[types.codes[row]] }
}

// eachValue calls meet once for each value of a field that occurs, and what it returns with each row that has it.
func (b *Block) eachValue(f query.Field, rows Bitmap, meet func(value []byte) func(row int)) {
	switch f {
	case query.Group, query.Table, query.Column, query.Redacted:
		b.eachListed(columnOf(f), rows, meet)
		return
	case query.Account:
		meet = once(meet)
		b.eachCoded(colAccount, rows, meet)
		b.eachCoded(colLogin, b.withOwnLogin(rows), meet)
		return
	case query.Error:
		meet = once(meet)
		b.eachCoded(colErrorCode, rows, meet)
		for row := range rows.All() {
			if b.columns[colErrorCode].codes[row] != 0 {
				continue
			}
			if message := b.bytesOf(colErrorMessage, row); len(message) > 0 {
				meet(message)(row)
			}
		}
		return
	case query.Recording:
		meet = once(meet)
		for row := range rows.All() {
			if b.hasRecording(row) {
				meet([]byte(query.RecordingValue(true)))(row)
			}
		}
		return
	case query.Done:
		meet = once(meet)
		for row := range rows.All() {
			if value := query.DoneValue(b.Type(row), b.number(colDone, row) != 0); value != "" {
				meet([]byte(value))(row)
			}
		}
		return
	}
	b.eachCoded(columnOf(f), rows, meet)
}

// withOwnLogin are the rows whose login is not their account's name, so that it is a value of its own.
func (b *Block) withOwnLogin(rows Bitmap) Bitmap {
	own := NewBitmap(b.Len())
	for row := range rows.All() {
		if !bytes.Equal(b.bytesOf(colAccount, row), b.bytesOf(colLogin, row)) {
			own.Set(row)
		}
	}
	return own
}

// once remembers what meet gave for a value.
func once(meet func(value []byte) func(row int)) func(value []byte) func(row int) {
	met := map[string]func(int){}
	return func(value []byte) func(int) {
		count := met[string(value)]
		if count == nil {
			count = meet(value)
			met[string(value)] = count
		}
		return count
	}
}

func (b *Block) eachCoded(c column, rows Bitmap, meet func(value []byte) func(row int)) {
	d := b.columns[c]
	met := make([]func(int), d.dict.len())
	for row := range rows.All() {
		code := d.codes[row]
		if code == 0 {
			continue
		}
		if met[code] == nil {
			met[code] = meet(d.dict.value(uint32(code)))
		}
		met[code](row)
	}
}

func (b *Block) eachListed(c column, rows Bitmap, meet func(value []byte) func(row int)) {
	d := b.columns[c]
	met := map[string]func(int){}
	lists := make([][]func(int), d.dict.len())
	for row := range rows.All() {
		code := d.codes[row]
		if code == 0 {
			continue
		}
		if lists[code] == nil {
			lists[code] = []func(int){}
			eachListItem(d.dict.value(uint32(code)), func(item []byte) bool {
				if len(item) == 0 {
					return true
				}
				count := met[string(item)]
				if count == nil {
					count = meet(item)
					met[string(item)] = count
				}
				lists[code] = append(lists[code], count)
				return true
			})
		}
		for _, count := range lists[code] {
			count(row)
		}
	}
}

// Seconds counts rows by the second of their time: add is called for runs of rows of one second. It needs ColumnsOfTime.
func (b *Block) Seconds(rows Bitmap, add func(at time.Time, n int64)) {
	var r run
	for row := range rows.All() {
		if n := r.take(b.second(row)); n > 0 {
			add(time.Unix(r.before, 0).UTC(), n)
		}
	}
	if r.n > 0 {
		add(time.Unix(r.second, 0).UTC(), r.n)
	}
}

// SecondsBy counts values of a field by the second of their rows' times. It needs ColumnsOfTime and those of the field.
func (b *Block) SecondsBy(f query.Field, rows Bitmap, add func(at time.Time, value []byte, n int64)) {
	type counted struct {
		value []byte
		run   run
	}
	var all []*counted
	b.eachValue(f, rows, func(value []byte) func(int) {
		c := &counted{value: append([]byte(nil), value...)}
		all = append(all, c)
		return func(row int) {
			if n := c.run.take(b.second(row)); n > 0 {
				add(time.Unix(c.run.before, 0).UTC(), c.value, n)
			}
		}
	})
	for _, c := range all {
		add(time.Unix(c.run.second, 0).UTC(), c.value, c.run.n)
	}
}

func (b *Block) second(row int) int64 { return b.Time(row).Unix() }

// run counts neighbours of one second.
type run struct{ second, n, before int64 }

// take counts one more. When a run ends by it, it returns the run's length and leaves its second in before.
func (r *run) take(second int64) int64 {
	if r.n == 0 || second == r.second {
		r.second = second
		r.n++
		return 0
	}
	n := r.n
	r.before, r.second, r.n = r.second, second, 1
	return n
}
