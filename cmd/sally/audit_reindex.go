package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/embedded"
)

func newAuditReindexCommand() *cobra.Command {
	var journal string
	cmd := &cobra.Command{
		Use:   "reindex DIR",
		Short: "Build the embedded index anew from the journal",
		Long: `Builds the embedded index in DIR, such as /var/lib/sallyport/index, anew from the journal beside it. Nothing is lost
by it: the journal is the record, and the index can always be built again. A server does the same by itself, in the
background, with an index that it cannot use; this command is for when no server runs, and takes the whole machine.`,
		Example: `  sally audit reindex /var/lib/sallyport/index
  sally audit reindex /restored/index --journal /restored/journal`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if journal == "" {
				journal = filepath.Join(filepath.Dir(filepath.Clean(args[0])), journalDir)
			}
			begun := time.Now()
			stats, err := embedded.Reindex(cmd.Context(), args[0], journal, embedded.Options{Share: 1}, func(p audit.Progress) {
				fmt.Fprintf(cmd.ErrOrStderr(), "%d records indexed, %d to go\n", p.Records, p.Behind)
			})
			if errors.Is(err, embedded.ErrLocked) {
				return fmt.Errorf("a server has the index in %s open; stop it first, or let it rebuild the index itself: "+
					"stop it, remove the directory, and start it", args[0])
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d events in %d segments, %d bytes, in %s\n", stats.Rows, stats.Segments,
				stats.SegmentBytes, time.Since(begun).Round(time.Millisecond))
			return err
		},
	}
	cmd.Flags().StringVar(&journal, "journal", "", "the journal's directory; by default the one named journal beside DIR")
	return cmd
}
