package query

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/audit"
)

var asAny = cmp.AllowUnexported(Query{}, not{}, word{}, phrase{}, oneOf{}, compare{}, moment{}, pattern{})

func TestParseCanonical(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"  refund  ", "refund"},
		{`user:alice resource:orders class:write "refund" duration:>1s since:1h`,
			`user:alice resource:orders class:write "refund" duration:>=1000001us since:1h0m0s`},
		{"USER:Alice and group:a,b*,\"c d\",*", `user:Alice group:a,b*,"c d",*`},
		{"-user:bob not -x", "-user:bob not -x"},
		{"a or b c or d", "a or (b c) or d"},
		{"(a or b) c", "(a or b) c"},
		{"((a b) c)", "a b c"},
		{"rows:5,10..20 rows:<3 rows:<=3 rows:>=3 rows:*", "(rows:5 or rows:10..20) rows:<=2 rows:<=3 rows:>=3 rows:*"},
		{"bytes:>=10kB bytes:1KiB bytes:2MB bytes:1G", "bytes:>=10000 bytes:1024 bytes:2000000 bytes:1000000000"},
		{"duration:500ms..1h30m", "duration:500000us..5400000000us"},
		{"since:7d until:2026-11-22 since:2026-11-22T10:00", "since:168h0m0s until:2026-11-22 since:2026-11-22T10:00:00Z"},
		{"until:2026-11-22T10:00:00+02:00", "until:2026-11-22T08:00:00Z"},
		{"-- - -(a or b) not -", "-- - -(a or b) not -"},
		{`"say \"hi\" \\ \x"`, `"say \"hi\" \\ \\x"`},
		{"first_row:>=1ms bytes_out:1kB seq:10..20 statements:0 param:42,\"a b\" done:FALSE redacted:*",
			`first_row:>=1000us bytes_out:1000 seq:10..20 statements:0 param:42,"a b" done:FALSE redacted:*`},
		{"12:30 ::text a.b=1 refund*", "12:30 ::text a.b=1 refund*"},
		{`table:"ali*"`, `table:"ali*"`},
	} {
		q, err := Parse(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if q.String() != c.want {
			t.Errorf("%q is %q, want %q", c.text, q, c.want)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	for _, c := range []struct {
		text     string
		pos, len int
		says     string
	}{
		{"foo usr:alice", 4, 3, "did you mean user"},
		{"tables:x", 0, 6, "did you mean table"},
		{"select:1", 0, 6, "put quotes around it"},
		{"zzzzzz:1", 0, 6, "fields are user, group"},
		{"user:", 0, 5, "user: needs a value right after it"},
		{"user: alice", 0, 5, "needs a value"},
		{"user:alice,", 0, 11, "needs a value"},
		{"user:al*ce", 5, 5, "only at the end"},
		{`a "b`, 2, 2, "quote is not closed"},
		{`a ""`, 2, 2, "empty"},
		{"(a", 0, 1, "not closed"},
		{"a) b", 1, 1, "closes nothing"},
		{"()", 0, 2, "empty"},
		{"or a", 0, 2, "on its left"},
		{"a or", 2, 2, "on its right"},
		{"a or or b", 2, 2, "on its right"},
		{"a and", 2, 3, "on each side"},
		{"not", 0, 3, "needs a term after it"},
		{"*", 0, 1, "only at the end"},
		{"rows:many", 5, 4, "is no count"},
		{"rows:10kB", 5, 4, "is no count"},
		{"bytes:3X", 6, 2, "is no size"},
		{"bytes:9223372036854775807", 6, 19, "is no size"},
		{"duration:1", 9, 1, "is no duration"},
		{"duration:5s..1s", 9, 6, "smaller value first"},
		{"first_row:1", 10, 1, "is no duration"},
		{"bytes_in:x", 9, 1, "is no size"},
		{"seq:1kB", 4, 3, "is no count"},
		{"first_row:", 0, 10, "such as first_row:>1s"},
		{"seq:", 0, 4, "such as seq:>1000"},
		{"done:", 0, 5, "such as done:false"},
		{"params:x", 0, 6, "did you mean param"},
		{"user:a rows:1,2,x", 16, 1, "is no count"},
		{"rows:<>5", 5, 3, "compare with one of"},
		{"rows:-5", 5, 2, "is no count"},
		{"since:tomorrow", 6, 8, "is no time"},
		{"since:2026-11-22T10:00+02:00", 6, 22, "is no time"},
		{"since:0001-01-01", 6, 10, "is no time"},
		{"since:99999999999d", 6, 12, "is no time"},
		{strings.Repeat("(", 100) + "a", 64, 1, "nests too deep"},
		{strings.Repeat("a", MaxLength+3), MaxLength, 3, "too long"},
	} {
		_, err := Parse(c.text)
		var syntax *audit.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%.40q: got %v, want a syntax error", c.text, err)
			continue
		}
		if syntax.Pos != c.pos || syntax.Len != c.len || !strings.Contains(syntax.Message, c.says) {
			t.Errorf("%.40q: %d+%d %q, want %d+%d %q", c.text, syntax.Pos, syntax.Len, syntax.Message, c.pos, c.len, c.says)
		}
	}
}

// textGen makes texts of all that is special somewhere.
func textGen() *rapid.Generator[string] {
	return rapid.StringOfN(rapid.SampledFrom([]rune("aZkſK É_-.:*,\"\\()<>=09\t\n\u0085\ufffd'")), 1, 8, -1)
}

// nodeGen makes nodes as the parser makes them: words that a word can be, lists that are flat.
func nodeGen(depth int) *rapid.Generator[node] {
	return rapid.Custom(func(t *rapid.T) node {
		kinds := 5
		if depth > 0 {
			kinds = 8
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			return word{rapid.StringMatching(`[a-zé0-9][a-zé0-9.=_-]{0,5}[0-9]`).Draw(t, "word"), rapid.Bool().Draw(t, "prefix")}
		case 1:
			return phrase{textGen().Draw(t, "phrase")}
		case 2:
			n := oneOf{field: Field(rapid.IntRange(0, int(Rows)-1).Draw(t, "field"))}
			for range rapid.IntRange(1, 3).Draw(t, "values") {
				n.values = append(n.values, drawPattern(t))
			}
			return n
		case 3:
			field := Field(rapid.IntRange(int(Rows), int(Seq)).Draw(t, "number"))
			low := rapid.Int64Range(0, 1e12).Draw(t, "low")
			high := rapid.Int64Range(low, 1e13).Draw(t, "high")
			switch rapid.IntRange(0, 3).Draw(t, "open") {
			case 0:
				low = math.MinInt64
			case 1:
				high = math.MaxInt64
			case 2:
				low, high = math.MinInt64, math.MaxInt64
			}
			return compare{field, low, high}
		case 4:
			n := moment{until: rapid.Bool().Draw(t, "until")}
			us := rapid.Int64Range(0, 4e15).Draw(t, "us")
			switch rapid.IntRange(0, 2).Draw(t, "form") {
			case 0:
				n.ago = time.Duration(us) * time.Microsecond
			case 1:
				n.at = time.UnixMicro(us).UTC()
			case 2:
				n.at, n.day = time.UnixMicro(us).UTC().Truncate(24*time.Hour), true
			}
			return n
		case 5:
			return not{nodeGen(depth-1).Draw(t, "term")}
		case 6:
			return and(drawTerms[and](t, depth))
		}
		return or(drawTerms[or](t, depth))
	})
}

func drawPattern(t *rapid.T) pattern {
	switch rapid.IntRange(0, 2).Draw(t, "pattern") {
	case 0:
		return pattern{kind: anyValue}
	case 1:
		return pattern{text: rapid.StringMatching(`[a-zé:.@-]{1,5}`).Draw(t, "prefix"), kind: prefix}
	}
	return pattern{text: textGen().Draw(t, "value")}
}

func drawTerms[kind interface {
	and | or
	node
}](t *rapid.T, depth int) []node {
	var terms []node
	for len(terms) < 2 {
		terms = appendFlat[kind](terms, nodeGen(depth-1).Draw(t, "term"))
	}
	return terms
}

func TestPrintedQueryParsesToItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := Query{root: nodeGen(3).Draw(t, "query")}
		again, err := Parse(q.String())
		if err != nil {
			t.Fatalf("%q: %v", q, err)
		}
		if diff := cmp.Diff(q, again, asAny); diff != "" {
			t.Fatalf("%q changed:\n%s", q, diff)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`user:alice -"refund" (a or b*) duration:>1s since:1h`, `rows:1..2,3 until:2026-11-22T10:00`,
		`bytes:>1GiB not -x -- "\"" ::a`, "since:0001-01-01T00:00:00Z", "user:\"\xff\" \x85"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	event := &audit.Event{Type: audit.StatementBegin, Statement: audit.Text{Bytes: []byte("select é FROM t")}}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			var syntax *audit.SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("%v is no syntax error", err)
			}
			if syntax.Pos < 0 || syntax.Len < 0 || syntax.Pos+syntax.Len > len(text) {
				t.Fatalf("%d+%d is outside of %q", syntax.Pos, syntax.Len, text)
			}
			return
		}
		again, err := Parse(q.String())
		if err != nil {
			if len(q.String()) > MaxLength || strings.Contains(err.Error(), "nests too deep") {
				return
			}
			t.Fatalf("%q printed as %q: %v", text, q, err)
		}
		if diff := cmp.Diff(q, again, asAny); diff != "" {
			t.Fatalf("%q printed as %q:\n%s", text, q, diff)
		}
		if a, b := q.Bind(now).MatchEvent(event), again.Bind(now).MatchEvent(event); a != b {
			t.Fatalf("%q: %v, printed as %q: %v", text, a, q, b)
		}
	})
}
