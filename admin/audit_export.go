package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/export"
)

const (
	// maxExports bounds the exports that run at a time: each reads as fast as it can.
	maxExports = 4
	// exportPage is how many events an export has in memory at a time.
	exportPage = 500
	// exportWriteTime is how long an export waits for a client that does not read.
	exportWriteTime = 30 * time.Second
	// exportTrailer comes after a whole export: the number of its events.
	exportTrailer = "Sallyport-Export-Events"
	// skippedTrailer comes with it: the number of records that could not be read.
	skippedTrailer = "Sallyport-Export-Skipped"
)

type exportRequest struct {
	Text   string        `query:"q" maxLength:"8192" doc:"As for searching; empty exports everything"`
	From   time.Time     `query:"from" doc:"Only events at or after this time (RFC 3339)"`
	To     time.Time     `query:"to" doc:"Only events before this time (RFC 3339)"`
	Format export.Format `query:"format" enum:"jsonl,csv,parquet" default:"jsonl" doc:"jsonl: an event a line; csv: safe to open in a spreadsheet, see docs/api.md; parquet"`
}

// registerExport documents the stream by hand, since it is no JSON body.
func (s *Service) registerExport(a *api) {
	content := map[string]*huma.MediaType{}
	for _, f := range []export.Format{export.JSONL, export.CSV, export.Parquet} {
		content[f.MediaType()] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	op := huma.Operation{
		OperationID: "export-audit", Method: http.MethodGet, Path: "/audit/export", Summary: "Export all events that match, newest first",
		Description: "Streamed, of any size; four at a time, then 429. Texts that stand in side files are left as references. A whole export ends with the trailer " +
			exportTrailer + ", the number of its events; one that broke off ends without the end of its last chunk, which clients " +
			"report as an error. It ends when the caller loses the right to read. Who exported what is in the record.",
		Security:    []map[string][]string{{"cookie": {}}, {"token": {}}},
		Middlewares: huma.Middlewares{s.guard(route{level: reader})},
		Responses:   map[string]*huma.Response{"200": {Description: "The events", Content: content}},
	}
	huma.Register(a.API, op, func(ctx context.Context, in *exportRequest) (*huma.StreamResponse, error) {
		select {
		case s.exports <- struct{}{}:
		default:
			return nil, s.answerable(ctx, &refusal{status: http.StatusTooManyRequests,
				sentence: fmt.Sprintf("%d exports are running already; try again when one is through", maxExports)})
		}
		x := exporting{service: s, format: in.Format, query: audit.Query{Text: in.Text, From: in.From, To: in.To, Limit: exportPage}}
		if err := x.begin(ctx); err != nil {
			<-s.exports
			return nil, s.answerable(ctx, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			defer func() { <-s.exports }()
			r, w := humago.Unwrap(hc)
			x.stream(r.WithContext(hc.Context()), w)
		}}, nil
	})
}

// exporting is one export under way.
type exporting struct {
	service *Service
	format  export.Format
	query   audit.Query // of the page to come
	page    audit.Page  // the page at hand

	events, skipped int64
}

// begin finds the first page, so that a mistake in the search is a plain error, and records the export.
func (x *exporting) begin(ctx context.Context) error {
	if x.format == "" {
		x.format = export.JSONL
	}
	if err := x.find(ctx); err != nil {
		return err
	}
	return x.service.record(ctx, act{action: "audit.export", target: x.query.Text, after: x.described()})
}

// described is what the record tells of the export.
func (x *exporting) described() map[string]any {
	d := map[string]any{"q": x.query.Text, "format": x.format}
	if !x.query.From.IsZero() {
		d["from"] = x.query.From
	}
	if !x.query.To.IsZero() {
		d["to"] = x.query.To
	}
	return d
}

// find gets the next page. A page that does not bring the search further is an error: the export would not be whole.
func (x *exporting) find(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	page, err := x.service.searcher.Search(ctx, x.query)
	if err != nil {
		return err
	}
	if page.Partial && (page.Next == "" || page.Next == x.query.Cursor) {
		return errors.New("the search ended before it had seen all of the record")
	}
	x.page, x.query.Cursor = page, page.Next
	x.skipped += page.Skipped
	return nil
}

// stream sends the export. Once it has begun, an error can only be told by breaking the answer off.
func (x *exporting) stream(r *http.Request, w http.ResponseWriter) {
	s := x.service
	h := w.Header()
	h.Set("Content-Type", x.format.MediaType())
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=\"audit-%s.%s\"", s.now().UTC().Format("20060102-150405"), x.format))
	h.Set("Trailer", exportTrailer+", "+skippedTrailer)
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	err := x.send(r, w)
	end := act{action: "audit.export.end", target: x.query.Text, after: x.outcome()}
	if err != nil {
		end.denied = "broken off: not all events were sent"
	}
	if rerr := s.record(r.Context(), end); rerr != nil {
		err = errors.Join(err, rerr)
	}
	if err != nil {
		s.log.Warn("audit export broken off", "user", callerOf(r.Context()).name, "events", x.events, "error", err)
		panic(http.ErrAbortHandler)
	}
	h.Set(exportTrailer, strconv.FormatInt(x.events, 10))
	h.Set(skippedTrailer, strconv.FormatInt(x.skipped, 10))
}

// outcome is described with what was sent.
func (x *exporting) outcome() map[string]any {
	d := x.described()
	d["events"], d["skipped"] = x.events, x.skipped
	return d
}

// send writes all pages for as long as the caller may read.
func (x *exporting) send(r *http.Request, w http.ResponseWriter) error {
	s := x.service
	end := callerOf(r.Context()).identity.Expires
	if end.IsZero() {
		end = s.now().Add(maxStream)
	}
	ctx, cancel := context.WithTimeout(r.Context(), end.Sub(s.now()))
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(ctx, cancel, r, func() error { return nil }) })
	defer watching.Wait()
	defer cancel()
	out := &patientWriter{w: w, control: http.NewResponseController(w)}
	// The server's read timeout is for requests; left in place it would end the stream.
	if err := out.control.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("keep connection open: %w", err)
	}
	to, err := export.New(x.format, out)
	if err != nil {
		return err
	}
	for {
		for i := range x.page.Rows {
			if err := to.Write(&x.page.Rows[i]); err != nil {
				return err
			}
			x.events++
		}
		if x.page.Next == "" {
			return to.Close()
		}
		if err := to.Flush(); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("the caller left, or may no longer read: %w", err)
		}
		if err := x.find(ctx); err != nil {
			return err
		}
	}
}

// patientWriter gives each write its own time.
type patientWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (p *patientWriter) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(exportWriteTime)); err != nil {
		return 0, err
	}
	return p.w.Write(b)
}
