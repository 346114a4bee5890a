package segment

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/generate"
)

// What decodes as an event is taken and gives the same event again, unless it is a result or cannot be written.
func FuzzAppend(f *testing.F) {
	g := generate.New(1, start, 100)
	for range 3 {
		s, r := g.Next(nil, nil)
		f.Add(s)
		f.Add(r)
	}
	f.Add([]byte(`{"seq":1,"statement":{"base64":"/w=="},"params":[null,"a\n",{"hex":"ff"},{"file":"ab","size":3}]}`))
	f.Add([]byte(`{"Seq":1,"time":"2026-11-01T01:00:00+01:00","x":[{"seq":2}],"tables":["a",""],"of":null}`))
	f.Fuzz(func(t *testing.T, record []byte) {
		b := NewBlock()
		if _, err := ParseHead(record); err != nil && b.Append(record) == nil {
			t.Fatalf("a row without a head: %v", err)
		}
		b.Reset()
		if b.Append(record) != nil {
			return
		}
		got, err := b.Event(0)
		if err != nil {
			t.Fatal(err)
		}
		var want audit.Event
		if err := json.Unmarshal(record, &want); err != nil {
			return // not JSON in a detail that no event of a journal has
		}
		want.Time = want.Time.Truncate(1000).UTC()
		if diff := cmp.Diff(want, got, equalEvents); diff != "" {
			t.Fatal(diff)
		}
	})
}

// A side index of any bytes is refused or read without a panic.
func FuzzSideIndex(f *testing.F) {
	blocks, _ := generated(f, 1, 2, 5)
	path := write(f, blocks...)
	whole, err := os.ReadFile(indexPath(path))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[len(whole)-400:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _ = decodeTrailer(raw, 1<<20)
		_, _ = decodeSums(raw)
		_, _ = decodeCounts(raw, 100)
		_, _ = decodeDictionary(raw)
	})
}

// A page's body is checked by its sum; still none may cause a panic.
func FuzzPage(f *testing.F) {
	blocks, _ := generated(f, 1, 1, 5)
	var e pageEncoder
	shared := newDictionary()
	for c := range columnCount {
		body, _, err := e.encode(c, blocks[0].columns[c], 5, shared)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(c), append([]byte(nil), body...))
	}
	f.Fuzz(func(t *testing.T, c uint8, body []byte) {
		if column(c) >= columnCount {
			return
		}
		d, err := decodePage(column(c), body, 5, shared)
		if err != nil {
			return
		}
		if n := len(d.numbers) + len(d.codes) + len(d.spans) + len(d.ids); n != 5 {
			t.Fatalf("%d values", n)
		}
	})
}
