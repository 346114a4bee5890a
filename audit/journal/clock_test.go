package journal

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// TestTimesFollowTheOrderUnlessTheClockStepsBack: sessions take the time before they reach the journal, so that a
// later record may carry an earlier time. That is evened out; a clock that was set back is recorded as it was.
func TestTimesFollowTheOrderUnlessTheClockStepsBack(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	begin := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for _, step := range []struct{ given, recorded time.Duration }{
		{0, 0},
		{5 * time.Microsecond, 5 * time.Microsecond},
		{2 * time.Microsecond, 5 * time.Microsecond},
		{-900 * time.Millisecond, 5 * time.Microsecond},
		{-time.Hour, -time.Hour},
		{-time.Hour + time.Second, -time.Hour + time.Second},
	} {
		e := audit.Event{Type: audit.AdminAct, Time: begin.Add(step.given)}
		if err := j.Append(&e); err != nil {
			t.Fatal(err)
		}
		if want := begin.Add(step.recorded); !e.Time.Equal(want) {
			t.Errorf("time %v was recorded as %v, want %v", begin.Add(step.given), e.Time, want)
		}
	}
}
