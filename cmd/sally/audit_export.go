package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/export"
)

type auditExport struct {
	auditFlags
	auditRange
	format, file string
}

func newAuditExportCommand() *cobra.Command {
	var x auditExport
	cmd := &cobra.Command{
		Use:   "export [QUERY]",
		Short: "Write all events that match into a file",
		Long: `Write all events that match into a file, newest first: as JSON lines, as CSV that a spreadsheet opens without danger,
or as Parquet. The file appears once it is whole. The server records who exported what.

` + auditQueryHelp,
		Example: `  sally audit export 'resource:orders-db' --since 2026-11-01 --until 2026-11-30 -o november.parquet
  sally audit export 'user:alice' --format csv -o alice.csv
  sally audit export 'type:admin' | jq .action`,
		RunE: func(cmd *cobra.Command, args []string) error {
			text := strings.Join(args, " ")
			return explainSyntax(x.run(cmd.Context(), text, cmd.OutOrStdout(), cmd.ErrOrStderr()), text)
		},
	}
	x.registerSource(cmd)
	x.auditRange.register(cmd)
	cmd.Flags().StringVar(&x.format, "format", "", "jsonl, csv or parquet; without it FILE's ending decides")
	cmd.Flags().StringVarP(&x.file, "output", "o", "-", "file to write, readable by you alone; - is the standard output")
	completeFlag(cmd, "format", "jsonl", "csv", "parquet")
	return cmd
}

func (x *auditExport) run(ctx context.Context, text string, out, notes io.Writer) error {
	name := x.format
	if ending := strings.TrimPrefix(filepath.Ext(x.file), "."); name == "" && ending != "json" {
		name = ending
	}
	format, err := export.ParseFormat(name)
	if err != nil {
		return fmt.Errorf("%w; say it with --format", err)
	}
	q, err := x.query(text, time.Now())
	if err != nil {
		return err
	}
	if x.file == "-" {
		return x.write(ctx, q, format, out, notes)
	}
	return writeWhole(x.file, func(f io.Writer) error { return x.write(ctx, q, format, f, notes) })
}

// writeWhole makes the file at path of what write writes. Nothing stands there, or what stood before, until all of it
// is on disk.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("create file: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("name file: %w", err)
	}
	return f.Close()
}

func (x *auditExport) write(ctx context.Context, q audit.Query, format export.Format, out, notes io.Writer) error {
	p := newProgress(out, notes)
	defer p.end()
	if x.journal != "" {
		record, err := x.searcher()
		if err != nil {
			return err
		}
		return exportPages(ctx, record, q, format, p, notes)
	}
	c, err := x.api.client()
	if err != nil {
		return err
	}
	return downloadExport(ctx, c, q, format, p, notes)
}

// exportPages writes what a searcher finds.
func exportPages(ctx context.Context, record audit.Searcher, q audit.Query, format export.Format, out *progress, notes io.Writer) error {
	to, err := export.New(format, out)
	if err != nil {
		return err
	}
	var covered audit.Coverage
	for q.Limit = auditPageRows; ; {
		page, err := record.Search(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Rows {
			if err := to.Write(&page.Rows[i]); err != nil {
				return err
			}
		}
		covered.Scanned += page.Scanned
		covered.Skipped += page.Skipped
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	out.end()
	noteCoverage(notes, covered)
	return to.Close()
}

// downloadExport copies the server's own export. An answer that breaks off is an error of the copy.
func downloadExport(ctx context.Context, c *apiClient, q audit.Query, format export.Format, out *progress, notes io.Writer) error {
	v := values(q)
	v.Set("format", string(format))
	res, err := c.send(ctx, http.MethodGet, "/audit/export?"+v.Encode(), nil,
		http.Header{"Accept": {format.MediaType() + ", application/problem+json"}})
	if err != nil {
		return auditError(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(out, res.Body); err != nil {
		return fmt.Errorf("the export broke off after %s; the server's log says why: %w", sizeText(out.written), err)
	}
	out.end()
	switch skipped := res.Trailer.Get("Sallyport-Export-Skipped"); {
	case skipped == "":
		fmt.Fprintln(notes, "The server's word that the export is whole was lost on the way: a proxy between removes trailers.")
	case skipped != "0":
		fmt.Fprintf(notes, "%s damaged records could not be read.\n", skipped)
	}
	return nil
}

// progress counts what passes through, and shows it where a person looks on.
type progress struct {
	out     io.Writer
	notes   io.Writer // nil: nobody looks on
	written int64
	shown   time.Time
}

// newProgress shows progress on notes when that is a terminal and out is none.
func newProgress(out, notes io.Writer) *progress {
	p := &progress{out: out, shown: time.Now()}
	if isTerminal(notes) && !isTerminal(out) {
		p.notes = notes
	}
	return p
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (p *progress) Write(b []byte) (int, error) {
	n, err := p.out.Write(b)
	p.written += int64(n)
	p.show(sizeText(p.written) + " written")
	return n, err
}

// show replaces the line that is shown, now and then.
func (p *progress) show(text string) {
	const every = 200 * time.Millisecond
	if p.notes == nil || time.Since(p.shown) < every {
		return
	}
	p.shown = time.Now()
	fmt.Fprintf(p.notes, "\r\x1b[K%s", text)
}

// end clears the line.
func (p *progress) end() {
	if p.notes != nil {
		fmt.Fprint(p.notes, "\r\x1b[K")
	}
	p.notes = nil
}
