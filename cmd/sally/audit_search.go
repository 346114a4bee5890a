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
	limit    int
	all      bool
	from, to string
}

func newAuditSearchCommand() *cobra.Command {
	var s auditSearch
	cmd := &cobra.Command{
		Use:   "search [QUERY]",
		Short: "Search the record, newest first",
		Long:  "Search the record, newest first.\n\n" + auditQueryHelp,
		Example: `  sally audit search 'user:alice resource:orders "refund" since:1h'
  sally audit search 'error:* duration:>1s' --all -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			text := strings.Join(args, " ")
			return explainSyntax(s.run(cmd.Context(), text, cmd.OutOrStdout(), cmd.ErrOrStderr()), text)
		},
	}
	s.register(cmd, "table, wide (all columns, nothing cut) or json (one event a line)")
	cmd.Flags().IntVar(&s.limit, "limit", 50, "print at most this many events")
	cmd.Flags().BoolVar(&s.all, "all", false, "print all events that match")
	cmd.Flags().StringVar(&s.from, "from", "", "only events from this time on (2h, 2026-11-22, 2026-11-22T10:00)")
	cmd.Flags().StringVar(&s.to, "to", "", "only events before this time; of a day, until its end")
	cmd.MarkFlagsMutuallyExclusive("limit", "all")
	return cmd
}

// request is the search that the flags describe.
func (s *auditSearch) request(text string, now time.Time) (q audit.Query, err error) {
	q.Text = text
	if s.from != "" {
		if q.From, err = query.ParseMoment(s.from, false, now); err != nil {
			return q, fmt.Errorf("--from: %w", err)
		}
	}
	if s.to != "" {
		if q.To, err = query.ParseMoment(s.to, true, now); err != nil {
			return q, fmt.Errorf("--to: %w", err)
		}
	}
	return q, nil
}

func (s *auditSearch) run(ctx context.Context, text string, out, notes io.Writer) error {
	left := s.limit
	if s.all {
		left = math.MaxInt
	}
	if left < 1 {
		return errors.New("--limit is at least 1")
	}
	q, err := s.request(text, time.Now())
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
	var skipped, scanned int64
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
		skipped += page.Skipped
		scanned += page.Scanned
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	s.note(notes, p.printed, q.Cursor != "", scanned, skipped)
	return nil
}

// note tells, beside the output itself, what the rows alone do not.
func (s *auditSearch) note(w io.Writer, rows int, more bool, scanned, skipped int64) {
	if rows == 0 && s.output != "json" {
		fmt.Fprintf(w, "No event matches (%d records searched).\n", scanned)
	}
	if more && s.output != "json" {
		fmt.Fprintf(w, "The newest %d events are shown; see more with --limit or --all.\n", rows)
	}
	if skipped > 0 {
		fmt.Fprintf(w, "%d damaged records could not be read.\n", skipped)
	}
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
	if f.output != "table" && f.output != "json" {
		return fmt.Errorf("-o %s is not known here; write table or json", f.output)
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
