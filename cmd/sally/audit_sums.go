package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

// auditSum is what the commands that sum events up have in common.
type auditSum struct {
	auditFlags
	auditRange
}

func (s *auditSum) register(cmd *cobra.Command) {
	s.auditFlags.register(cmd, "table or json")
	s.auditRange.register(cmd)
}

// isJSON says whether the output is JSON; anything but json and table is an error.
func (s *auditSum) isJSON() (bool, error) {
	switch s.output {
	case "json":
		return true, nil
	case "table":
		return false, nil
	}
	return false, fmt.Errorf("-o %s is not known here; write table or json", s.output)
}

// noteCoverage tells when an answer does not stand on the whole record.
func noteCoverage(w io.Writer, c audit.Coverage) {
	if c.Partial {
		fmt.Fprintf(w, "Not all of the record was seen: the search ended after %d records. Narrow it, as with --since.\n", c.Scanned)
	}
	if c.Skipped > 0 {
		fmt.Fprintf(w, "%d damaged records could not be read.\n", c.Skipped)
	}
}

func newAuditCountCommand() *cobra.Command {
	var s auditSum
	cmd := &cobra.Command{
		Use:     "count [QUERY]",
		Short:   "Count events",
		Long:    "Count the events that match.\n\n" + auditQueryHelp,
		Example: `  sally audit count 'class:ddl resource:prod*' --since 30d`,
		RunE: func(cmd *cobra.Command, args []string) error {
			text := strings.Join(args, " ")
			return explainSyntax(s.count(cmd.Context(), text, cmd.OutOrStdout(), cmd.ErrOrStderr()), text)
		},
	}
	s.register(cmd)
	return cmd
}

func (s *auditSum) count(ctx context.Context, text string, out, notes io.Writer) error {
	asJSON, err := s.isJSON()
	if err != nil {
		return err
	}
	q, err := s.query(text, time.Now())
	if err != nil {
		return err
	}
	record, err := s.searcher()
	if err != nil {
		return err
	}
	c, err := record.Count(ctx, q, 0)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(out, c)
	}
	noteCoverage(notes, c.Coverage)
	_, err = fmt.Fprintln(out, c.Count)
	return err
}

type auditTop struct {
	auditSum
	by string
	n  int
}

func newAuditTopCommand() *cobra.Command {
	var s auditTop
	cmd := &cobra.Command{
		Use:   "top FIELD [QUERY]",
		Short: "Rank users, tables, resources or any other field",
		Long: `Rank a field's values among the events that match: by the number of events, or by the time, rows or bytes that
their statements took. FIELD may be in the plural.

` + auditQueryHelp,
		Example: `  sally audit top users --by duration --since 7d
  sally audit top tables 'class:write resource:orders-db' -n 20
  sally audit top fingerprints --by duration --since 1h     # the statements that cost most`,
		Args: cobra.MinimumNArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return rankedFields(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			text := strings.Join(args[1:], " ")
			return explainSyntax(s.run(cmd.Context(), args[0], text, cmd.OutOrStdout(), cmd.ErrOrStderr()), text)
		},
	}
	s.register(cmd)
	cmd.Flags().StringVar(&s.by, "by", string(audit.ByCount), "what to rank by: count, duration, rows or bytes")
	cmd.Flags().IntVarP(&s.n, "number", "n", 10, "how many values, 1 to 1000")
	completeFlag(cmd, "by", "count", "duration", "rows", "bytes")
	return cmd
}

// completeFlag offers a flag's values to the shell.
func completeFlag(cmd *cobra.Command, flag string, values ...string) {
	complete := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values, cobra.ShellCompDirectiveNoFileComp
	}
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // the flag was not registered before: a mistake in this program
	}
}

// rankedFields are the names that top and --by take.
func rankedFields() []string {
	var names []string
	for _, f := range query.Fields() {
		if _, err := query.RankedField(f.String()); err == nil {
			names = append(names, f.String())
		}
	}
	return names
}

// rankedField is the field that a person means, who may have named it in the plural.
func rankedField(name string) (string, error) {
	lower := strings.ToLower(name)
	for _, singular := range []string{lower, strings.TrimSuffix(lower, "s"), strings.TrimSuffix(lower, "es"),
		strings.TrimSuffix(lower, "ies") + "y"} {
		if _, err := query.RankedField(singular); err == nil {
			return singular, nil
		}
	}
	return "", fmt.Errorf("%q cannot be ranked; fields are %s", name, strings.Join(rankedFields(), ", "))
}

func (s *auditTop) run(ctx context.Context, name, text string, out, notes io.Writer) error {
	asJSON, err := s.isJSON()
	if err != nil {
		return err
	}
	field, err := rankedField(name)
	if err != nil {
		return err
	}
	switch audit.Measure(s.by) {
	case audit.ByCount, audit.ByDuration, audit.ByRows, audit.ByBytes:
	default:
		return fmt.Errorf("--by %s is not known; write count, duration, rows or bytes", s.by)
	}
	if s.n < 1 || s.n > 1000 {
		return fmt.Errorf("-n is from 1 to 1000")
	}
	q, err := s.query(text, time.Now())
	if err != nil {
		return err
	}
	record, err := s.searcher()
	if err != nil {
		return err
	}
	top, err := record.Top(ctx, audit.TopQuery{Query: q, Field: field, N: s.n, By: audit.Measure(s.by)})
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(out, top)
	}
	noteCoverage(notes, top.Coverage)
	return printTop(ctx, record, q, field, top, out)
}

func printTop(ctx context.Context, record audit.Searcher, q audit.Query, field string, top audit.Top, out io.Writer) error {
	head := []string{strings.ToUpper(field), "COUNT", "ROWS", "BYTES", "DURATION"}
	showing := field == query.Fingerprint.String()
	if showing {
		head = append(head, "NEWEST STATEMENT")
	}
	var rows [][]string
	for _, v := range top.Values {
		row := []string{oneLine(v.Value), strconv.FormatInt(v.Count, 10), strconv.FormatInt(v.Rows, 10), sizeText(v.Bytes),
			shortDuration(time.Duration(v.Duration))}
		if showing {
			text, err := newestOf(ctx, record, q, v.Value)
			if err != nil {
				return err
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	if err := printTable(out, head, rows); err != nil {
		return err
	}
	if more := top.Distinct - int64(len(top.Values)); more > 0 {
		_, err := fmt.Fprintf(out, "and %d more\n", more)
		return err
	}
	return nil
}

// newestOf is the text of the newest statement with a fingerprint.
func newestOf(ctx context.Context, record audit.Searcher, q audit.Query, fingerprint string) (string, error) {
	const shown = 80
	page, err := record.Search(ctx, audit.Query{Text: "fingerprint:" + strconv.Quote(fingerprint), From: q.From, To: q.To, Limit: 1})
	if err != nil || len(page.Rows) == 0 {
		return "", err
	}
	return cutTo(oneLine(eventText(&page.Rows[0])), shown), nil
}

// sizeText is a number of bytes with three digits and a unit.
func sizeText(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, unit := float64(n), 0
	for v >= 1000 && unit < 4 {
		v /= 1000
		unit++
	}
	return strconv.FormatFloat(v, 'g', 3, 64) + " " + [...]string{"B", "kB", "MB", "GB", "TB"}[unit]
}
