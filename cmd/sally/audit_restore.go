package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/audit/keep"
	auditproof "github.com/sallyport/sallyport/audit/proof"
	"github.com/sallyport/sallyport/audit/recording"
)

func newAuditRestoreCommand() *cobra.Command {
	var key, since, output string
	cmd := &cobra.Command{
		Use:   "restore SRC DIR",
		Short: "Make a journal directory of a backup, and verify it",
		Long: `Makes a journal directory of a backup: a directory, or a .tar or .tar.zst file. All of it is verified before DIR
appears, as sally audit verify does it; DIR must not exist, or be empty. A server whose journal it becomes goes on with it.
Recordings in the backup come to lie beside DIR, as recordings and gateway-recordings, and those that are missing or changed are named.`,
		Example: `  sally audit restore /mnt/backup/sallyport /var/lib/sallyport/journal
  sally audit restore sallyport-2026-11-23.tar.zst ./journal --key sallyport.pub`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			var o auditproof.VerifyOptions
			var err error
			if o.Key, err = verifierKey(key); err != nil {
				return err
			}
			if since != "" {
				checkpoint, err := os.ReadFile(since)
				if err != nil {
					return fmt.Errorf("--since: %w", err)
				}
				o.Since = string(checkpoint)
			}
			report, err := keep.Restore(cmd.Context(), args[0], args[1], o)
			if err != nil {
				return err
			}
			var found *recording.Verified
			if dir := filepath.Join(filepath.Dir(filepath.Clean(args[1])), recordingsDir); isDir(dir) {
				of, err := recording.Verify(cmd.Context(), dir, args[1])
				if err != nil {
					return err
				}
				found = &of
			}
			if output == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(verifiedRecord{report, found})
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "%s holds %d records, %s to %s; all verify.\n", args[1], report.Records,
				report.From.UTC().Format(time.RFC3339), report.To.UTC().Format(time.RFC3339))
			if found != nil {
				printRecordings(out, *found)
			}
			if report.Removed > 0 {
				fmt.Fprintf(out, "The %d records before them were removed by retention, as a signed record says.\n", report.Removed)
			}
			if !report.Pinned {
				fmt.Fprintln(out, "They were verified by the key that came with them; give the one that you trust with --key.")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "the verifier key that you trust, or a file that holds it; by default the one in the backup")
	cmd.Flags().StringVar(&since, "since", "", "file with a checkpoint that a witness holds: the backup must be an extension of it")
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}
