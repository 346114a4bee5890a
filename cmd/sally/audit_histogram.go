package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

type auditHistogram struct {
	auditSum
	step, by string
}

func newAuditHistogramCommand() *cobra.Command {
	var s auditHistogram
	cmd := &cobra.Command{
		Use:   "histogram [QUERY]",
		Short: "Count events over time",
		Long:  "Count the events that match over time, a line for each step, in UTC.\n\n" + auditQueryHelp,
		Example: `  sally audit histogram 'resource:orders-db' --since 24h
  sally audit histogram 'error:*' --since 7d --step 1d --by resource`,
		RunE: func(cmd *cobra.Command, args []string) error {
			text := strings.Join(args, " ")
			return explainSyntax(s.run(cmd.Context(), text, cmd.OutOrStdout(), cmd.ErrOrStderr()), text)
		},
	}
	s.register(cmd)
	cmd.Flags().StringVar(&s.step, "step", "", "width of a step (1m, 1h, 1d), of whole seconds; without it one is chosen")
	cmd.Flags().StringVar(&s.by, "by", "", "count this field's ten most frequent values apart, such as class")
	completeFlag(cmd, "by", rankedFields()...)
	return cmd
}

func (s *auditHistogram) run(ctx context.Context, text string, out, notes io.Writer) error {
	asJSON, err := s.isJSON()
	if err != nil {
		return err
	}
	hq := audit.HistogramQuery{}
	now := time.Now()
	if hq.Query, err = s.query(text, now); err != nil {
		return err
	}
	if s.by != "" {
		if hq.By, err = rankedField(s.by); err != nil {
			return err
		}
	}
	if s.step != "" {
		begin, err := query.ParseMoment(s.step, false, now)
		if hq.Step = now.Sub(begin); err != nil || hq.Step < time.Second || hq.Step%time.Second != 0 {
			return fmt.Errorf("--step %q is no whole number of seconds; write 30s, 5m, 1h or 1d", s.step)
		}
	}
	record, err := s.searcher()
	if err != nil {
		return err
	}
	h, err := record.Histogram(ctx, hq)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(out, h)
	}
	noteCoverage(notes, h.Coverage)
	if len(h.Buckets) == 0 {
		fmt.Fprintf(notes, "No event matches (%d records searched).\n", h.Scanned)
		return nil
	}
	if wanted := int64(hq.Step / time.Second); wanted != 0 && wanted != h.StepSeconds {
		fmt.Fprintf(notes, "A step is %s: --step would make more than %d.\n", time.Duration(h.StepSeconds)*time.Second, audit.MaxBuckets)
	}
	return printHistogram(out, h)
}

// printHistogram draws a bar a bucket.
func printHistogram(out io.Writer, h audit.Histogram) error {
	const widest = 40 // columns of a bar
	step := time.Duration(h.StepSeconds) * time.Second
	layout := "2006-01-02 15:04"
	switch {
	case step%(24*time.Hour) == 0:
		layout = time.DateOnly
	case step%time.Minute != 0:
		layout = time.DateTime
	}
	values := histogramValues(h)
	head := append([]string{"TIME", "COUNT"}, values...)
	buckets := withoutGaps(h.Buckets, step)
	largest := slices.MaxFunc(buckets, func(a, b audit.Bucket) int { return cmp.Compare(a.Count, b.Count) }).Count
	var rows [][]string
	for _, b := range buckets {
		row := []string{b.Start.UTC().Format(layout), strconv.FormatInt(b.Count, 10)}
		for _, v := range values {
			row = append(row, strconv.FormatInt(b.By[v], 10))
		}
		rows = append(rows, append(row, bar(b.Count, largest, widest)))
	}
	for i := range head[2:] {
		head[2+i] = oneLine(head[2+i])
	}
	if err := printTable(out, append(head, ""), rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d events\n", h.Total)
	return err
}

// histogramValues are the values that are counted apart, the most frequent first.
func histogramValues(h audit.Histogram) []string {
	totals := map[string]int64{}
	for _, b := range h.Buckets {
		for v, n := range b.By {
			totals[v] += n
		}
	}
	var values []string
	for v := range totals {
		values = append(values, v)
	}
	slices.SortFunc(values, func(a, b string) int { return cmp.Or(cmp.Compare(totals[b], totals[a]), cmp.Compare(a, b)) })
	return values
}

// withoutGaps puts in the buckets without events, unless that would be many lines.
func withoutGaps(buckets []audit.Bucket, step time.Duration) []audit.Bucket {
	const most = 400
	first, last := buckets[0].Start, buckets[len(buckets)-1].Start
	if last.Sub(first)/step >= most {
		return buckets
	}
	var all []audit.Bucket
	for at := first; len(buckets) > 0; at = at.Add(step) {
		b := audit.Bucket{Start: at}
		if !buckets[0].Start.After(at) {
			b, buckets = buckets[0], buckets[1:]
		}
		all = append(all, b)
	}
	return all
}

// bar is n of largest, as a bar of at most so many columns, in eighths of a column.
func bar(n, largest int64, columns int) string {
	eighths := int(float64(n)/float64(max(1, largest))*float64(8*columns) + 0.5)
	if n > 0 {
		eighths = max(1, eighths)
	}
	whole := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		whole += string([]rune(" ▏▎▍▌▋▊▉")[rest])
	}
	return whole
}
