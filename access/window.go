package access

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones must mean the same on every gateway, also where the system has no time zone database

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
)

// weekdays are the names of days in windows and in policies, by time.Weekday.
var weekdays = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// horizon is how far ahead the edges of windows are looked for. A window repeats every week, and the change of summer
// time can swallow it once.
const horizon = 15 * 24 * time.Hour

// minutesOfDay is the end of a day, 24:00.
const minutesOfDay = 24 * 60

// window is a Window, read. It is open by what clocks on the wall of its zone show: a time that summer time skips does
// not come, and one that it repeats comes twice.
type window struct {
	days     [7]bool // on which it begins, by time.Weekday
	from, to int     // minutes of the day; to <= from: it ends on the next day
	zone     *time.Location
}

func readWindow(w *Window) (window, error) {
	var r window
	for _, day := range w.Days {
		i := slices.Index(weekdays[:], strings.ToLower(day))
		if i < 0 {
			return r, fmt.Errorf("%q is no day; the days are mon, tue, wed, thu, fri, sat and sun", day)
		}
		r.days[i] = true
	}
	if len(w.Days) == 0 {
		r.days = [7]bool{true, true, true, true, true, true, true}
	}
	var err error
	if r.from, err = readClock(w.From); err != nil {
		return r, err
	}
	if r.from == minutesOfDay {
		return r, fmt.Errorf("a window cannot begin at 24:00; write 00:00 of the next day")
	}
	if r.to, err = readClock(w.To); err != nil {
		return r, err
	}
	if r.zone, err = readZone(w.Zone); err != nil {
		return r, err
	}
	return r, nil
}

func readClock(s string) (int, error) {
	var h, m int
	if len(s) == 5 && s[2] == ':' && digits(s[:2], &h) && digits(s[3:], &m) && m < 60 && h*60+m <= minutesOfDay {
		return h*60 + m, nil
	}
	return 0, fmt.Errorf("%q is no time of the day; write HH:MM, from 00:00 to 24:00", s)
}

func digits(s string, n *int) bool {
	*n = 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
		*n = *n*10 + int(c-'0')
	}
	return true
}

func readZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("there is no time zone %q; write one such as Europe/Berlin, or none for UTC", name)
	}
	return zone, nil
}

// open says whether the window is open.
func (w *window) open(now time.Time) bool {
	t := now.In(w.zone)
	minute := t.Hour()*60 + t.Minute()
	today, yesterday := t.Weekday(), (t.Weekday()+6)%7
	if w.from < w.to {
		return w.days[today] && minute >= w.from && minute < w.to
	}
	return w.days[today] && minute >= w.from || w.days[yesterday] && minute < w.to
}

// node is open as a Cedar expression over context.local.
func (w *window) node() ast.Node {
	clock := ast.Context().Access("local").Access(cedar.String(w.zone.String()))
	on := func(after int) ast.Node {
		var days []cedar.Value
		for d, begins := range w.days {
			if begins {
				days = append(days, cedar.String(weekdays[(d+after)%7]))
			}
		}
		return ast.Value(cedar.NewSet(days...)).Contains(clock.Access("day"))
	}
	from := clock.Access("minute").GreaterThanOrEqual(ast.Long(w.from))
	to := clock.Access("minute").LessThan(ast.Long(w.to))
	if w.from < w.to {
		return on(0).And(from).And(to)
	}
	return on(0).And(from).Or(on(1).And(to))
}

// flip is the first moment after now at which the window opens or closes; zero: none within the horizon.
func (w *window) flip(now time.Time) time.Time {
	before := w.open(now)
	for t := w.edge(now); t.Sub(now) < horizon; t = w.edge(t) {
		if w.open(t) != before {
			return t
		}
	}
	return time.Time{}
}

// edge is the first moment after t at which the zone's clocks show the window's beginning or end, or are put forward or
// back: between two edges the window neither opens nor closes.
func (w *window) edge(t time.Time) time.Time {
	local := t.In(w.zone)
	_, offset := local.Zone()
	_, next := local.ZoneBounds()
	y, m, d := local.Date()
	for day := 0; day < 3; day++ {
		midnight := time.Date(y, m, d+day, 0, 0, 0, 0, time.UTC).Add(-time.Duration(offset) * time.Second)
		for _, minute := range [...]int{min(w.from, w.to), max(w.from, w.to)} {
			at := midnight.Add(time.Duration(minute) * time.Minute)
			if at.After(t) && (next.IsZero() || at.Before(next)) {
				return at
			}
		}
	}
	return next.UTC()
}

// anyOpen says whether one of the windows is open; having none is being open always.
func anyOpen(windows []window, now time.Time) bool {
	return len(windows) == 0 || slices.ContainsFunc(windows, func(w window) bool { return w.open(now) })
}

// closes is the first moment after now at which all of the windows are closed; zero: never, as far as the horizon.
func closes(windows []window, now time.Time) time.Time {
	for t := now; len(windows) > 0 && t.Sub(now) < horizon; {
		var next time.Time
		for i := range windows {
			next = earlier(next, windows[i].flip(t))
		}
		if next.IsZero() || !anyOpen(windows, next) {
			return next
		}
		t = next
	}
	return time.Time{}
}

// earlier is the earlier of two moments, of which a zero one is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// describeWindows says when a role is open, such as "from 09:00 to 17:00 Europe/Berlin on mon, tue".
func describeWindows(windows []Window) string {
	var parts []string
	for _, w := range windows {
		zone := w.Zone
		if zone == "" {
			zone = "UTC"
		}
		s := fmt.Sprintf("from %s to %s %s", w.From, w.To, zone)
		if len(w.Days) > 0 {
			s += " on " + strings.Join(w.Days, ", ")
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", and ")
}
