package gateway

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/link"
)

// TestCountsAreToldAgain: the same sessions are told again and again, with what they have done since, also while other
// reports are made more often.
func TestCountsAreToldAgain(t *testing.T) {
	r, now := newReporter(), time.Now()
	told := []time.Duration{}
	for passed := time.Duration(0); passed < time.Minute; passed += lookEvery {
		at := now.Add(passed)
		report, key, due := r.next("", []access.LiveSession{{ID: "s1"}}, at)
		if !due {
			continue
		}
		if report.Sessions != nil {
			told = append(told, passed)
		}
		r.taken(report, key, at)
	}
	if tellAll <= link.ReportEvery {
		t.Fatal("no report is made between those that tell the sessions")
	}
	for i := 1; i < len(told); i++ {
		if apart := told[i] - told[i-1]; apart < tellAll || apart > tellAll+lookEvery {
			t.Errorf("sessions are told %s apart", apart)
		}
	}
	if least := int(time.Minute/(tellAll+lookEvery)) - 1; len(told) < least {
		t.Errorf("sessions are told %d times within a minute, want %d", len(told), least)
	}
}
