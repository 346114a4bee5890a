package audit

import (
	"context"
	"time"
)

// Query is a search of the record.
type Query struct {
	// Text is the search as a person types it, such as
	//	user:alice resource:orders class:write "refund" duration:>1s since:1h
	Text string
	// From and To bound the event's time, From included; zero means unbounded. They narrow what Text says.
	From, To time.Time
	// Limit bounds the rows of a page: 1 to 1000; 0 means 50. Histogram, Top and Count pass it over.
	Limit int
	// Cursor continues after a page's last row; empty starts with the newest. It stays valid while events arrive.
	// Histogram, Top and Count pass it over.
	Cursor string
}

// Coverage says how much of the record an answer stands on.
type Coverage struct {
	// Partial says that the deadline or the scan budget ended the search early, or that some of it could not be reached;
	// a Page's Next goes on from there.
	Partial bool `json:"partial,omitempty"`
	// Scanned counts the records that were looked at; Skipped those that could not be read.
	Scanned int64 `json:"scanned"`
	Skipped int64 `json:"skipped,omitempty"`
}

// Page is one page of a search: newest first, which is by descending sequence number within a gateway, and by time
// between gateways.
type Page struct {
	// Rows are events; a statement carries its result (Done says whether it is known), and results by themselves
	// are not rows.
	Rows []Event `json:"rows"`
	// Next continues the search; empty when there is no more.
	Next string `json:"next,omitempty"`
	Coverage
}

// HistogramQuery asks how many events match over time.
type HistogramQuery struct {
	Query
	// Step is a bucket's width, a whole number of seconds; BucketStep, over the first to the last event that matches,
	// says what is used. Buckets begin at multiples of it since the Unix epoch.
	Step time.Duration
	// By names a field (not a number) whose values are counted within each bucket; empty counts none.
	By string
}

// MaxBuckets bounds a histogram's buckets; MaxBy the values that it tells apart within them.
const (
	MaxBuckets = 2000
	MaxBy      = 10
)

// Histogram is the answer to a HistogramQuery.
type Histogram struct {
	// StepSeconds is the width of the buckets that was used.
	StepSeconds int64 `json:"step_seconds"`
	// Total counts all matching events.
	Total int64 `json:"total"`
	// Buckets are those with events, oldest first.
	Buckets []Bucket `json:"buckets"`
	Coverage
}

// Bucket is one step of a histogram.
type Bucket struct {
	Start time.Time `json:"start"` // UTC
	Count int64     `json:"count"`
	// By counts the events of each of the MaxBy most frequent values in the whole histogram. An event with several
	// values (groups, tables, columns) counts for each.
	By map[string]int64 `json:"by,omitempty"`
}

// Measure is what a Top is ordered by.
type Measure string

// The measures. Other than ByCount they sum the statements' results.
const (
	ByCount    Measure = "count"
	ByDuration Measure = "duration"
	ByRows     Measure = "rows"
	ByBytes    Measure = "bytes" // both directions
)

// TopQuery asks which values of a field are most frequent among the events that match, or cost most.
type TopQuery struct {
	Query
	Field string  // a field that is no number, as in a search's text
	N     int     // 1 to 1000; 0 means 10
	By    Measure // empty means ByCount
}

// Top is the answer to a TopQuery.
type Top struct {
	// Values are ordered by the measure, largest first, then by value. Events without a value are not among them.
	Values []TopValue `json:"values"`
	// Distinct counts the field's values among the events that match; an index may estimate it above 10 000.
	Distinct int64 `json:"distinct"`
	Coverage
}

// TopValue is one value of a field with its sums.
type TopValue struct {
	Value    string `json:"value"`
	Count    int64  `json:"count"`
	Rows     int64  `json:"rows"`
	Bytes    int64  `json:"bytes"`
	Duration Micros `json:"duration_us"`
}

// Count is how many events match.
type Count struct {
	Count int64 `json:"count"`
	// Capped says that counting stopped at the limit: there may be more.
	Capped bool `json:"capped,omitempty"`
	Coverage
}

// Searcher finds events again. Every index serves it with the same answers. An answer that ctx's deadline cut short
// is Partial; a cancelled ctx is an error. A text that cannot be understood is a *SyntaxError.
type Searcher interface {
	// Search returns one page.
	Search(ctx context.Context, q Query) (Page, error)
	// Get finds one event by its ID, with its result and the bytes of its side files; ErrNotFound when there is none.
	Get(ctx context.Context, id string) (Event, error)
	// Tail calls emit for each new event that matches text, and again for a statement when its result is known,
	// until ctx ends or emit returns an error.
	Tail(ctx context.Context, text string, emit func(Event) error) error
	// Histogram counts events over time. A By that names no such field is ErrField.
	Histogram(ctx context.Context, q HistogramQuery) (Histogram, error)
	// Top ranks a field's values. A field that cannot be ranked, or a measure that does not exist, is ErrField.
	Top(ctx context.Context, q TopQuery) (Top, error)
	// Count counts events, up to limit; 0 means all.
	Count(ctx context.Context, q Query, limit int64) (Count, error)
}

// Progress is how far an index has followed the journal.
type Progress struct {
	Index   string `json:"index"`   // what kind: "scan", "embedded", "elasticsearch"
	Records uint64 `json:"records"` // records before this number can be found
	Behind  uint64 `json:"behind"`  // records that cannot yet
	// Lag is the age of the oldest record that cannot be found yet; 0 when there is none.
	Lag Micros `json:"lag_us"`
	// Trouble is a sentence: what keeps the index from going on; empty when nothing does.
	Trouble string `json:"trouble,omitempty"`
}

// Index is a searcher that follows a journal at its own pace.
type Index interface {
	Searcher
	Progress() Progress
}

// AutoStep is the histogram step for a range: the smallest round one with no more than 100 buckets.
func AutoStep(from, to time.Time) time.Duration {
	const wanted = 100
	span := to.Sub(from)
	for _, step := range roundSteps {
		if span/step < wanted {
			return step
		}
	}
	week := roundSteps[len(roundSteps)-1]
	return (span/wanted/week + 1) * week
}

var roundSteps = []time.Duration{
	time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute,
	30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour,
}

// BucketStep is the step that a histogram over a range uses when want was asked for: AutoStep for 0, a whole number of
// seconds, and wide enough for MaxBuckets.
func BucketStep(want time.Duration, from, to time.Time) time.Duration {
	step := want.Truncate(time.Second)
	if step <= 0 {
		return AutoStep(from, to)
	}
	if span := to.Sub(from); span/step >= MaxBuckets-1 {
		return max(step, AutoStep(from, to))
	}
	return step
}

// BucketStart is the beginning of the bucket that holds t.
func BucketStart(t time.Time, step time.Duration) time.Time {
	seconds, width := t.Unix(), int64(step/time.Second)
	offset := seconds % width
	if offset < 0 {
		offset += width
	}
	return time.Unix(seconds-offset, 0).UTC()
}
