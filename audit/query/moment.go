package query

import (
	"fmt"
	"time"
)

// ParseMoment reads a point in time as since: does, or as until: does when until is set; a time ago counts back
// from now. Its error is meant for the person who typed the text.
func ParseMoment(text string, until bool, now time.Time) (time.Time, error) {
	m, err := newMoment(text, until)
	if err != nil {
		return time.Time{}, err
	}
	return m.bound(now), nil
}

func newMoment(text string, until bool) (moment, error) {
	m := moment{until: until}
	if age, ok := parseAge(text); ok {
		m.ago = age
		return m, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		at, err := time.Parse(layout, text)
		if err != nil || at.Nanosecond()%1000 != 0 || at.Unix() < 0 || at.UTC().Year() > 9999 {
			continue
		}
		m.at, m.day = at.UTC(), layout == time.DateOnly
		return m, nil
	}
	return moment{}, fmt.Errorf(
		"%q is no time; write a time ago (15m, 1h, 7d) or a point (2026-11-22, 2026-11-22T10:00, in UTC)", text)
}
