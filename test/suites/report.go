package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// result is what became of one test.
type result string

// The results.
const (
	passed  result = "passed"
	failed  result = "failed"
	skipped result = "skipped"
)

// outcome is one suite's run by one entrance.
type outcome struct {
	entrance string
	results  map[string]result
	record   *record // nil for a direct run
	logs     string
}

func (o *outcome) count(r result) (n int) {
	for _, got := range o.results {
		if got == r {
			n++
		}
	}
	return n
}

// line sums the run up.
func (o *outcome) line() string {
	s := fmt.Sprintf("%-7s %5d passed, %3d failed, %3d skipped", o.entrance, o.count(passed), o.count(failed), o.count(skipped))
	if r := o.record; r != nil {
		s += fmt.Sprintf("; the store logged %d statements and %d refusals, the record has %d; missing %d", r.logged, r.failed, r.journal,
			len(r.missing))
		if r.unrun > 0 {
			s += fmt.Sprintf("; %d refusals of statements that were only prepared", r.unrun)
		}
		if r.own > 0 {
			s += fmt.Sprintf("; %d questions of the gateway's own", r.own)
		}
	}
	return s
}

// report is one suite's outcomes; the first is what the others are compared with.
type report struct {
	suite    *suite
	outcomes []*outcome
}

// print shows counts side by side and each difference, and returns how many of them nothing explains.
func (r *report) print(w io.Writer) (unexplained int) {
	fmt.Fprintf(w, "\n%s\n", r.suite.title)
	base := r.outcomes[0]
	for _, o := range r.outcomes {
		fmt.Fprintf(w, "  %s\n", o.line())
	}
	for _, o := range r.outcomes[1:] {
		for _, test := range differing(base, o) {
			why := r.suite.explained[test] + r.suite.explained[o.entrance+": "+test]
			if why == "" {
				unexplained++
				why = "UNEXPLAINED, see " + o.logs
			}
			fmt.Fprintf(w, "  %s: %s: %s -> %s: %s\n", o.entrance, test, was(base.results[test]), was(o.results[test]), why)
		}
		if o.record != nil && len(o.record.missing) > 0 {
			unexplained += len(o.record.missing)
			fmt.Fprintf(w, "  %s: NOT IN THE RECORD: %d statements, see %s\n", o.entrance, len(o.record.missing), o.record.misfiled)
		}
	}
	for _, test := range slices.Sorted(maps.Keys(base.results)) {
		if base.results[test] == failed {
			fmt.Fprintf(w, "  fails directly too: %s\n", test)
		}
	}
	return unexplained
}

func was(r result) result {
	if r == "" {
		return "not run"
	}
	return r
}

// differing names the tests that two runs do not agree on.
func differing(a, b *outcome) []string {
	var tests []string
	for test, r := range a.results {
		if b.results[test] != r {
			tests = append(tests, test)
		}
	}
	for test := range b.results {
		if _, ok := a.results[test]; !ok {
			tests = append(tests, test)
		}
	}
	slices.Sort(tests)
	return tests
}
