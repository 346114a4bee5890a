package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sallyport/sallyport/audit/reconcile"
	"github.com/sallyport/sallyport/test/servers"
)

// work runs statements of all kinds through conn, those that fail included.
func work(ctx context.Context, t *testing.T, conn *pgx.Conn) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	exec := func(sql string, args ...any) error {
		_, err := conn.Exec(ctx, sql, args...)
		return err
	}
	simple := func(sql string) error {
		_, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		return err
	}
	must(simple("SELECT 1"))
	must(simple("SELECT 1; SELECT 2; INSERT INTO orders VALUES (1, 'several')"))
	must(simple("SELECT 'naïve 日本',\n\t'second \"line\", with ''quotes'' and, commas'\r\n-- a comment\n;"))
	must(simple(""))
	for i := range 5 { // prepared once, executed five times
		must(exec("INSERT INTO orders VALUES ($1, $2)", 100+i, strings.Repeat("p", 2000)))
	}
	must(exec("SELECT note FROM orders WHERE id = $1 OR $2::text IS NULL", 100, nil))
	_, err := conn.Exec(ctx, "SELECT $1::int + 1", pgx.QueryExecModeExec, 5)
	must(err)

	if err := simple("SELEC nothing"); err == nil {
		t.Fatal("no syntax error")
	}
	for _, sql := range []string{"SELECT * FROM nowhere", "INSERT INTO orders VALUES (1, 'twice')", "SELECT 1/0"} {
		if err := exec(sql); err == nil {
			t.Fatalf("%s: no error", sql)
		}
		if err := simple(sql); err == nil {
			t.Fatalf("%s: no error", sql)
		}
	}
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	raw := conn.PgConn()
	if result := raw.ExecParams(short, "SELECT pg_sleep(0.01)", nil, nil, nil, nil).Read(); result.Err != nil {
		t.Fatal(result.Err)
	}

	tx, err := conn.Begin(ctx)
	must(err)
	must(simple("DECLARE c CURSOR FOR SELECT * FROM orders"))
	must(simple("FETCH 2 FROM c"))
	must(simple("SAVEPOINT s"))
	must(simple("ROLLBACK TO s"))
	must(tx.Commit(ctx))

	_, err = raw.CopyFrom(ctx, strings.NewReader("200\tone\n201\ttwo\n"), "COPY orders FROM STDIN")
	must(err)
	_, err = raw.CopyTo(ctx, io.Discard, "COPY orders TO STDOUT")
	must(err)
	must(simple("CREATE TABLE things (id int)"))
	must(simple("DROP TABLE things"))
	must(simple("SET search_path = public"))
	must(simple("PREPARE p (int) AS SELECT $1"))
	must(simple("EXECUTE p (5)"))
	must(simple("DO $$ BEGIN PERFORM 1; PERFORM count(*) FROM orders; END $$"))
	must(simple("SELECT '" + strings.Repeat("long ", 30_000) + "'")) // stands in a side file

	batch := &pgx.Batch{}
	for i := range 10 {
		batch.Queue("SELECT id FROM orders WHERE id > $1", i)
	}
	must(conn.SendBatch(ctx, batch).Close())
	_, err = conn.Prepare(ctx, "only prepared", "DELETE FROM orders WHERE id = $1")
	must(err)
	if _, err := conn.Prepare(ctx, "broken", "SELECT * FROM nowhere_at_all"); err == nil {
		t.Fatal("no error")
	}
}

// bypass runs statements that the record cannot know of, some of which it knows from elsewhere, and returns their texts.
func (w *world) bypass() []string {
	w.t.Helper()
	conn := w.direct(w.pg.URL("app", password, "postgres") + "&application_name=around")
	texts := []string{"SELECT 'went around'", "SELECT 1", "DELETE FROM orders WHERE id = 104", "SELECT 1/0", "SELECT id FROM orders WHERE id > $1"}
	for _, sql := range texts {
		var args []any
		if strings.Contains(sql, "$1") {
			args = append(args, 1000)
		}
		_, err := conn.Exec(w.ctx, sql, append([]any{pgx.QueryExecModeExec}, args...)...)
		var refused *pgconn.PgError
		if divided := errors.As(err, &refused) && refused.Code == "22012"; err != nil && !divided {
			w.t.Fatal(err)
		}
	}
	return texts
}

