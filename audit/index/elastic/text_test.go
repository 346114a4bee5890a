package elastic

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

var pieces = []string{"refund", "Refund", "select", "É", "éclair", "_", "-", " ", "*", "?", "\\", "\x00", "\ufdd0", "\ufdd1", "\ufffd", "\xff",
	"\xc3", "日本", "\u212a", "k", "9", "'", "\n", "\u00a0", strings.Repeat("x", 79), strings.Repeat("ab ", 60), "☃", "ß", "\U0001f600", "\U00010400"}

func drawText(t *rapid.T, label string, most int) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, most).Draw(t, label), "")
}

// TestPatternsFindWhatTheQueryFinds: the cluster's part of a search by text, played by a comparison of substrings, finds
// whatever the matcher finds, and no more where it says that it is exact.
func TestPatternsFindWhatTheQueryFinds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := drawText(rt, "text", 300)
		asked := drawText(rt, "needle", 5)
		if start := rapid.IntRange(0, len(text)-1).Draw(rt, "start"); rapid.Bool().Draw(rt, "from the text") {
			asked = text[start:min(len(text), start+rapid.IntRange(1, 200).Draw(rt, "length"))]
		}
		words := []string{`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(asked) + `"`}
		if !strings.ContainsAny(asked, " \n\u00a0*") && !strings.HasPrefix(asked, "-") {
			words = append(words, asked, asked+"*")
		}
		q, err := query.Parse(rapid.SampledFrom(words).Draw(rt, "query"))
		if err != nil {
			rt.Skip(err)
		}
		node := q.Tree(time.Now())
		if node.Kind != query.NodeText {
			rt.Skip("not a text")
		}
		patterns, exact := needlePatterns(node)
		chunks := appendChunks(nil, []byte(text))
		possible := true
		for _, p := range patterns {
			plain := strings.TrimSuffix(strings.TrimPrefix(p, "*"), "*")
			if strings.ContainsAny(plain, `*?\`) {
				rt.Fatalf("pattern %q has characters that mean something", p)
			}
			possible = possible && slices.ContainsFunc(chunks, func(c string) bool { return strings.Contains(c, plain) })
		}
		found := q.Bind(time.Now()).MatchEvent(&audit.Event{Statement: audit.Text{Bytes: []byte(text)}})
		if found && !possible || exact && possible && !found {
			rt.Fatalf("%s in %q: found %t, patterns %q find it: %t, exactly: %t", q, text, found, patterns, possible, exact)
		}
	})
}

func TestChunksFitATerm(t *testing.T) {
	for _, text := range []string{"", "a", strings.Repeat("日", 30_000), strings.Repeat("\U00010400 ", 20_000), strings.Repeat("a b ", 50_000)} {
		chunks := appendChunks(nil, []byte(text))
		for _, c := range chunks {
			if len(c) > 32766 {
				t.Errorf("a chunk of %d bytes", len(c))
			}
		}
		if len(chunks) == 0 {
			t.Error("no chunk")
		}
	}
}

func FuzzIndexOf(f *testing.F) {
	for _, id := range []string{"", "0199b1de-0000-7000-8000-000000000001", "ffffffff-ffff-7fff-bfff-ffffffffffff", "é/..%00", strings.Repeat("x", 600)} {
		f.Add(id)
	}
	c := Config{Prefix: "p"}
	f.Fuzz(func(t *testing.T, id string) {
		name := c.indexOf(id)
		if _, ok := c.dayOf(name); !ok && name != "p-day-undated" {
			t.Errorf("index %q of %q", name, id)
		}
		if len(documentID(id)) > maxID {
			t.Errorf("document ID of %d bytes", len(documentID(id)))
		}
	})
}
