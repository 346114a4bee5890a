package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/audit/keep"
)

// journalFlags name a journal's directory.
type journalFlags struct{ dataDir, journal string }

func (f *journalFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dataDir, "data-dir", os.Getenv("SALLY_DATA_DIR"), "the server's data directory, whose journal it is (env SALLY_DATA_DIR)")
	cmd.Flags().StringVar(&f.journal, "journal", "", "the journal's directory itself")
	cmd.MarkFlagsMutuallyExclusive("data-dir", "journal")
}

func (f *journalFlags) dir() string {
	if f.journal != "" {
		return f.journal
	}
	dataDir := f.dataDir
	if dataDir == "" {
		dataDir = defaultDataDir()
	}
	return filepath.Join(dataDir, journalDir)
}

// recordingDirs are those of what terminals showed, in the data directory; none for a journal that was named by itself.
func (f *journalFlags) recordingDirs() []string {
	if f.journal != "" {
		return nil
	}
	beside := filepath.Dir(f.dir())
	return []string{filepath.Join(beside, recordingsDir), filepath.Join(beside, gatewayRecordingsDir)}
}

func newAuditBackupCommand() *cobra.Command {
	var f journalFlags
	var link, leave bool
	var recordings []string
	var output string
	cmd := &cobra.Command{
		Use:   "backup DEST",
		Short: "Copy the record, with its proof and recordings, while the server runs",
		Long: `Copies the record, with its proof and with what terminals showed, while the server runs: what had been recorded when the
command began is in the copy. DEST is a directory, where an earlier backup is replaced and only what is new is copied, or a
new .tar or .tar.zst file. It appears when it is complete and on disk, or not at all.

With --journal, recordings are copied from where --recordings says. The index is not in it: it is built again from the record. Neither are keys and credentials: see docs/retention.md.`,
		Example: `  sally audit backup /mnt/backup/sallyport
  sally audit backup --data-dir /var/lib/sallyport /mnt/backup/sallyport.tar.zst`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			if recordings == nil {
				recordings = f.recordingDirs()
			}
			if leave {
				recordings = nil
			}
			b, err := keep.MakeBackup(cmd.Context(), keep.BackupOptions{Journal: f.dir(), To: args[0], Recordings: recordings, Link: link})
			if err != nil {
				return err
			}
			if output == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(b)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s holds the record from number %d on: %d segments and %d recordings, %s, of which %s were copied now, in %s.\n",
				args[0], b.From, b.Segments, b.Recordings, megabytes(b.Bytes), megabytes(b.Copied), b.Took.Round(time.Millisecond))
			return err
		},
	}
	f.register(cmd)
	cmd.Flags().StringArrayVar(&recordings, "recordings", nil, "directory of recordings to copy, which keeps its name (repeat; by default the data directory's)")
	cmd.Flags().BoolVar(&leave, "no-recordings", false, "leave what terminals showed out")
	cmd.MarkFlagsMutuallyExclusive("recordings", "no-recordings")
	cmd.Flags().BoolVar(&link, "link", false, "link what never changes instead of copying it; DEST is on the journal's file system then")
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