func TestPostgres(t *testing.T) {
	bin := servers.BuildSally(t)
	for _, c := range []struct {
		name, file string
		config     map[string]string
		preload    string
	}{
		{"csvlog", ".csv", map[string]string{"log_statement": "all"}, ""},
		{"jsonlog", ".json", map[string]string{"log_statement": "all"}, ""},
		{"durations", ".csv", map[string]string{"log_min_duration_statement": "0"}, ""},
		{"both", ".csv", map[string]string{"log_statement": "all", "log_min_duration_statement": "0", "log_duration": "on"}, ""},
		{"pgaudit", ".csv", map[string]string{"pgaudit.log": "all", "pgaudit.log_relation": "on"}, "pgaudit"},
		{"pgaudit beside", ".json", map[string]string{"pgaudit.log": "all", "log_statement": "all"}, "pgaudit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.preload != "" {
				needsPgaudit(t)
			}
			c.config["log_destination"] = strings.TrimPrefix(c.file, ".") + "log"
			w := newWorld(t, bin, c.config, c.preload)
			work(w.ctx, t, w.through("application_name=worker"))
			w.settled()
			report, ok := w.reconcile(w.log(c.file))
			if !ok || report.Matched.Exact < 40 || report.Bypassed+report.Missing != 0 {
				t.Fatalf("nobody went around: %v", summary(report))
			}
			t.Log(summary(report))

			want := w.bypass()
			w.settled()
			report, ok = w.reconcile(w.log(c.file))
			if ok {
				t.Error("the exit status is 0")
			}
			var got []string
			for _, f := range report.Findings {
				if f.Kind == reconcile.Bypass {
					got = append(got, f.Text)
					if f.Login != "app" || f.App != "around" || f.Host != "127.0.0.1" || f.Place == nil || f.Database != "postgres" {
						t.Errorf("%+v", f)
					}
				}
			}
			slices.Sort(want) // within a millisecond, the log's order is not that of the statements
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" || report.Missing != 0 {
				t.Errorf("bypasses (-want +got):\n%s%s", diff, summary(report))
			}
		})
	}
}

func summary(r reconcile.Report) string {
	text := fmt.Sprintf("%d logged, %d recorded, %+v, %d bypassed, %d missing, %d undecided %v, left %v, clock %+v",
		r.Logged, r.Recorded, r.Matched, r.Bypassed, r.Missing, r.Undecided, r.Reasons, r.Left, r.Clock)
	for _, f := range r.Findings {
		text += fmt.Sprintf("\n%s %s %s %.100q %s", f.Kind, f.Time.Format(time.StampMilli), f.App, f.Text, f.Reason)
	}
	return text
}

// What the log lost, the record has: it is missing, and so is what the server was told not to log.
func TestPostgresLosesItsLog(t *testing.T) {
	w := newWorld(t, servers.BuildSally(t), map[string]string{"log_statement": "all", "log_destination": "csvlog"}, "")
	conn := w.through("")
	for i := range 20 {
		if _, err := conn.Exec(w.ctx, fmt.Sprintf("SELECT 'number %d'", i), pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
	}
	w.settled()
	b, err := os.ReadFile(w.log(".csv")[0])
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(b)) {
		if !strings.Contains(line, "'number 7'") {
			kept.WriteString(line)
		}
	}
	censored := filepath.Join(t.TempDir(), "censored.csv")
	if err := os.WriteFile(censored, []byte(kept.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	// The log's own edges are told, or what lies there would be undecided.
	edges := []string{"--since", time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05"), "--until", time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05")}
	report, ok := w.reconcile([]string{censored}, edges...)
	if ok || report.Missing != 1 || len(report.Findings) != 1 || report.Findings[0].Text != "SELECT 'number 7'" ||
		report.Findings[0].User != alice || report.Findings[0].Event == "" {
		t.Errorf("%s", summary(report))
	}
	report, ok = w.reconcile(w.log(".csv"), append(edges, "--gateway-host", "10.9.9.9")...)
	if ok || report.Bypassed < 20 {
		t.Errorf("from another host: %s", summary(report))
	}
}

func needsPgaudit(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/usr/lib/postgresql/15/lib/pgaudit.so"); err != nil {
		servers.Missing(t, "pgaudit for PostgreSQL 15", "scripts/setup.sh test")
	}
}
