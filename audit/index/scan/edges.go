package scan

import (
	"bytes"
	"errors"
	"io"
	"os"
	"time"

	"github.com/sallyport/sallyport/audit"
)

const (
	// clockSlack is how far the times within a segment may stand outside of those at its ends: clocks are set back now
	// and then.
	clockSlack = 10 * time.Minute
	edgeBytes  = 64 << 10
)

// edges are the earliest and the latest time at a segment's ends.
type edges struct{ earliest, latest string }

// mayHold says whether some record of a closed segment may lie in the range. Until the segment has been read for
// another reason it looks at its ends alone.
func (s *segment) mayHold(r timeRange) bool {
	if r.unbounded() {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sealed {
		return r.overlaps(s.earliest, s.latest)
	}
	if s.edges == nil {
		s.edges = s.readEdges()
	}
	if s.edges.earliest == "" {
		return true // reading it will tell
	}
	return r.overlaps(shiftTime(s.edges.earliest, -clockSlack), shiftTime(s.edges.latest, clockSlack))
}

// holds is mayHold of a segment that has been read, without doubt.
func (s *segment) holds(r timeRange) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return r.unbounded() || r.overlaps(s.earliest, s.latest)
}

// readEdges leaves the times empty when no record can be read at one of the ends.
func (s *segment) readEdges() *edges {
	f, err := os.Open(s.path)
	if err != nil {
		return &edges{}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return &edges{}
	}
	first, firstOK := edgeAt(f, 0)
	last, lastOK := edgeAt(f, max(0, info.Size()-edgeBytes))
	if !firstOK || !lastOK {
		return &edges{}
	}
	return &edges{min(first.earliest, last.earliest), max(first.latest, last.latest)}
}

// edgeAt reads the records whose lines stand whole in the bytes from offset on.
func edgeAt(f *os.File, offset int64) (e edges, ok bool) {
	buf := make([]byte, edgeBytes)
	n, err := f.ReadAt(buf, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return e, false
	}
	for line := range bytes.Lines(buf[:n]) {
		body, sound := lineBody(bytes.TrimSuffix(line, []byte("\n")))
		h, isRecord := parseHead(body)
		if !sound || !isRecord {
			continue // the header, or a line that is cut
		}
		if e.earliest == "" || string(h.time) < e.earliest {
			e.earliest = string(h.time)
		}
		e.latest = max(e.latest, string(h.time))
	}
	return e, e.latest != ""
}

func shiftTime(text string, by time.Duration) string {
	t, err := time.Parse(audit.TimeFormat, text)
	if err != nil {
		return text
	}
	return formatTime(t.Add(by))
}
