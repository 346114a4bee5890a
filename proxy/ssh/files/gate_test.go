package files

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// ledger is a Gate that writes down what it is asked, a line each: "begin get /a", "end get /a: in 0 out 5 whole", "refuse ..." and the
// like.
type ledger struct {
	deny func(op *Op) error // nil: nothing is denied

	closing error // what was let pass may not go on

	mu    sync.Mutex
	lines []string
	open  map[*int]string
	sums  []string // SHA256 of what ended whole
}

func (l *ledger) Begin(op *Op) (any, error) {
	if err := l.judge("begin", op); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = make(map[*int]string)
	}
	handle := new(int)
	l.open[handle] = op.Text
	return handle, nil
}

func (l *ledger) Still(handle any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closing
}

func (l *ledger) Check(op *Op) error { return l.judge("check", op) }

func (l *ledger) judge(how string, op *Op) error {
	var err error
	if l.deny != nil {
		err = l.deny(op)
	}
	if err != nil {
		how = "deny"
	}
	l.note("%s %s", how, op.Text)
	return err
}

func (l *ledger) Refuse(op *Op, why string) { l.note("refuse %s", op.Text) }

func (l *ledger) End(handle any, r Result) {
	l.mu.Lock()
	text, ok := l.open[handle.(*int)]
	delete(l.open, handle.(*int))
	if r.Whole {
		l.sums = append(l.sums, r.SHA256)
	}
	l.mu.Unlock()
	if !ok {
		panic("an operation was ended twice")
	}
	line := "end " + text
	if r.BytesIn+r.BytesOut > 0 && !strings.HasPrefix(text, "list ") { // whose length hangs on dates
		line += fmt.Sprintf(" in %d out %d", r.BytesIn, r.BytesOut)
	}
	if r.Whole != (r.SHA256 != "") {
		panic("whole without a digest, or the other way round")
	}
	if r.Whole {
		line += " whole"
	}
	if r.Code != "" {
		line += " " + r.Code
	}
	l.note("%s", line)
}

func (l *ledger) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

// take gives the lines since it was last asked, without those of look-ups that were allowed, and with names in dir shortened.
func (l *ledger) take(dir string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, line := range l.lines {
		if !strings.HasPrefix(line, "check ") {
			out = append(out, strings.ReplaceAll(line, dir, "DIR"))
		}
	}
	l.lines = nil
	return out
}

// unended are the operations that were begun and not ended.
func (l *ledger) unended() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

var errDenied = errors.New("your role does not let you do this")

// denying denies operations that name one of the paths, or what is below it.
func denying(paths ...string) func(*Op) error {
	return func(op *Op) error {
		for _, p := range op.Paths {
			if slices.ContainsFunc(paths, func(d string) bool { return p == d || strings.HasPrefix(p, d+"/") }) {
				return errDenied
			}
		}
		return nil
	}
}
