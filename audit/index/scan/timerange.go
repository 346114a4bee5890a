package scan

import (
	"time"

	"github.com/sallyport/sallyport/audit"
)

// timeRange bounds times as they are written in the record, which sort as text. from is included, to is not; empty
// means unbounded.
type timeRange struct{ from, to string }

// newTimeRange rounds up to the record's microseconds, which excludes nothing that lies in the range.
func newTimeRange(from, to time.Time) timeRange {
	var r timeRange
	if !from.IsZero() {
		r.from = formatTime(ceilMicrosecond(from))
	}
	if !to.IsZero() {
		r.to = formatTime(ceilMicrosecond(to))
	}
	return r
}

func ceilMicrosecond(t time.Time) time.Time {
	return t.Add(time.Microsecond - time.Nanosecond).Truncate(time.Microsecond)
}

func formatTime(t time.Time) string { return t.UTC().Format(audit.TimeFormat) }

func (r timeRange) unbounded() bool { return r == timeRange{} }

func (r timeRange) holds(at []byte) bool {
	return string(at) >= r.from && (r.to == "" || string(at) < r.to)
}

// overlaps says whether the range has a time from earliest to latest, both included; they are empty when there is none.
func (r timeRange) overlaps(earliest, latest string) bool {
	return earliest != "" && (r.to == "" || earliest < r.to) && latest >= r.from
}
