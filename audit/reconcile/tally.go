package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// tally counts outcomes and keeps the findings that are listed.
type tally struct {
	o           Options
	format      Format
	first, last time.Time
	report      Report
	refused     int64
	classes     map[string]*class
	offsets     []time.Duration
	seen        int64 // offsets
}

// class is how the statements of one class fared.
type class struct{ matched, missing int64 }

func newTally(o Options, format Format, first, last time.Time) tally {
	return tally{o: o, format: format, first: first, last: last, classes: map[string]*class{},
		report: Report{Resource: o.Resource, Format: format, From: first, To: last, Reasons: map[string]int64{}, Findings: []Finding{}}}
}

// inside says whether a statement of the record belongs to the time that is compared.
func (t *tally) inside(at time.Time) bool { return !at.Before(t.first) && at.Before(t.last) }

func (t *tally) matched() int64 {
	m := t.report.Matched
	return m.Exact + m.Redacted + m.Expanded + m.Cut
}

func (t *tally) class(name string) *class {
	if t.classes[name] == nil {
		t.classes[name] = &class{}
	}
	return t.classes[name]
}

// maxOffsets bounds the sample of clock offsets: every so many-th statement.
const maxOffsets = 4096

func (t *tally) match(s *statement, e *loggedEntry, how likeness) {
	switch how {
	case redacted:
		t.report.Matched.Redacted++
	case expanded:
		t.report.Matched.Expanded++
	case cut:
		t.report.Matched.Cut++
	default:
		t.report.Matched.Exact++
	}
	t.class(s.Class).matched++
	if e.Source != BySetting {
		return // logged when it ended, or once it had its locks
	}
	t.seen++
	offset := e.Began.Sub(s.Time)
	c := &t.report.Clock
	if t.seen == 1 || offset < c.Least {
		c.Least = offset
	}
	if t.seen == 1 || offset > c.Most {
		c.Most = offset
	}
	if len(t.offsets) < maxOffsets {
		t.offsets = append(t.offsets, offset)
	} else {
		t.offsets[t.seen*2654435761%maxOffsets] = offset
	}
}

func (t *tally) bypassed(e *loggedEntry) {
	f := Finding{Kind: Bypass, Time: e.Began, Login: e.User, Database: e.DB, Host: e.Host, App: e.App, Session: e.Line.Session,
		Text: e.Text, Place: &e.Place}
	if e.Source == ByError {
		f.Reason = "it failed"
	}
	if t.o.From.IsZero() && e.Began.Before(t.first) {
		t.undecided(f, "it began before the log that was given")
		return
	}
	t.report.Bypassed++
	t.list(f)
}

func (t *tally) unmatched(s *statement) {
	if s.optional || !t.inside(s.Time) {
		return
	}
	f := Finding{Kind: Missing, Time: s.Time, User: s.User, Login: s.login, Database: s.Database, App: s.Application, Session: s.Scope.Session,
		Class: s.Class, Text: s.Statement.String(), Event: s.ID}
	switch {
	case len(t.o.LoggedClasses) > 0 && !slices.Contains(t.o.LoggedClasses, s.Class):
		t.undecided(f, "its class is not among those that the server logs")
	case s.Statement.File == nil && len(normal(s.Statement.Bytes)) == 0:
		t.undecided(f, "it is empty, and not every setting logs that")
	case s.ErrorCode != "":
		t.undecided(f, "it failed, and the server may have refused it before logging it")
	case !s.Done:
		t.undecided(f, "its result is not known: it may not have reached the server")
	case t.o.From.IsZero() && s.lo.Before(t.first) || t.o.To.IsZero() && s.hi.After(t.last):
		t.undecided(f, "it lies at the edge of the log that was given")
	default:
		t.report.Missing++
		t.class(s.Class).missing++
		t.list(f)
	}
}

func (t *tally) undecided(f Finding, reason string) {
	f.Kind, f.Reason = Undecided, reason
	t.report.Undecided++
	t.report.Reasons[reason]++
	t.list(f)
}

// list keeps a finding. What is undecided gives way to what is not.
func (t *tally) list(f Finding) {
	if len(t.report.Findings) < t.o.Limit {
		t.report.Findings = append(t.report.Findings, f)
		return
	}
	t.report.Unlisted++
	if f.Kind == Undecided {
		return
	}
	if i := slices.IndexFunc(t.report.Findings, func(f Finding) bool { return f.Kind == Undecided }); i >= 0 {
		t.report.Findings[i] = f
	}
}

// finish closes the report.
func (t *tally) finish() *Report {
	r := &t.report
	if len(t.o.LoggedClasses) == 0 && t.matched() > 0 {
		t.excuseClasses()
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		if at := a.Time.Compare(b.Time); at != 0 || a.Place == nil || b.Place == nil {
			return at
		}
		return cmp.Or(strings.Compare(a.Place.File, b.Place.File), cmp.Compare(a.Place.Line, b.Place.Line))
	})
	if len(t.offsets) > 0 {
		slices.Sort(t.offsets)
		r.Clock.Median = t.offsets[len(t.offsets)/2]
	}
	return r
}

// excuseClasses makes what is missing undecided where the log holds no statement of its class at all: the server is
// then set up not to log it.
func (t *tally) excuseClasses() {
	excused := map[string]string{}
	for name, c := range t.classes {
		if c.matched > 0 || c.missing == 0 {
			continue
		}
		reason := fmt.Sprintf("the server's log holds no statement of the class %s: it may not log these; where it does, say so with --logged", name)
		excused[name] = reason
		t.report.Missing -= c.missing
		t.report.Undecided += c.missing
		t.report.Reasons[reason] += c.missing
	}
	for i, f := range t.report.Findings {
		if reason, ok := excused[f.Class]; ok && f.Kind == Missing {
			t.report.Findings[i].Kind, t.report.Findings[i].Reason = Undecided, reason
		}
	}
}

// classes are the classes that a statement of the record can have.
var classes = []string{"read", "write", "ddl", "session", "transaction", "admin", "other"}

// ParseLogged reads the classes that a server logs: names separated by commas, or what PostgreSQL's log_statement is set
// to: all, mod or ddl.
func ParseLogged(text string) ([]string, error) {
	switch text {
	case "":
		return nil, nil
	case "all":
		return slices.Clone(classes), nil
	case "mod":
		return []string{"write", "ddl"}, nil
	}
	names := strings.Split(text, ",")
	for _, name := range names {
		if !slices.Contains(classes, name) {
			return nil, fmt.Errorf("%q is no class of statements; there are %s, and all and mod", name, strings.Join(classes, ", "))
		}
	}
	return names, nil
}
