package gateway

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// machine is a machine's time, which tests let pass.
type machine struct{ lived time.Duration }

func (m *machine) leased(most time.Duration) *lease {
	return &lease{lived: func() time.Duration { return m.lived }, most: most}
}

func TestLeaseEndsItsLimitAfterTheLastWord(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m := &machine{lived: time.Hour}
	l := m.leased(0)
	if l.left() > 0 {
		t.Error("a lease without any word counts")
	}
	l.renew(start, time.Minute)
	if l.left() > 0 {
		t.Error("a word of unknown age counts")
	}
	l.measured(start, m.lived)
	m.lived += 59 * time.Second
	if got := l.left(); got != time.Second {
		t.Errorf("%s left, want 1s", got)
	}
	l.renew(start.Add(-time.Hour), 10*time.Hour) // an old word, shown again
	if got := l.left(); got != time.Second {
		t.Errorf("an old word changed what is left to %s", got)
	}
	m.lived += time.Second
	if l.left() > 0 {
		t.Error("it counts after its limit")
	}
	l.renew(start.Add(time.Minute), time.Minute)
	if got := l.left(); got != time.Minute {
		t.Errorf("%s left after a new word", got)
	}
	short := m.leased(time.Second)
	short.measured(start, m.lived)
	short.renew(start, time.Hour)
	if got := short.left(); got != time.Second {
		t.Errorf("%s left with a limit of its own of 1s", got)
	}
}

// However words are held back, repeated and reordered, and however slowly this machine's time passes, a lease ends at the
// latest its limit after the newest word was issued, by the control plane's clock.
func TestLeaseIsNeverLonger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		control := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		m := &machine{}
		l := m.leased(0)
		const limit = time.Minute
		var issued []time.Time
		pass := func(d time.Duration) { control, m.lived = control.Add(d), m.lived+d }
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				pass(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
			case 1: // a question, answered after some time on both ways
				asked := m.lived
				pass(time.Duration(rapid.IntRange(0, 20).Draw(t, "way there")) * time.Second)
				at := control
				issued = append(issued, at)
				pass(time.Duration(rapid.IntRange(0, 20).Draw(t, "way back")) * time.Second)
				l.measured(at, asked)
				l.renew(at, limit)
			case 2:
				issued = append(issued, control)
			case 3:
				if len(issued) > 0 {
					l.renew(issued[rapid.IntRange(0, len(issued)-1).Draw(t, "which")], limit)
				}
			}
			if l.left() <= 0 {
				continue
			}
			newest := time.Time{}
			for _, at := range issued {
				if at.After(newest) {
					newest = at
				}
			}
			if age := control.Sub(newest); age > limit {
				t.Fatalf("it counts though the newest word is %s old", age)
			}
		}
	})
}
