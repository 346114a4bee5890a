package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// Options say what is compared with what.
type Options struct {
	Searcher audit.Searcher
	Resource string
	Files    []string // the server's log; names may end in .gz or .zst
	Format   Format   // empty: told by the files
	// Zone is the zone of times that do not name theirs, or by an ambiguous abbreviation; nil when all do.
	Zone *time.Location
	// From and To bound what is compared. Zero means from the log's first line, or to its last; statements at these
	// edges are then undecided when they have no counterpart, for it may stand in what was not given.
	From, To time.Time
	// Skew is by how much the clocks of gateway and server may differ; 0 means 5 s.
	Skew time.Duration
	// GatewayHosts are the addresses from which Sallyport reaches the store: a statement from elsewhere never matches.
	GatewayHosts []string
	// ExceptLogins are accounts of the store whose statements are not compared.
	ExceptLogins []string
	// LoggedClasses are the classes of statements that the server logs; empty means that this is told by the log.
	LoggedClasses []string
	// Limit bounds the findings in the report; 0 means 1000. All are counted.
	Limit int
}

const (
	defaultSkew  = 5 * time.Second
	defaultLimit = 1000
)

// entries makes statements of a log's lines.
type entries interface {
	entry(l Line) (Entry, bool)
}

// Run compares. Its memory does not depend on how much there is, but on what happens within the clocks' skew and while
// the longest statement runs.
func Run(ctx context.Context, o Options) (report *Report, err error) {
	if o.Skew == 0 {
		o.Skew = defaultSkew
	}
	if o.Limit == 0 {
		o.Limit = defaultLimit
	}
	files, err := openLogs(o.Files, o.Format, o.Zone)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("the server's log holds no line that can be read: is it the right file?")
	}
	log := newMerged(files, o.Zone)
	defer func() { err = errors.Join(err, log.close()) }()
	first, last, err := extent(files, o)
	if err != nil {
		return nil, err
	}
	m := newMatcher(o, files[0].format, first, last)
	w := walk{o: o, log: log, matcher: m, interpret: newInterpreter(files[0].format),
		record: newRecorded(o.Searcher, o.Resource, first.Add(-2*o.Skew), last.Add(2*o.Skew))}
	if m.redactions, err = w.record.holdsRedactions(ctx); err != nil {
		return nil, err
	}
	if err := w.run(ctx); err != nil {
		return nil, err
	}
	report = m.finish()
	report.Lines, report.Unreadable, report.Damaged = log.lines, log.unreadable, w.record.skipped
	w.countLeft(report)
	return report, nil
}

func newInterpreter(f Format) entries {
	if f == GeneralLog {
		return newGeneralLog()
	}
	return newPostgresLog()
}

// extent is the time that is compared. The log's end is only known once its last file was read.
func extent(files []*logFile, o Options) (first, last time.Time, err error) {
	first, last = o.From, o.To
	if first.IsZero() {
		first = files[0].first
	}
	if !last.IsZero() {
		if !first.Before(last) {
			return first, last, fmt.Errorf("nothing to compare between %s and %s", first.Format(time.RFC3339), last.Format(time.RFC3339))
		}
		return first, last, nil
	}
	// The last line may stand in any file that was being written while another was; so all are asked, from the last on,
	// until one begins before the end that is known.
	for i := len(files) - 1; i >= 0; i-- {
		end, err := lastLine(files[i], o.Zone)
		if err != nil {
			return first, last, err
		}
		if end.After(last) {
			last = end
		}
		if i > 0 && files[i].first.After(files[i-1].first) {
			break
		}
	}
	return first, last.Add(time.Millisecond), nil
}

// lastLine reads a file to its end.
func lastLine(file *logFile, zone *time.Location) (last time.Time, err error) {
	f, err := openLog(file.path, file.format, zone)
	if err != nil {
		return last, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	for {
		line, err := f.lines.next()
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil {
			return last, fmt.Errorf("read server log %s: %w", file.path, err)
		}
		if line.Time.After(last) {
			last = line.Time
		}
	}
}

// walk goes along both sides by time.
type walk struct {
	o         Options
	log       *merged
	interpret entries
	record    *recorded
	matcher   *matcher
	excepted  int64
}

func (w *walk) run(ctx context.Context) error {
	event, more, err := w.record.next(ctx)
	if err != nil {
		return err
	}
	for {
		line, err := w.log.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		for more && !event.Time.After(line.Time) {
			w.matcher.addRecorded(event)
			if event, more, err = w.record.next(ctx); err != nil {
				return err
			}
		}
		w.matcher.logAt = line.Time
		w.matcher.recordAt = line.Time
		w.take(line)
		w.matcher.settle()
	}
	for more {
		w.matcher.addRecorded(event)
		if event, more, err = w.record.next(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) take(line Line) {
	e, ok := w.interpret.entry(line)
	if !ok {
		return
	}
	for _, login := range w.o.ExceptLogins {
		if e.User == login {
			w.excepted++
			return
		}
	}
	w.matcher.addLogged(e)
}

func (w *walk) countLeft(r *Report) {
	r.Left = map[string]int64{}
	count := func(what string, n int64) {
		if n > 0 {
			r.Left[what] = n
		}
	}
	count("statements of excepted logins", w.excepted)
	switch log := w.interpret.(type) {
	case *postgresLog:
		count("Sallyport's own questions to the store", log.own)
		count("statements within statements, or logged without their text", log.inner)
	case *generalLog:
		count("statements within statements", log.inner)
	}
}
