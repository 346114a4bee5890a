package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/audit/touch"
)

type auditTouched struct {
	auditSum
	reads, writes bool
	resource      string
}

func newAuditTouchedCommand() *cobra.Command {
	var s auditTouched
	cmd := &cobra.Command{
		Use:   "touched TARGET",
		Short: "Tell who read or wrote a table, a column or a file, or used HOST:PORT",
		Long: `Tell who read or wrote a table, a column or a file, or used HOST:PORT.

TARGET is [resource or database or schema.]table[.column], or over SSH /PATH or HOST:PORT. Where it can be understood in two ways, both
are searched. It would rather name too much than miss something, and says how each statement names the target:

  table, column                 by its name; table also of a file and of HOST:PORT
  star                          by * in place of the column
  whole row                     no column is named: rows are inserted, deleted, copied or taken whole
  ..., by unqualified name      the table without the schema that TARGET has; the search path decides which it was

Statements whose text only mentions the table's name stand apart: they could not be parsed, or name other tables and hold
this one's elsewhere, such as in a string for a function. A view, a function or a trigger that reads the table is not seen
through: look for its name as well.`,
		Example: `  sally audit touched customers --since 30d
  sally audit touched orders.customers.email --reads
  sally audit touched public.orders --writes --resource orders-db -o json
  sally audit touched /etc/passwd --resource web-1
  sally audit touched db.internal:5432`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	s.register(cmd)
	cmd.Flags().BoolVar(&s.reads, "reads", false, "only statements that read, or may have")
	cmd.Flags().BoolVar(&s.writes, "writes", false, "only statements that wrote, or may have")
	cmd.Flags().StringVar(&s.resource, "resource", "", "only statements to this resource")
	cmd.MarkFlagsMutuallyExclusive("reads", "writes")
	return cmd
}

func (s *auditTouched) run(ctx context.Context, name string, out, notes io.Writer) error {
	asJSON, err := s.isJSON()
	if err != nil {
		return err
	}
	target, err := touch.ParseTarget(name)
	if err != nil {
		return err
	}
	c := touch.Collector{Target: target}
	switch {
	case s.reads:
		c.Kind = touch.Reads
	case s.writes:
		c.Kind = touch.Writes
	}
	report, err := s.collect(ctx, &c, notes)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(out, report)
	}
	noteCoverage(notes, report.Coverage)
	return printTouched(out, target, report)
}

// collect reads all pages of what may touch the target.
func (s *auditTouched) collect(ctx context.Context, c *touch.Collector, notes io.Writer) (touch.Report, error) {
	q, err := s.query(c.Target.Query(s.resource), time.Now())
	if err != nil {
		return touch.Report{}, err
	}
	record, err := s.searcher()
	if err != nil {
		return touch.Report{}, err
	}
	p := newProgress(io.Discard, notes)
	defer p.end()
	var all touch.Report
	for q.Limit = auditPageRows; ; {
		page, err := record.Search(ctx, q)
		if err != nil {
			return touch.Report{}, err
		}
		for i := range page.Rows {
			c.Add(&page.Rows[i])
		}
		all.Scanned += page.Scanned
		all.Skipped += page.Skipped
		if page.Next == "" {
			all.Partial = page.Partial
			break
		}
		if page.Next == q.Cursor {
			return touch.Report{}, errors.New("the search comes no further; narrow it with --since or --resource")
		}
		q.Cursor = page.Next
		p.show(fmt.Sprintf("%d records searched", all.Scanned))
	}
	covered := all.Coverage
	all = c.Report()
	all.Coverage = covered
	return all, nil
}

func printTouched(out io.Writer, target touch.Target, r touch.Report) error {
	if _, err := fmt.Fprintf(out, "%s: %s\n\n", oneLine(target.String()), oneLine(target.Explain())); err != nil {
		return err
	}
	if len(r.Users) == 0 {
		if _, err := fmt.Fprintf(out, "Nobody touched it (%d records searched).\n", r.Scanned); err != nil {
			return err
		}
	} else if err := printTouches(out, r.Users); err != nil {
		return err
	}
	if len(r.Mentions) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(out, "\nMentions the name only:"); err != nil {
		return err
	}
	return printTouches(out, r.Mentions)
}

func printTouches(out io.Writer, users []touch.User) error {
	const minute = "2006-01-02 15:04"
	head := []string{"USER", "READS", "WRITES", "OTHER", "REFUSED", "ROWS", "FIRST", "LAST", "HOW", "APPLICATIONS", "RESOURCES", "EXAMPLE"}
	var rows [][]string
	for i := range users {
		u := &users[i]
		row := []string{oneLine(u.User)}
		for _, n := range []int64{u.Reads, u.Writes, u.Other, u.Refused, u.Rows} {
			row = append(row, strconv.FormatInt(n, 10))
		}
		rows = append(rows, append(row, u.First.UTC().Format(minute), u.Last.UTC().Format(minute), howText(u.By),
			oneLine(listText(u.Applications)), oneLine(listText(u.Resources)), u.Example))
	}
	return printTable(out, head, rows)
}

// howText lists the ways with their counts.
func howText(by map[string]int64) string {
	var parts []string
	for _, how := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%s: %d", how, by[how]))
	}
	return strings.Join(parts, "; ")
}

// listText names the first few.
func listText(list []string) string {
	const named = 3
	if len(list) <= named {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:named], ", "), len(list)-named)
}
