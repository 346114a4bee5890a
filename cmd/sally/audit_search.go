package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

// auditPageRows is how many rows are asked for at a time; the API gives no more.
const auditPageRows = 1000

type auditSearch struct {
	auditFlags
	auditRange
	limit int
	all   bool
}

func newAuditSearchCommand() *cobra.Command {
	var s auditSearch
	cmd := &cobra.Command{
		Use:   "search [QUERY]",
		Short: "Search the record, newest first",
		Long:  "Search the record, newest first.\n\n" + auditQueryHelp,
		Example: `  sally audit search 'user:alice resource:orders "refund" since:1h'
  sally audit search 'class:write table:/etc/* since:7d'      # files over SFTP and SCP
  sally audit search 'recording:yes user:alice' -o wide       # with the IDs that sally replay takes
  sally audit search 'error:* duration:>1s' --all -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			text := strings.Join(args, " ")
			return explainSyntax(s.run(cmd.Context(), text, cmd.OutOrStdout(), cmd.ErrOrStderr()), text)
		},
	}
	s.auditFlags.register(cmd, "table, wide (all columns, nothing cut) or json (one event a line)")
	s.auditRange.register(cmd)
	cmd.Flags().IntVar(&s.limit, "limit", 50, "print at most this many events")
	cmd.Flags().BoolVar(&s.all, "all", false, "print all events that match")
	cmd.MarkFlagsMutuallyExclusive("limit", "all")
	return cmd
}

func (s *auditSearch) run(ctx context.Context, text string, out, notes io.Writer) error {
	left := s.limit
	if s.all {
		left = math.MaxInt
	}
	if left < 1 {
		return errors.New("--limit is at least 1")
	}
	q, err := s.query(text, time.Now())
	if err != nil {
		return err
	}
	p, err := newEventPrinter(s.output, out)
	if err != nil {
		return err
	}
	record, err := s.searcher()
	if err != nil {
		return err
	}
	var covered audit.Coverage
	recorded := 0
	for left > 0 {
		q.Limit = min(left, auditPageRows)
		page, err := record.Search(ctx, q)
		if err != nil {
			return err
		}
		if err := p.print(page.Rows); err != nil {
			return err
		}
		left -= len(page.Rows)
		recorded += recordings(page.Rows)
		covered.Skipped += page.Skipped
		covered.Scanned += page.Scanned
		covered.Partial = page.Partial && page.Next == ""
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	s.note(notes, p.printed, q.Cursor != "", covered)
	if recorded > 0 && s.output == "table" {
		fmt.Fprintf(notes, "Recorded: %d of them; -o wide shows the IDs to replay them by: sally replay ID\n", recorded)
	}
	return nil
}

func recordings(events []audit.Event) (n int) {
	for i := range events {
		if events[i].Recording != nil && events[i].Type == audit.StatementBegin {
			n++
		}
	}
	return n
}

// note tells, beside the output itself, what the rows alone do not.
func (s *auditSearch) note(w io.Writer, rows int, more bool, covered audit.Coverage) {
	if rows == 0 && s.output != "json" {
		fmt.Fprintf(w, "No event matches (%d records searched).\n", covered.Scanned)
	}
	if more && s.output != "json" {
		fmt.Fprintf(w, "The newest %d events are shown; see more with --limit or --all.\n", rows)
	}
	noteCoverage(w, covered)
}

func newAuditTailCommand() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use:   "tail [QUERY]",
		Short: "Follow the record live",
		Long: `Follow the record live, until Ctrl-C. A statement is printed when it begins, and again when its result is known.

` + auditQueryHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			text := strings.Join(args, " ")
			err := f.tail(cmd.Context(), text, cmd.OutOrStdout())
			if cmd.Context().Err() != nil { // Ctrl-C is how a tail ends
				err = nil
			}
			return explainSyntax(err, text)
		},
	}
	f.register(cmd, "table, wide or json (one event a line)")
	return cmd
}

func (f *auditFlags) tail(ctx context.Context, text string, out io.Writer) error {
	p, err := newEventPrinter(f.output, out)
	if err != nil {
		return err
	}
	if _, err := query.Parse(text); err != nil {
		return err
	}
	record, err := f.searcher()
	if err != nil {
		return err
	}
	return record.Tail(ctx, text, func(e audit.Event) error { return p.print([]audit.Event{e}) })
}

func newAuditShowCommand() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one event whole",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.show(cmd.Context(), args[0], cmd.OutOrStdout())
		},
	}
	f.register(cmd, "table or json")
	return cmd
}

func (f *auditFlags) show(ctx context.Context, id string, out io.Writer) error {
	if err := checkOutput(f.output); err != nil {
		return err
	}
	record, err := f.searcher()
	if err != nil {
		return err
	}
	e, err := record.Get(ctx, id)
	if errors.Is(err, audit.ErrNotFound) {
		return fmt.Errorf("the record holds no event %q; find its ID with: sally audit search -o wide", id)
	}
	if err != nil {
		return err
	}
	if f.output == "json" {
		_, err = out.Write(append(e.AppendJSON(nil), '\n'))
		return err
	}
	return printEvent(out, &e)
}
