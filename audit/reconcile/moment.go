package reconcile

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// errZone says that times in a log cannot be understood.
var errZone = errors.New("unknown time zone")

// parsePostgresTime reads "2026-11-23 02:05:53.123 UTC". An abbreviation other than UTC stands for different zones in
// different places, so that it is taken for zone, which the caller names; nil is none.
func parsePostgresTime(text string, zone *time.Location) (time.Time, error) {
	moment, name, ok := cutLast(text, ' ')
	if !ok {
		return time.Time{}, fmt.Errorf("%q is no time", text)
	}
	at, err := time.Parse("2006-01-02 15:04:05.999", moment)
	if err != nil {
		return time.Time{}, err
	}
	switch {
	case name == "UTC" || name == "GMT" || name == "Etc/UTC":
		return at, nil
	case name != "" && (name[0] == '+' || name[0] == '-'):
		for _, layout := range []string{"-07", "-0700", "-07:00"} {
			if offset, err := time.Parse(layout, name); err == nil {
				_, seconds := offset.Zone()
				return at.Add(-time.Duration(seconds) * time.Second), nil
			}
		}
	case zone != nil:
		return inZone(at, zone), nil
	}
	return time.Time{}, fmt.Errorf("%w %q: name the server's time zone, such as --log-timezone Europe/Berlin", errZone, name)
}

// inZone takes a time's clock reading for one in zone.
func inZone(at time.Time, zone *time.Location) time.Time {
	return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), zone).UTC()
}

func cutLast(s string, sep byte) (before, after string, ok bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
