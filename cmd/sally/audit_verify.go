package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	auditproof "github.com/sallyport/sallyport/audit/proof"
	"github.com/sallyport/sallyport/audit/recording"
)

type auditVerify struct {
	dataDir string
	key     string
	since   string
	output  string
	// control is the control plane's journal, where the record is the copy of a gateway's; empty: it is none, or its retention has removed nothing.
	control string
	// recordings is the directory of what terminals showed; empty: that is not looked at.
	recordings string
}

func newAuditVerifyCommand() *cobra.Command {
	var v auditVerify
	cmd := &cobra.Command{
		Use:   "verify [DIR|ARCHIVE]",
		Short: "Prove that nothing in the record was changed, removed or inserted",
		Long: `Reads the whole record again (a journal's directory, also of a running server, or an archive that sally audit backup
made: .tar or .tar.zst) and holds it against the signed checkpoints. It needs no server. Without an argument it reads
the journal in the data directory. The recordings in a backup's directory are verified with it; those in an archive are
when it is restored.

The exit status is 0 when all is right, and 1 with the first fault when it is not. Give --key: whoever could change
the record could also change the key that lies beside it.`,
		Example: `  sally audit verify --key sallyport.pub
  sally audit verify /backup/journal.tar.zst --key sallyport.pub --since witness.checkpoint`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return v.run(cmd.Context(), args, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.dataDir, "data-dir", os.Getenv("SALLY_DATA_DIR"), "data directory whose journal is read when none is named (env SALLY_DATA_DIR)")
	f.StringVar(&v.key, "key", "", "the verifier key that you trust, or a file that holds it; any that the log ever had")
	f.StringVar(&v.since, "since", "", "file with a checkpoint that a witness holds: the record must be an extension of it")
	f.StringVar(&v.recordings, "recordings", "", "directory of recordings, such as recordings in the data directory: those that the record tells of must be there, unchanged (by default the backup's own)")
	f.StringVar(&v.control, "control", "", "journal of the control plane whose copy of a gateway's journal this is: it names what was removed of it (by default the one in the same data directory)")
	f.StringVarP(&v.output, "output", "o", "table", "table or json")
	return cmd
}

func (v *auditVerify) run(ctx context.Context, args []string, out io.Writer) error {
	if err := checkOutput(v.output); err != nil {
		return err
	}
	o := auditproof.VerifyOptions{}
	var err error
	if o.Key, err = verifierKey(v.key); err != nil {
		return err
	}
	if v.since != "" {
		b, err := os.ReadFile(v.since)
		if err != nil {
			return fmt.Errorf("read checkpoint: %w", err)
		}
		o.Since = lastNote(string(b))
	}
	place := v.place(args)
	if within := filepath.Join(place, recordingsDir); v.recordings == "" && isDir(within) { // a backup
		v.recordings = within
	}
	if err := v.checkRecordings(place); err != nil {
		return err
	}
	if v.control == "" {
		v.control = controlOf(place)
	}
	if o.Removals, err = removalsBy(ctx, v.control, v.recordings != ""); err != nil {
		return err
	}
	r, err := auditproof.Verify(ctx, place, o)
	if err != nil {
		return err
	}
	var found *recording.Verified
	if v.recordings != "" && r.Fault == nil { // a record that was changed proves nothing of recordings
		var removers []string
		if v.control != "" {
			removers = append(removers, v.control)
		}
		of, err := recording.Verify(ctx, v.recordings, place, removers...)
		if err != nil {
			return err
		}
		found = &of
	}
	if err := v.print(out, r, found); err != nil {
		return err
	}
	switch {
	case r.Fault != nil:
		return fmt.Errorf("the record is not what was signed: %w", r.Fault)
	case found != nil && len(found.Faults) > 0:
		return fmt.Errorf("%d of %d recordings are not what the record says", len(found.Faults), found.Recordings)
	}
	return nil
}

// controlOf is the control plane's journal in whose data directory the copy of a gateway's lies; empty when it lies elsewhere.
func controlOf(place string) string {
	place, err := filepath.Abs(place)
	if gateways := filepath.Dir(filepath.Dir(place)); err == nil && filepath.Base(gateways) == gatewaysDir {
		if control := filepath.Join(filepath.Dir(gateways), journalDir); isDir(control) {
			return control
		}
	}
	return ""
}

// removalsBy are the removals of copies' records that a control plane's record names, which must be as it was signed: also where it names none,
// if it is asked about recordings.
func removalsBy(ctx context.Context, control string, recordings bool) ([]auditproof.Removal, error) {
	if control == "" {
		return nil, nil
	}
	removals, err := auditproof.RemovalsOfCopy(ctx, control, "")
	if err != nil || len(removals) == 0 && !recordings {
		return nil, err
	}
	r, err := auditproof.Verify(ctx, control, auditproof.VerifyOptions{})
	if err == nil && r.Fault != nil {
		err = r.Fault
	}
	if err != nil {
		return nil, fmt.Errorf("the record of the control plane, which says what was removed of this copy, is not what was signed: %w", err)
	}
	return removals, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// checkRecordings says what is wrong with where the recordings are said to be, or with the record that tells of them.
func (v *auditVerify) checkRecordings(place string) error {
	if v.recordings == "" {
		return nil
	}
	if info, err := os.Stat(v.recordings); err != nil {
		return fmt.Errorf("read recordings: %w", err)
	} else if !info.IsDir() {
		return fmt.Errorf("--recordings is a directory, which %s is not", v.recordings)
	}
	if info, err := os.Stat(place); err == nil && !info.IsDir() {
		return fmt.Errorf("--recordings needs the record as a directory; unpack %s with: sally audit restore", place)
	}
	return nil
}

// print writes what was found; recordings are nil when they were not looked at.
func (v *auditVerify) print(out io.Writer, r auditproof.Report, recordings *recording.Verified) error {
	if v.output == "json" {
		return printJSON(out, verifiedRecord{r, recordings})
	}
	if err := printReport(out, r); err != nil || recordings == nil {
		return err
	}
	printRecordings(out, *recordings)
	return nil
}

// verifiedRecord is what is known of a record and of its recordings; nil: these were not looked at.
type verifiedRecord struct {
	auditproof.Report
	Recordings *recording.Verified `json:"recordings,omitempty"`
}

func printRecordings(out io.Writer, v recording.Verified) {
	fmt.Fprintf(out, "recordings   %d, of which %d are missing or changed\n", v.Recordings, len(v.Faults))
	for _, f := range v.Faults {
		fmt.Fprintf(out, "  %s: %s\n", f.Statement, f.Reason)
	}
}

func (v *auditVerify) place(args []string) string {
	if len(args) == 1 {
		return args[0]
	}
	dir := v.dataDir
	if dir == "" {
		dir = defaultDataDir()
	}
	return filepath.Join(dir, "journal")
}

// verifierKey is a key that was given as such, or as the file that holds it.
func verifierKey(given string) (string, error) {
	if given == "" || strings.Count(given, "+") >= 2 && !strings.HasPrefix(given, ".") && !strings.HasPrefix(given, "/") {
		return given, nil
	}
	b, err := os.ReadFile(given)
	if err != nil {
		return "", fmt.Errorf("read key: %w", err)
	}
	key := strings.TrimSpace(string(b))
	if key == "" || strings.ContainsAny(key, " \n") {
		return "", fmt.Errorf("%s holds no verifier key; it is one line that begins with the log's name, such as sallyport/gw-1+0123abcd+AQID", given)
	}
	return key, nil
}

// lastNote is the newest checkpoint in a file of a witness, which may hold many, each followed by an empty line.
func lastNote(text string) string {
	text = strings.TrimRight(text, "\n") + "\n"
	signatures := strings.LastIndex(text, "\n\n")
	if signatures < 0 {
		return text
	}
	if before := strings.LastIndex(text[:signatures], "\n\n"); before >= 0 {
		return text[before+2:]
	}
	return text
}

func printReport(out io.Writer, r auditproof.Report) error {
	rate := 0.0
	if r.Elapsed > 0 {
		rate = float64(r.Bytes) / 1e6 / r.Elapsed.Seconds()
	}
	key := r.Key
	if !r.Pinned {
		key += " (found with the log; pin it with --key)"
	}
	names := []string{"log", "key", "records", "segments", "side files", "checkpoints", "key changes", "read"}
	values := []string{r.Origin, key, recordsText(r), strconv.Itoa(r.Segments), strconv.Itoa(r.SideFiles), checkpointsText(r),
		strconv.Itoa(r.KeyChanges), fmt.Sprintf("%.1f MB in %s (%.0f MB/s)", float64(r.Bytes)/1e6, r.Elapsed.Round(time.Millisecond), rate)}
	if r.Removed > 0 {
		names, values = append(names, "removed"), append(values, fmt.Sprintf("%d older records, as a signed record says", r.Removed))
	}
	if r.Since > 0 && r.Fault == nil {
		names, values = append(names, "witness"), append(values, fmt.Sprintf("the record extends the witness's checkpoint of %d records", r.Since))
	}
	verdict := "verified"
	switch {
	case r.Fault != nil:
		verdict = "NOT VERIFIED"
	case !r.Pinned:
		verdict = "verified against the key found with the log; pin it with --key"
	}
	return printPairs(out, append(names, "result"), append(values, verdict))
}

func recordsText(r auditproof.Report) string {
	text := strconv.FormatUint(r.Records, 10)
	if r.Records > 0 {
		text += fmt.Sprintf(", from %s to %s", r.From.UTC().Format(time.RFC3339), r.To.UTC().Format(time.RFC3339))
	}
	if r.Unsigned > 0 {
		text += fmt.Sprintf("; no checkpoint covers the last %d yet", r.Unsigned)
	}
	return text
}

func checkpointsText(r auditproof.Report) string {
	text := strconv.Itoa(r.Checkpoints)
	if r.Size > 0 {
		text += fmt.Sprintf("; the newest covers %d records, signed %s", r.Size, r.Signed.UTC().Format(time.RFC3339))
	}
	return text
}

func newAuditRotateKeyCommand() *cobra.Command {
	var a apiFlags
	cmd := &cobra.Command{
		Use:   "rotate-key",
		Short: "Sign checkpoints with a new key",
		Long: `Makes a new key for the checkpoints of a running server. The change is an event of the record, and the checkpoint that
covers it is signed by both keys: whoever trusts the former key can verify everything after it as well.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			var keys struct{ Key, Former string }
			if err := c.do(cmd.Context(), "POST", "/audit/key/rotate", nil, &keys); err != nil {
				return err
			}
			if keys.Key == "" {
				return errors.New("the server names no new key")
			}
			return printPairs(cmd.OutOrStdout(), []string{"key", "former"}, []string{keys.Key, keys.Former})
		},
	}
	a.register(cmd.Flags())
	return cmd
}
