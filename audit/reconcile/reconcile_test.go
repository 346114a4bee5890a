package reconcile

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/scan"
	"github.com/sallyport/sallyport/audit/journal"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// logLine is a csvlog line of the account app.
func logLine(at time.Time, session, message, query, host string) string {
	severity := "LOG"
	if query != "" {
		severity = "ERROR"
	}
	quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	return fmt.Sprintf(`%s UTC,"app","shop",123,"%s:4711",%s,1,"idle",2026-11-22 11:00:00 UTC,3/1,0,%s,00000,%s,,,,,,%s,,,"psql","client backend",,0`+"\n",
		at.Format("2006-01-02 15:04:05.000"), host, session, severity, quote(message), quote(query))
}

// fixture is a journal and a server's log.
type fixture struct {
	t       *testing.T
	journal *journal.Journal
	log     bytes.Buffer
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal"), journal.Options{Gateway: "gw-1", InlineBytes: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() }) // the journal is not what is tested
	return &fixture{t: t, journal: j}
}

// record adds a statement whose result came after took; change may alter it.
func (f *fixture) record(after time.Duration, text string, took time.Duration, change func(*audit.Event)) {
	f.t.Helper()
	e := &audit.Event{Time: noon.Add(after), Type: audit.StatementBegin, Class: "read", Verdict: audit.Allow, Command: "query",
		Statement: audit.Text{Bytes: []byte(text)}}
	e.User, e.Resource, e.Account, e.Login, e.Database = "alice", "orders", "reader", "app", "shop"
	e.Session = "01890a5d-ac96-774b-bcce-b302099a8057"
	done := &audit.Event{Type: audit.StatementResult, Done: true, Duration: audit.Micros(took), Time: noon.Add(after + took)}
	if change != nil {
		change(e)
	}
	if err := f.journal.Append(e); err != nil {
		f.t.Fatal(err)
	}
	done.Of = e.ID
	if took >= 0 {
		if err := f.journal.Append(done); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *fixture) ran(after time.Duration, text string) {
	f.log.WriteString(logLine(noon.Add(after), "s1", "statement: "+text, "", "10.0.0.1"))
}

func (f *fixture) file(name string) string {
	f.t.Helper()
	path := filepath.Join(f.t.TempDir(), name)
	if err := os.WriteFile(path, f.log.Bytes(), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

func (f *fixture) run(change func(*Options)) *Report {
	f.t.Helper()
	o := Options{Searcher: scan.Open(f.journal.Dir()), Resource: "orders", From: noon.Add(-time.Hour), To: noon.Add(24 * time.Hour)}
	if change != nil {
		change(&o)
	}
	if o.Files == nil {
		o.Files = []string{f.file("pg.csv")}
	}
	report, err := Run(f.t.Context(), o)
	if err != nil {
		f.t.Fatal(err)
	}
	return report
}

// outcome is a report in one line.
func outcome(r *Report) string {
	text := fmt.Sprintf("exact %d redacted %d cut %d", r.Matched.Exact, r.Matched.Redacted, r.Matched.Cut)
	for _, f := range r.Findings {
		text += fmt.Sprintf("; %s %.20s", f.Kind, f.Text)
	}
	return text
}

func TestOutcomes(t *testing.T) {
	long := "SELECT '" + strings.Repeat("long ", 4000) + "'"
	for _, c := range []struct {
		name   string
		make   func(f *fixture)
		change func(o *Options)
		want   string
	}{
		{"same", func(f *fixture) { f.record(0, "SELECT 1;", 0, nil); f.ran(time.Millisecond, "SELECT 1;") }, nil, "exact 1 redacted 0 cut 0"},
		{"clock ahead", func(f *fixture) { f.record(0, "SELECT 1", 0, nil); f.ran(4*time.Second, "SELECT 1") }, nil, "exact 1 redacted 0 cut 0"},
		{"clock behind", func(f *fixture) { f.record(0, "SELECT 1", 0, nil); f.ran(-4*time.Second, "SELECT 1") }, nil, "exact 1 redacted 0 cut 0"},
		{"clock too far", func(f *fixture) { f.record(0, "SELECT 1", 0, nil); f.ran(6*time.Second, "SELECT 1") }, nil,
			"exact 0 redacted 0 cut 0; missing SELECT 1; bypass SELECT 1"},
		{"waited for a lock", func(f *fixture) { f.record(0, "SELECT 1", time.Minute, nil); f.ran(59*time.Second, "SELECT 1") }, nil, "exact 1 redacted 0 cut 0"},
		{"twice at the store", func(f *fixture) { f.record(0, "SELECT 1", 0, nil); f.ran(1, "SELECT 1"); f.ran(2, "SELECT 1") }, nil,
			"exact 1 redacted 0 cut 0; bypass SELECT 1"},
		{"refused", func(f *fixture) {
			f.record(0, "DROP TABLE a", 0, func(e *audit.Event) { e.Verdict = audit.Deny })
			f.ran(0, "DROP TABLE a")
		}, nil, "exact 0 redacted 0 cut 0; bypass DROP TABLE a"},
		{"another login", func(f *fixture) {
			f.record(0, "SELECT 1", 0, func(e *audit.Event) { e.Login = "other" })
			f.ran(0, "SELECT 1")
		}, nil, "exact 0 redacted 0 cut 0; missing SELECT 1; bypass SELECT 1"},
		{"another database", func(f *fixture) {
			f.record(0, "SELECT 1", 0, func(e *audit.Event) { e.Database = "other" })
			f.ran(0, "SELECT 1")
		}, nil, "exact 0 redacted 0 cut 0; missing SELECT 1; bypass SELECT 1"},
		{"no result", func(f *fixture) { f.record(0, "SELECT 1", -1, nil); f.ran(0, "SELECT 2") }, nil,
			"exact 0 redacted 0 cut 0; undecided SELECT 1; bypass SELECT 2"},
		{"only prepared", func(f *fixture) {
			f.record(0, "SELECT 1", 0, func(e *audit.Event) { e.Command, e.Class = "parse", "prepare" })
			f.ran(0, "SELECT 1")
		}, nil, "exact 0 redacted 0 cut 0; bypass SELECT 1"},
		{"side file", func(f *fixture) { f.record(0, long, 0, nil); f.ran(0, long) }, nil, "exact 1 redacted 0 cut 0"},
		{"side file of another end", func(f *fixture) { f.record(0, long, 0, nil); f.ran(0, long+"x") }, nil,
			"exact 0 redacted 0 cut 0; missing SELECT 'long long lo; bypass SELECT 'long long lo"},
		{"cut", func(f *fixture) { f.record(0, long[:6000], 0, nil); f.ran(0, long[:1000]) }, nil, "exact 0 redacted 0 cut 1"},
		{"too short to be cut", func(f *fixture) { f.record(0, "SELECT 1 FROM a", 0, nil); f.ran(0, "SELECT 1") }, nil,
			"exact 0 redacted 0 cut 0; missing SELECT 1 FROM a; bypass SELECT 1"},
		{"redacted", func(f *fixture) {
			f.record(0, "SELECT '[redacted:card]', 2", 0, func(e *audit.Event) { e.Redacted = []string{"statement"} })
			f.record(0, "SELECT id FROM people WHERE name = '[redacted]' AND x = [redacted:n]", 0, func(e *audit.Event) { e.Redacted = []string{"statement"} })
			f.ran(0, "SELECT '4111 1111', 2")
			f.ran(0, "SELECT id FROM people WHERE name = 'Ann' AND x = 5")
			f.ran(0, "SELECT '4111 1111', 3")
		}, nil, "exact 0 redacted 2 cut 0; bypass SELECT '4111 1111', "},
		{"redacted leaves others theirs", func(f *fixture) {
			f.record(0, "[redacted]", 0, func(e *audit.Event) { e.Redacted = []string{"statement"} })
			f.record(1, "SELECT 1", time.Second, nil)
			f.ran(0, "SELECT 1")
			f.ran(0, "SELECT 2")
		}, nil, "exact 1 redacted 1 cut 0"},
		{"classes that are not logged", func(f *fixture) {
			f.record(0, "SELECT 1", 0, nil)
			f.record(0, "CREATE TABLE a ()", 0, func(e *audit.Event) { e.Class = "ddl" })
			f.ran(0, "CREATE TABLE a ()")
		}, nil, "exact 1 redacted 0 cut 0; undecided SELECT 1"},
		{"classes that are logged", func(f *fixture) {
			f.record(0, "SELECT 1", 0, nil)
			f.record(0, "CREATE TABLE a ()", 0, func(e *audit.Event) { e.Class = "ddl" })
			f.ran(0, "CREATE TABLE a ()")
		}, func(o *Options) { o.LoggedClasses = []string{"read", "ddl"} }, "exact 1 redacted 0 cut 0; missing SELECT 1"},
		{"from elsewhere", func(f *fixture) { f.record(0, "SELECT 1", 0, nil); f.ran(0, "SELECT 1") },
			func(o *Options) { o.GatewayHosts = []string{"10.0.0.2"} }, "exact 0 redacted 0 cut 0; bypass SELECT 1; missing SELECT 1"},
		{"excepted", func(f *fixture) { f.ran(0, "SELECT 1") }, func(o *Options) { o.ExceptLogins = []string{"app"} }, "exact 0 redacted 0 cut 0"},
		{"edges", func(f *fixture) {
			f.record(-time.Second, "SELECT 1", 0, nil)
			f.record(30*time.Second, "SELECT 2", 0, nil)
			f.record(time.Second, "SELECT 3", 0, nil)
			f.ran(0, "SELECT 0")
			f.ran(time.Minute, "SELECT 0")
		}, func(o *Options) { o.From, o.To = time.Time{}, time.Time{} },
			"exact 0 redacted 0 cut 0; bypass SELECT 0; undecided SELECT 3; missing SELECT 2; bypass SELECT 0"},
		{"failed", func(f *fixture) {
			f.record(0, "SELEC", 0, nil)
			f.log.WriteString(logLine(noon, "s1", "syntax error", "SELEC", "10.0.0.1"))
			f.log.WriteString(logLine(noon, "s1", "syntax error", "SELEC 2", "10.0.0.1"))
		}, nil, "exact 1 redacted 0 cut 0; bypass SELEC 2"},
		{"logged and failed", func(f *fixture) {
			f.record(0, "SELECT 1/0", 0, nil)
			f.ran(0, "SELECT 1/0")
			f.log.WriteString(logLine(noon, "s1", "division by zero", "SELECT 1/0", "10.0.0.1"))
		}, nil, "exact 1 redacted 0 cut 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			c.make(f)
			if diff := cmp.Diff(c.want, outcome(f.run(c.change))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Who went around is told from who came through by what else is known of their sessions.
func TestBypassIsBlamedOnTheRightSession(t *testing.T) {
	f := newFixture(t)
	for i := range 20 {
		at := time.Duration(i) * time.Second
		if i%5 == 4 {
			f.log.WriteString(logLine(noon.Add(at-time.Millisecond), "s2", "statement: SELECT 1", "", "10.0.0.66"))
		}
		f.record(at, "SELECT 1", 0, nil)
		f.ran(at, "SELECT 1")
	}
	r := f.run(nil)
	if r.Bypassed != 4 || r.Matched.Exact != 20 {
		t.Fatal(outcome(r))
	}
	for _, finding := range r.Findings {
		if finding.Host != "10.0.0.66" {
			t.Errorf("%+v", finding)
		}
	}
}

func TestRotatedAndCompressedFiles(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	var files []string
	for i := range 4 {
		f.log.Reset()
		for n := range 50 {
			at := time.Duration(i*50+n) * time.Second
			f.record(at, fmt.Sprintf("SELECT %d\n-- %d", i, n), 0, nil)
			f.ran(at+time.Millisecond, fmt.Sprintf("SELECT %d\n-- %d", i, n))
		}
		var packed bytes.Buffer
		name := fmt.Sprintf("%d.csv", 9-i) // the order of names is not that of time
		switch i {
		case 1:
			w := gzip.NewWriter(&packed)
			if _, err := w.Write(f.log.Bytes()); err != nil || w.Close() != nil {
				t.Fatal(err)
			}
			name += ".gz"
		case 2:
			w, err := zstd.NewWriter(&packed)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(f.log.Bytes()); err != nil || w.Close() != nil {
				t.Fatal(err)
			}
			name += ".zst"
		default:
			packed.Write(f.log.Bytes())
			packed.WriteString("2026-11-22 12:00:00.000 UTC,\"half a li") // the server crashed here
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, packed.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	r := f.run(func(o *Options) { o.Files = files })
	if !r.Clean() || r.Matched.Exact != 200 || r.Unreadable != 2 || r.Undecided != 0 || r.Clock.Median != time.Millisecond {
		t.Errorf("%s %+v", outcome(r), r)
	}
}

func TestWrongFiles(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct{ content, want string }{
		"plain": {"2026-11-22 12:00:00.000 UTC [123] LOG:  statement: SELECT 1\n", "no csvlog or jsonlog"},
		"empty": {"", "no line that can be read"},
		"zone":  {strings.Replace(logLine(noon, "s", "statement: SELECT 1", "", "h"), " UTC", " CET", 1), "--log-timezone"},
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Run(t.Context(), Options{Searcher: scan.Open(f.journal.Dir()), Resource: "orders", Files: []string{path}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// What waits for its counterpart is what lies within the skew, not the whole log.
func TestWhatWaitsIsBounded(t *testing.T) {
	m := newMatcher(Options{Skew: 5 * time.Second, Limit: 10}, CSVLog, noon, noon.Add(time.Hour))
	for i := range 20_000 {
		at := noon.Add(time.Duration(i) * 10 * time.Millisecond)
		text := fmt.Sprintf("SELECT %d", i%7)
		e := &audit.Event{Time: at, Type: audit.StatementBegin, Done: true, Statement: audit.Text{Bytes: []byte(text)}}
		e.Login = "app"
		m.addRecorded(e)
		m.logAt, m.recordAt = at, at
		m.addLogged(Entry{Line: Line{User: "app", Time: at}, Source: BySetting, Began: at, Text: text})
		m.settle()
		waits := 0
		for _, w := range m.logged {
			waits += len(w.entries)
		}
		if len(m.deadline) > 1001 || len(m.expiring) > 1001 || waits > 2100 {
			t.Fatalf("after %d: %d statements, %d entries, %d in lists", i, len(m.deadline), len(m.expiring), waits)
		}
	}
	if r := m.finish(); !r.Clean() || r.Matched.Exact != 20_000 {
		t.Fatal(outcome(r))
	}
}

func BenchmarkRun(b *testing.B) {
	j, err := journal.Open(filepath.Join(b.TempDir(), "journal"), journal.Options{Gateway: "gw-1"})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	const statements = 50_000
	path := filepath.Join(b.TempDir(), "pg.csv")
	var log bytes.Buffer
	for i := range statements {
		at := noon.Add(time.Duration(i) * time.Millisecond)
		text := fmt.Sprintf("SELECT id, total, currency FROM orders WHERE customer_id = %d AND status = 'paid' -- %s", i, strings.Repeat("x", 300))
		e := &audit.Event{Time: at, Type: audit.StatementBegin, Class: "read", Statement: audit.Text{Bytes: []byte(text)}}
		e.Resource, e.Login = "orders", "app"
		if err := j.Append(e); err != nil {
			b.Fatal(err)
		}
		if err := j.Append(&audit.Event{Time: at, Type: audit.StatementResult, Of: e.ID, Done: true}); err != nil {
			b.Fatal(err)
		}
		log.WriteString(logLine(at, "s1", "statement: "+text, "", "10.0.0.1"))
	}
	if err := os.WriteFile(path, log.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(log.Len()))
	b.ReportAllocs()
	searcher := scan.Open(j.Dir())
	for b.Loop() {
		r, err := Run(b.Context(), Options{Searcher: searcher, Resource: "orders", Files: []string{path}})
		if err != nil || r.Matched.Exact != statements {
			b.Fatal(err, outcome(r))
		}
	}
	b.ReportMetric(statements*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

func TestReportIsJSON(t *testing.T) {
	f := newFixture(t)
	f.ran(0, "SELECT 'around'")
	b, err := json.Marshal(f.run(nil))
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b, &back); err != nil || back.Bypassed != 1 || back.Findings[0].Place.Line != 1 {
		t.Errorf("%s: %v", b, err)
	}
}
