package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

// auditRange bounds the time of what is asked for.
type auditRange struct{ since, until string }

// register adds --since and --until, which may also be written --from and --to.
func (r *auditRange) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&r.since, "since", "", "only events from this time on (2h, 30d, 2026-11-22, 2026-11-22T10:00); --from is the same")
	flags.StringVar(&r.until, "until", "", "only events before this time; of a day, until its end; --to is the same")
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		switch name {
		case "from":
			name = "since"
		case "to":
			name = "until"
		}
		return pflag.NormalizedName(name)
	})
}

// query is the search that the text and the flags describe.
func (r *auditRange) query(text string, now time.Time) (q audit.Query, err error) {
	q.Text = text
	if r.since != "" {
		if q.From, err = query.ParseMoment(r.since, false, now); err != nil {
			return q, fmt.Errorf("--since: %w", err)
		}
	}
	if r.until != "" {
		if q.To, err = query.ParseMoment(r.until, true, now); err != nil {
			return q, fmt.Errorf("--until: %w", err)
		}
	}
	return q, nil
}
