package segment

import (
	"bytes"
	"sort"
	"unicode/utf8"

	"github.com/sallyport/sallyport/audit/query"
)

// judgeText looks for the needle in whole columns first, and judges the rows where it stands.
func (b *Block) judgeText(v *query.View, within Bitmap, files SideFiles) verdict {
	hits := NewBitmap(b.rows)
	statements, params := b.columns[colStatement], b.columns[colParams]
	needle := newColumnNeedle(v.Needle)
	needle.mark(statements, v.Needle, within, hits)
	needle.mark(params, needle.safe, within, hits)
	objects := bytes.IndexByte(params.text, '{') >= 0
	forms := len(b.columns[colStatementForm].text) > 0
	if objects || forms {
		for row := range within.All() {
			if objects && hasObjects(params.textOf(row)) || forms && len(b.bytesOf(colStatementForm, row)) > 0 {
				hits.Set(row)
			}
		}
	}
	hits.and(within)
	found := verdict{hits, hits.clone()}
	for row := range hits.clone().All() {
		open := files == nil && b.hasFile(row)
		settle(&found, row, open, func() bool {
			is, r := false, record{b, row, files}
			r.Texts(func(text []byte) bool {
				is = v.Find(text)
				return !is
			})
			return is
		})
	}
	return found
}

func (b *Block) judgeParam(v *query.View, within Bitmap, files SideFiles) verdict {
	found := verdict{within.clone(), within.clone()}
	for row := range within.All() {
		open := files == nil && b.hasParamFile(row)
		settle(&found, row, open, func() bool {
			is, r := false, record{b, row, files}
			r.params(func(text []byte) bool {
				is = len(text) > 0 && v.Matches(text)
				return !is
			})
			return is
		})
	}
	return found
}

// settle judges one row. What a side file that is not read may change stays open.
func settle(found *verdict, row int, open bool, holds func() bool) {
	if !open && holds() {
		return
	}
	found.must.Clear(row)
	if !open {
		found.may.Clear(row)
	}
}

// columnNeedle finds a needle in the texts of a column, that stand one after the other.
type columnNeedle struct {
	safe  []byte // the longest part of the needle that JSON writes as it is
	ascii bool
}

func newColumnNeedle(needle []byte) columnNeedle {
	n := columnNeedle{ascii: true}
	start := 0
	for i := 0; i <= len(needle); i++ {
		if i < len(needle) && needle[i] >= utf8.RuneSelf {
			n.ascii = false
		}
		if i == len(needle) || needle[i] < ' ' || needle[i] == '"' || needle[i] == '\\' {
			if i-start > len(n.safe) {
				n.safe = needle[start:i]
			}
			start = i + 1
		}
	}
	return n
}

// mark sets the rows in whose text the needle stands, and perhaps others.
func (n columnNeedle) mark(d *data, needle []byte, within, hits Bitmap) {
	if len(needle) == 0 {
		hits.or(within)
		return
	}
	if few := within.Count(); few < len(d.spans)/4 || !n.ascii || !ascending(d.spans) {
		n.markRows(d, needle, within, hits)
		return
	}
	buf := make([]byte, 0, foldWindow+len(needle))
	row := 0
	for at := 0; at+len(needle) <= len(d.text); at += foldWindow {
		// Windows overlap by a needle less a byte.
		buf = query.FoldASCII(buf[:0], d.text[at:min(at+foldWindow+len(needle)-1, len(d.text))])
		for from := 0; ; {
			i := bytes.Index(buf[from:], needle)
			if i < 0 {
				break
			}
			hit := at + from + i
			row += sort.Search(len(d.spans)-row, func(k int) bool { return int(d.spans[row+k].end) > hit })
			if row == len(d.spans) {
				return
			}
			hits.Set(row)
			// A hit that reaches into the next text hides none that begins there.
			from = max(from+i+1, int(d.spans[row].end)-at)
			if from >= len(buf) {
				break
			}
		}
	}
}

// foldWindow is how many bytes are folded at a time, so that they stay in the processor's cache.
const foldWindow = 8 << 10

func (n columnNeedle) markRows(d *data, needle []byte, within, hits Bitmap) {
	var folded []byte
	for row := range within.All() {
		if n.ascii {
			folded = query.FoldASCII(folded[:0], d.textOf(row))
		} else {
			folded = query.Fold(folded[:0], d.textOf(row))
		}
		if bytes.Contains(folded, needle) {
			hits.Set(row)
		}
	}
}

// ascending says that texts stand in the order of their rows, as all do that were read, and those of a block in memory
// whose statements come with their own text each.
func ascending(spans []span) bool {
	last := uint32(0)
	for _, s := range spans {
		if s.end < last || s.end > s.start && s.start < last {
			return false
		}
		last = s.end
	}
	return true
}
