package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/scan"
)

const auditQueryHelp = `QUERY is a list of terms that must all hold:

  user:alice resource:orders class:write     fields; a value may be ali* or a,b,c or "with spaces", * is any
  rows:>100 bytes:>=1MB duration:500ms..2s   numbers
  since:1h until:2026-11-22                  time ago, or a point in UTC
  refund "insert into"                       a word, a phrase, in statements and their parameters
  error:* not user:bob (a or b)              any error; negation, alternatives

Fields: user group role resource protocol account database client application session gateway entrance type class
table column verdict error tag credential fingerprint action target id param command prepared policy reason redacted
done recording rows bytes duration first_row bytes_in bytes_out statements seq since until.
A term may also be negated by a minus: sally audit search -- '-user:bob class:write'.`

func newAuditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Find out what was done",
		Long:  "Search the record of what everybody did, follow it live, and show one event whole.\n\n" + auditQueryHelp,
	}
	cmd.AddCommand(newAuditSearchCommand(), newAuditTailCommand(), newAuditShowCommand(), newAuditTopCommand(),
		newAuditHistogramCommand(), newAuditCountCommand(), newAuditTouchedCommand(), newAuditExportCommand(), newAuditStatusCommand(),
		newAuditVerifyCommand(), newAuditProveCommand(), newAuditCheckCommand(), newAuditCheckpointCommand(), newAuditRotateKeyCommand())
	cmd.AddCommand(newAuditBackupCommand(), newAuditRestoreCommand(), newAuditReconcileCommand(), newAuditReindexCommand())
	return cmd
}

// auditFlags are what the audit commands share.
type auditFlags struct {
	api     apiFlags
	journal string
	output  string
}

func (f *auditFlags) register(cmd *cobra.Command, outputs string) {
	f.registerSource(cmd)
	cmd.Flags().StringVarP(&f.output, "output", "o", "table", outputs)
}

// registerSource adds the flags that say where the record is.
func (f *auditFlags) registerSource(cmd *cobra.Command) {
	f.api.register(cmd.Flags())
	cmd.Flags().StringVar(&f.journal, "journal", "",
		"journal directory to read without a server, such as that of a server that does not start")
}

// searcher is the server's record, or that of a journal directory.
func (f *auditFlags) searcher() (audit.Searcher, error) {
	if f.journal == "" {
		c, err := f.api.client()
		if err != nil {
			return nil, err
		}
		return remoteRecord{c}, nil
	}
	segments, err := filepath.Glob(filepath.Join(f.journal, "*.journal"))
	if err != nil {
		return nil, fmt.Errorf("list journal: %w", err)
	}
	if len(segments) == 0 {
		if _, err := os.Stat(f.journal); err != nil {
			return nil, fmt.Errorf("open journal: %w", err)
		}
		return nil, fmt.Errorf("%s holds no journal; its files end in .journal", f.journal)
	}
	s := scan.Open(f.journal)
	s.Budget = math.MaxInt64 // whoever waits can stop it
	return s, nil
}

// remoteRecord is the record as a server's API serves it.
type remoteRecord struct{ api *apiClient }

var _ audit.Searcher = remoteRecord{}

// values are the parameters that all questions have.
func values(q audit.Query) url.Values {
	v := url.Values{"q": {q.Text}}
	if !q.From.IsZero() {
		v.Set("from", q.From.Format(time.RFC3339Nano))
	}
	if !q.To.IsZero() {
		v.Set("to", q.To.Format(time.RFC3339Nano))
	}
	return v
}

// ask puts a question that has no body.
func (r remoteRecord) ask(ctx context.Context, path string, v url.Values, into any) error {
	return auditError(r.api.do(ctx, http.MethodGet, path+"?"+v.Encode(), nil, into))
}

func (r remoteRecord) Search(ctx context.Context, q audit.Query) (page audit.Page, err error) {
	v := values(q)
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Cursor != "" {
		v.Set("cursor", q.Cursor)
	}
	err = r.ask(ctx, "/audit/events", v, &page)
	return page, err
}

func (r remoteRecord) Histogram(ctx context.Context, q audit.HistogramQuery) (h audit.Histogram, err error) {
	v := values(q.Query)
	v.Set("step", strconv.FormatInt(int64(q.Step/time.Second), 10))
	v.Set("by", q.By)
	err = r.ask(ctx, "/audit/histogram", v, &h)
	return h, err
}

func (r remoteRecord) Top(ctx context.Context, q audit.TopQuery) (t audit.Top, err error) {
	v := values(q.Query)
	v.Set("field", q.Field)
	if q.N > 0 {
		v.Set("n", strconv.Itoa(q.N))
	}
	if q.By != "" {
		v.Set("by", string(q.By))
	}
	err = r.ask(ctx, "/audit/top", v, &t)
	return t, err
}

func (r remoteRecord) Count(ctx context.Context, q audit.Query, limit int64) (c audit.Count, err error) {
	v := values(q)
	v.Set("limit", strconv.FormatInt(limit, 10))
	err = r.ask(ctx, "/audit/count", v, &c)
	return c, err
}

func (r remoteRecord) Get(ctx context.Context, id string) (audit.Event, error) {
	var e audit.Event
	err := r.api.do(ctx, http.MethodGet, "/audit/events/"+url.PathEscape(id), nil, &e)
	var refused *apiError
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		err = audit.ErrNotFound
	}
	return e, err
}

func (r remoteRecord) Tail(ctx context.Context, text string, emit func(audit.Event) error) error {
	err := r.api.stream(ctx, "/audit/tail?"+url.Values{"q": {text}}.Encode(), func(data []byte) error {
		var e audit.Event
		if err := json.Unmarshal(data, &e); err != nil {
			return fmt.Errorf("decode event: %w", err)
		}
		return emit(e)
	})
	if err == nil && ctx.Err() == nil {
		return errors.New("the server ended the tail")
	}
	return auditError(err)
}

// auditError makes a refusal that points into the query the error that the searcher would have given.
func auditError(err error) error {
	var refused *apiError
	if errors.As(err, &refused) && refused.Position != nil {
		return &audit.SyntaxError{Pos: *refused.Position, Len: refused.Length, Message: refused.Error()}
	}
	return err
}

// explainSyntax adds the query to a syntax error, with a caret at the place.
func explainSyntax(err error, text string) error {
	var syntax *audit.SyntaxError
	if !errors.As(err, &syntax) || syntax.Pos < 0 || syntax.Pos > len(text) {
		return err
	}
	end := min(len(text), syntax.Pos+max(0, syntax.Len))
	before, marked := oneLine(text[:syntax.Pos]), oneLine(text[syntax.Pos:end])
	return fmt.Errorf("%w\n\n  %s\n  %s%s", syntax, before+marked+oneLine(text[end:]),
		strings.Repeat(" ", displayWidth(before)), strings.Repeat("^", max(1, displayWidth(marked))))
}
