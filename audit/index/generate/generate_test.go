package generate

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
)

func TestSameSeedSameEvents(t *testing.T) {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	one, other := New(7, start, 1000), New(7, start, 1000)
	size, inline := 0, 0
	const n = 5000
	var last audit.Event
	for range n {
		s, r := one.Next(nil, nil)
		s2, r2 := other.Next(nil, nil)
		if !bytes.Equal(s, s2) || !bytes.Equal(r, r2) {
			t.Fatalf("the same seed gives\n%s and\n%s", s, s2)
		}
		var e, result audit.Event
		if err := json.Unmarshal(s, &e); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(r, &result); err != nil {
			t.Fatal(err)
		}
		if result.Of != e.ID || e.Time.Before(last.Time) || e.Seq < last.Seq {
			t.Fatalf("after %+v comes %+v with %+v", last, e, result)
		}
		if len(e.Params) == 0 {
			inline++
		}
		size += len(s) + len(r)
		last = e
	}
	if mean := size / n; mean < 850 || mean > 1600 {
		t.Errorf("a statement with its result is %d bytes on average", mean)
	}
	if inline < n/4 || inline > n*6/10 {
		t.Errorf("%d of %d statements have their values in the text", inline, n)
	}
	if span := last.Time.Sub(start); span < 4*time.Second || span > 6*time.Second {
		t.Errorf("%d statements span %s at 1000 a second", n, span)
	}
}
