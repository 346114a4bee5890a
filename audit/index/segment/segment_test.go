package segment

import (
	"errors"
	"io"
	"os"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

func TestSegmentGivesBackWhatWasWritten(t *testing.T) {
	blocks, want := generated(t, 1, 11, 300)
	s := open(t, write(t, blocks...))
	same(t, want, eventsOf(t, s))
	info := s.Info()
	if info.Rows != len(want) || info.Blocks != 11 || info.FirstSeq != want[0].Seq || info.LastSeq != want[len(want)-1].Seq ||
		!info.From.Equal(want[0].Time) || !info.To.Equal(want[len(want)-1].Time) {
		t.Errorf("%+v", info)
	}
	for i, e := range want {
		candidates, err := s.CandidatesOfID(e.ID)
		if err != nil || !candidates.Has(i/300) {
			t.Fatalf("block %d is no candidate for the ID of its event", i/300)
		}
	}
}

// searches are judged on blocks of generated events; each finds some of them.
var searches = []string{"", "user:alice.smith", "user:ali*", "class:write", "-class:write", "resource:orders-prod class:read",
	"refunds", "\"WHERE cust\"", "\"ustom\"", "table:orders", "column:email", "error:*", "error:23505", "rows:>20", "duration:>5ms",
	"user:bob.jones or user:carol.smith", "not (class:read or refunds)", "done:false", "group:team-07", "client:10.1.1.2",
	"param:pending", "param:alice*", "since:2026-11-01T00:00:01 until:2026-11-01T00:00:02", "account:dba_rw", "tag:INSERT*",
	"shipped -user:dave", "verdict:allow", "bytes:1000..2000", "seq:>=700", "fingerprint:*", "-error:* \"SELECT a.\"",
	"session:*", "command:query", "prepared:stmt*", "ORDER*", "id:*", "first_row:>1ms", "bytes_in:>200", "statements:>0"}

func TestSearchesFindWhatTheMatcherFinds(t *testing.T) {
	blocks, want := generated(t, 2, 9, 250)
	s := open(t, write(t, blocks...))
	for _, text := range append(searches, "\""+string(want[777].Statement.Bytes)+"\"", "id:"+want[900].ID,
		"session:"+want[5].Session) {
		v, m := view(t, text)
		candidates, err := s.Candidates(v)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for i := range s.Blocks() {
			b, err := s.Block(i, ColumnsOfView(v))
			if err != nil {
				t.Fatal(err)
			}
			rows, exact := b.Select(v, nil, nil)
			if !exact {
				t.Errorf("%s: block %d is not sure", text, i)
			}
			inMemory, _ := blocks[i].Select(v, nil, nil)
			for row := range b.Len() {
				e := &want[i*250+row]
				is := m.MatchEvent(e)
				if is != rows.Has(row) || is != inMemory.Has(row) || is != m.Match(blocks[i].Record(row, nil)) {
					t.Fatalf("%s: %v, in memory %v, by record %v, but the matcher says %v of %s", text, rows.Has(row),
						inMemory.Has(row), m.Match(blocks[i].Record(row, nil)), is, e.AppendJSON(nil))
				}
				if is {
					found++
				}
				if is && !candidates.Has(i) {
					t.Fatalf("%s: block %d is no candidate, but holds %s", text, i, e.AppendJSON(nil))
				}
			}
		}
		if found == 0 && text != "statements:>0" {
			t.Errorf("%s finds nothing, which tests nothing", text)
		}
	}
}

func TestCandidatesAreFew(t *testing.T) {
	blocks, want := generated(t, 3, 20, 1000)
	s := open(t, write(t, blocks...))
	for row, e := range want {
		if row%97 != 0 || len(e.Params) == 0 || len(e.Params[0].Value) != 36 {
			continue
		}
		id := string(e.Params[0].Value)
		for _, text := range []string{id, "\"" + id + "\"", "\"" + id[3:30] + "\"", "param:" + id} {
			v, _ := view(t, text)
			candidates, err := s.Candidates(v)
			if err != nil {
				t.Fatal(err)
			}
			if !candidates.Has(row/1000) || candidates.Count() > 4 {
				t.Errorf("%s: %d candidates of 20 blocks", text, candidates.Count())
			}
		}
	}
}

// Other readers of Parquet read a segment, too; here the library's own, which shares no code with the writer but for
// the encodings.
func TestSegmentIsParquet(t *testing.T) {
	blocks, want := generated(t, 4, 9, 104)
	f, err := os.Open(write(t, blocks...))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(f, stat.Size())
	if err != nil {
		t.Fatal(err)
	}
	row := 0
	for _, group := range file.RowGroups() {
		rows := group.Rows()
		buf := make([]parquet.Row, 1)
		for ; ; row++ {
			n, err := rows.ReadRows(buf)
			if n == 0 {
				if !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				break
			}
			if diff := cmp.Diff(parquetRow(&want[row]), textsOf(buf[0])); diff != "" {
				t.Fatalf("row %d: %s", row, diff)
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if row != len(want) {
		t.Errorf("%d rows, want %d", row, len(want))
	}
}

// parquetRow are the values of some columns of an event's row.
func parquetRow(e *audit.Event) map[column][]string {
	return map[column][]string{colSeq: {strconv.FormatUint(e.Seq, 10)}, colTime: {strconv.FormatInt(e.Time.UnixMicro(), 10)},
		colUser: {e.User}, colGroups: e.Groups, colTables: e.Tables, colColumns: e.Columns, colStatement: {e.Statement.String()},
		colDone: {strconv.FormatBool(e.Done)}, colRows: {strconv.FormatInt(e.Rows, 10)}, colTag: {e.Tag}}
}

func textsOf(row parquet.Row) map[column][]string {
	texts := map[column][]string{}
	for _, v := range row {
		c := column(v.Column())
		switch c {
		case colSeq, colTime, colUser, colGroups, colTables, colColumns, colStatement, colDone, colRows, colTag:
			texts[c] = append(texts[c], v.String())
		}
	}
	return texts
}

func TestSumsAreThoseOfTheBlocks(t *testing.T) {
	blocks, want := generated(t, 5, 10, 200)
	s := open(t, write(t, blocks...))
	for _, f := range []query.Field{query.User, query.Group, query.Class, query.Table, query.Account, query.Error, query.Done} {
		sums, ok, err := s.Sums(f)
		if err != nil || !ok {
			t.Fatal(f, ok, err)
		}
		counts, ok, err := s.Counts(f, nil)
		if err != nil || !ok {
			t.Fatal(f, ok, err)
		}
		for k, sum := range sums {
			var count, rowsSum int64
			for i := range want {
				r := blocks[i/200].Record(i%200, nil)
				r.Values(f, func(v []byte) bool {
					if string(v) == sum.Value {
						count++
						if want[i].Done {
							rowsSum += want[i].Rows
						}
					}
					return true
				})
			}
			counted := 0
			for _, c := range counts[k].Blocks {
				counted += c.Rows
			}
			if sum.Count != count || sum.Rows != rowsSum || counts[k].Value != sum.Value || counted != int(count) {
				t.Errorf("%s: %+v, %d in blocks, want %d rows with %d", f, sum, counted, count, rowsSum)
			}
		}
	}
}
