package access

import (
	"slices"
	"time"
)

// noteMoments gathers the moments at which decisions change once and for all.
func (e *Engine) noteMoments() {
	for _, h := range e.users {
		for _, s := range h.granted {
			e.moments = append(e.moments, s.grant.From, s.grant.Until)
		}
	}
	for _, t := range e.snapshot.Tokens {
		if !t.Expires.IsZero() {
			e.moments = append(e.moments, t.Expires)
		}
	}
	slices.SortFunc(e.moments, time.Time.Compare)
	e.moments = slices.CompactFunc(e.moments, time.Time.Equal)
}

// NextChange is the first moment after now at which a decision may turn out otherwise without a new snapshot: a grant
// begins or ends, a token expires, a role's window opens or closes, or, where a hand-written policy looks at the time,
// the next minute begins. Zero: there is none for two weeks. What ends with the age of one session, its permit's Until
// tells.
func (e *Engine) NextChange(now time.Time) time.Time {
	var next time.Time
	if i, _ := slices.BinarySearchFunc(e.moments, now, func(m, now time.Time) int {
		if m.After(now) {
			return 1
		}
		return -1
	}); i < len(e.moments) {
		next = e.moments[i]
	}
	for i := range e.windows {
		next = earlier(next, e.windows[i].flip(now))
	}
	if e.clock {
		next = earlier(next, now.Truncate(time.Minute).Add(time.Minute))
	}
	return next
}
