package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/audit/query"
	"github.com/sallyport/sallyport/audit/reconcile"
)

// reconcileCommand compares the record with a server's log.
type reconcileCommand struct {
	auditFlags
	options      reconcile.Options
	format, zone string
	since, until string
	logged       string
}

func newAuditReconcileCommand() *cobra.Command {
	var r reconcileCommand
	cmd := &cobra.Command{
		Use:   "reconcile --resource RESOURCE --server-log FILE...",
		Short: "Find what went around Sallyport, by the store's own log",
		Long: `Compares the record with the store's own log, and reports statements that the store ran without the record holding
them (bypass), and statements that the record holds and the store never logged (missing). The exit status is 0 when there
is neither.

The log is PostgreSQL's csvlog or jsonlog, with log_statement = all, log_min_duration_statement = 0 or pgaudit, or the
general log of MySQL or MariaDB; files may be rotated ones, and compressed (.gz, .zst). docs/reconcile.md says how to set
the server up, and what the outcomes mean.`,
		Example: `  sally audit reconcile --resource orders-db --server-log /var/log/postgresql/*.csv --gateway-host 10.1.2.3
  sally audit reconcile --resource orders-db --server-log pg.json.zst --since 2026-11-22 --until 2026-11-22 -o json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			r.options.Files = append(r.options.Files, args...) // what the shell made of a pattern behind --server-log
			return r.run(cmd.Context(), cmd.OutOrStdout(), time.Now())
		},
	}
	r.register(cmd, "table or json")
	f := cmd.Flags()
	f.StringVar(&r.options.Resource, "resource", "", "the resource whose store wrote the log")
	f.StringArrayVar(&r.options.Files, "server-log", nil, "a file of the log, or a pattern; may be repeated")
	f.StringVar(&r.format, "format", "", "csvlog, jsonlog or general-log; by default told by the files")
	f.StringVar(&r.zone, "log-timezone", "", "the zone of the log's times where they do not tell it, such as Europe/Berlin")
	f.StringVar(&r.since, "since", "", "compare from this time on (2h, 2026-11-22, 2026-11-22T10:00); by default from the log's first line")
	f.StringVar(&r.until, "until", "", "compare up to this time; of a day, until its end; by default to the log's last line")
	f.DurationVar(&r.options.Skew, "skew", 5*time.Second, "by how much the clocks of gateway and server may differ")
	f.StringSliceVar(&r.options.GatewayHosts, "gateway-host", nil, "address from which Sallyport reaches the store; a statement from elsewhere is a bypass")
	f.StringSliceVar(&r.options.ExceptLogins, "except-login", nil, "account at the store whose statements are not compared, such as that of its backups")
	f.StringVar(&r.logged, "logged", "", "classes that the server logs: all, mod, or a list such as ddl,write; by default told by the log")
	f.IntVar(&r.options.Limit, "limit", 1000, "list at most this many findings; all are counted")
	for _, name := range []string{"resource", "server-log"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // a flag that is registered above
		}
	}
	return cmd
}

func (r *reconcileCommand) run(ctx context.Context, out io.Writer, now time.Time) error {
	if err := checkOutput(r.output); err != nil {
		return err
	}
	if err := r.complete(now); err != nil {
		return err
	}
	var err error
	if r.options.Searcher, err = r.searcher(); err != nil {
		return err
	}
	report, err := reconcile.Run(ctx, r.options)
	if err != nil {
		return err
	}
	if r.output == "json" {
		err = json.NewEncoder(out).Encode(report)
	} else {
		err = printReconciliation(out, report)
	}
	if err == nil && !report.Clean() {
		err = fmt.Errorf("the record and the log of %s differ: %d statements went around Sallyport, %d are missing in the log",
			report.Resource, report.Bypassed, report.Missing)
	}
	return err
}

// complete makes options of the flags.
func (r *reconcileCommand) complete(now time.Time) (err error) {
	o := &r.options
	o.Format = reconcile.Format(r.format)
	if r.zone != "" {
		if o.Zone, err = time.LoadLocation(r.zone); err != nil {
			return fmt.Errorf("--log-timezone: %w", err)
		}
	}
	if r.since != "" {
		if o.From, err = query.ParseMoment(r.since, false, now); err != nil {
			return fmt.Errorf("--since: %w", err)
		}
	}
	if r.until != "" {
		if o.To, err = query.ParseMoment(r.until, true, now); err != nil {
			return fmt.Errorf("--until: %w", err)
		}
	}
	if o.LoggedClasses, err = reconcile.ParseLogged(r.logged); err != nil {
		return fmt.Errorf("--logged: %w", err)
	}
	if o.Skew <= 0 || o.Skew > time.Hour {
		return errors.New("--skew: give a duration of up to an hour, such as 5s")
	}
	if o.Limit < 1 {
		return errors.New("--limit is at least 1")
	}
	var files []string
	for _, pattern := range o.Files {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return fmt.Errorf("--server-log: %s: %w", pattern, err)
		}
		if len(found) == 0 {
			return fmt.Errorf("--server-log: there is no file %s", pattern)
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	o.Files = slices.Compact(files)
	return nil
}

func printReconciliation(out io.Writer, r *reconcile.Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(r.Findings) > 0 {
		fmt.Fprintln(w, "FINDING\tTIME\tWHO\tFROM\tAPPLICATION\tSTATEMENT\tWHERE")
	}
	for _, f := range r.Findings {
		who := f.Login
		if f.User != "" {
			who = f.User + " as " + f.Login
		}
		if f.Database != "" {
			who += " in " + f.Database
		}
		where := f.Event
		if f.Place != nil {
			where = f.Place.String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Kind, f.Time.UTC().Format("2006-01-02 15:04:05.000Z"), oneLine(who), oneLine(f.Host),
			oneLine(f.App), shortened(oneLine(f.Text)), oneLine(where))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.Unlisted > 0 {
		fmt.Fprintf(out, "%d findings more; list them with --limit.\n", r.Unlisted)
	}
	return printTotals(out, r)
}

// shortened cuts what would fill the terminal.
func shortened(text string) string {
	const width = 80
	if runes := []rune(text); len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return text
}

func printTotals(out io.Writer, r *reconcile.Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nresource\t%s\ncompared\t%s to %s\n", r.Resource, r.From.UTC().Format(time.RFC3339), r.To.UTC().Format(time.RFC3339))
	fmt.Fprintf(w, "server's log\t%d statements in %d lines, as %s\nrecord\t%d statements\n", r.Logged, r.Lines, r.Format, r.Recorded)
	fmt.Fprintf(w, "matched\t%d exactly, %d but for redacted parts, %d but for parameters, %d by their beginning\n",
		r.Matched.Exact, r.Matched.Redacted, r.Matched.Expanded, r.Matched.Cut)
	fmt.Fprintf(w, "bypassed\t%d\nmissing\t%d\nundecided\t%d\n", r.Bypassed, r.Missing, r.Undecided)
	for _, reason := range slices.Sorted(maps.Keys(r.Reasons)) {
		fmt.Fprintf(w, "\t%d: %s\n", r.Reasons[reason], reason)
	}
	for _, what := range slices.Sorted(maps.Keys(r.Left)) {
		fmt.Fprintf(w, "not compared\t%d %s\n", r.Left[what], what)
	}
	if r.Unreadable > 0 {
		fmt.Fprintf(w, "unreadable\t%d lines of the server's log\n", r.Unreadable)
	}
	if r.Damaged > 0 {
		fmt.Fprintf(w, "damaged\t%d places of the record\n", r.Damaged)
	}
	fmt.Fprintf(w, "clock\tthe server's log is %s to the record (%s to %s)\n", signed(r.Clock.Median), signed(r.Clock.Least), signed(r.Clock.Most))
	return w.Flush()
}

func signed(d time.Duration) string {
	text := d.Round(time.Microsecond).String()
	if !strings.HasPrefix(text, "-") {
		text = "+" + text
	}
	return text
}
