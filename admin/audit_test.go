package admin_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/scan"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
)

// recorded is a plane over a real journal, which is searched by reading it.
type recorded struct {
	*plane
	journal *journal.Journal
	search  *gatedIndex
}

// gatedIndex lets a test stop or break searches.
type gatedIndex struct {
	audit.Index
	before func(ctx context.Context, q audit.Query) error
}

func (g *gatedIndex) Search(ctx context.Context, q audit.Query) (audit.Page, error) {
	if g.before != nil {
		if err := g.before(ctx, q); err != nil {
			return audit.Page{}, err
		}
	}
	return g.Index.Search(ctx, q)
}

func newRecorded(t *testing.T, change func(*admin.Config)) *recorded {
	t.Helper()
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal"), journal.Options{Gateway: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	r := &recorded{journal: j, search: &gatedIndex{Index: scan.Open(j.Dir())}}
	r.plane = newPlaneWith(t, func(c *admin.Config) {
		c.Journal, c.Searcher = j, r.search
		if change != nil {
			change(c)
		}
	})
	return r
}

// statements records n statements, one a second, by three users in turn, each with a result.
func (r *recorded) statements(n int) []string {
	r.t.Helper()
	var ids []string
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for i := range n {
		e := &audit.Event{Time: at.Add(time.Duration(i) * time.Second), Type: audit.StatementBegin, Class: []string{"read", "write"}[i%2],
			Scope: audit.Scope{User: []string{"alice", "bob", "carol"}[i%3]}, Statement: audit.Text{Bytes: fmt.Appendf(nil, "=select %d", i)}}
		if err := r.journal.Append(e); err != nil {
			r.t.Fatal(err)
		}
		ids = append(ids, e.ID)
		if err := r.journal.Append(&audit.Event{Time: e.Time, Type: audit.StatementResult, Of: e.ID, Done: true, Rows: int64(i),
			BytesOut: 10, Duration: audit.Micros(time.Millisecond)}); err != nil {
			r.t.Fatal(err)
		}
	}
	return ids
}

// auditor is somebody who may read the record and nothing else.
func (p *plane) auditor(root who) who {
	p.t.Helper()
	p.must(root, "POST", "/roles", object{"name": "auditors", "auditor": true, "accounts": []string{}}, 201)
	p.must(root, "POST", "/users", object{"name": "carol", "roles": []string{"auditors"}}, 201)
	return who{token: p.issue(root, "carol")}
}

func TestSums(t *testing.T) {
	r := newRecorded(t, nil)
	w := r.start()
	r.statements(30)

	var h audit.Histogram
	r.must(w, "GET", "/audit/histogram?q=type:statement&step=10&by=class", nil, 200).decode(t, &h)
	want := audit.Bucket{Start: time.Date(2026, 11, 22, 10, 0, 10, 0, time.UTC), Count: 10, By: map[string]int64{"read": 5, "write": 5}}
	if h.Total != 30 || h.StepSeconds != 10 || len(h.Buckets) != 3 || h.Scanned == 0 {
		t.Errorf("histogram %+v", h)
	} else if diff := cmp.Diff(want, h.Buckets[1]); diff != "" {
		t.Error(diff)
	}
	r.must(w, "GET", "/audit/histogram?q=type:statement&from=2026-11-22T10:00:20Z&to=2026-11-22T10:00:22Z", nil, 200).decode(t, &h)
	if h.Total != 2 || h.StepSeconds != 1 {
		t.Errorf("bounded histogram %+v", h)
	}

	var top audit.Top
	r.must(w, "GET", "/audit/top?q=type:statement&field=user&by=rows&n=1", nil, 200).decode(t, &top)
	carol := audit.TopValue{Value: "carol", Count: 10, Rows: 155, Bytes: 100, Duration: audit.Micros(10 * time.Millisecond)}
	if diff := cmp.Diff([]audit.TopValue{carol}, top.Values); diff != "" || top.Distinct != 3 {
		t.Errorf("distinct %d, %s", top.Distinct, diff)
	}

	var c audit.Count
	r.must(w, "GET", "/audit/count?q=user:bob+class:read", nil, 200).decode(t, &c)
	if c.Count != 5 || c.Capped || c.Partial {
		t.Errorf("count %+v", c)
	}
	r.must(w, "GET", "/audit/count?q=type:statement&limit=7", nil, 200).decode(t, &c)
	if c.Count != 7 || !c.Capped {
		t.Errorf("capped count %+v", c)
	}

	for path, says := range map[string]string{
		"/audit/top?field=nonsense":               "cannot be counted by",
		"/audit/top?field=param":                  "cannot be counted by",
		"/audit/top?field=user&by=luck":           "",
		"/audit/top":                              "",
		"/audit/histogram?by=rows":                "cannot be counted by",
		"/audit/histogram?step=-1":                "",
		"/audit/histogram?q=usr:x":                "did you mean user",
		"/audit/count?q=(":                        "not closed",
		"/audit/count?timeout=31":                 "",
		"/audit/events?timeout=x":                 "",
		"/audit/export?format=xlsx":               "",
		"/audit/export?q=usr:x":                   "did you mean user",
		"/audit/export?from=yesterday&format=csv": "",
	} {
		res := r.call(w, "GET", path, nil)
		if res.StatusCode < 400 || res.StatusCode > 499 || !strings.Contains(res.detail(t), says) {
			t.Errorf("%s: %d %s", path, res.StatusCode, res.body)
		}
	}
}

func TestTimeoutsMakePartialAnswers(t *testing.T) {
	r := newRecorded(t, nil)
	w := r.start()
	r.statements(3)
	r.search.before = func(ctx context.Context, _ audit.Query) error { <-ctx.Done(); return nil }
	var page audit.Page
	r.must(w, "GET", "/audit/events?timeout=0.05", nil, 200).decode(t, &page)
	if !page.Partial || page.Next == "" || len(page.Rows) != 0 {
		t.Errorf("after the deadline: %+v", page)
	}
}

func TestStatusAndProof(t *testing.T) {
	r := newRecorded(t, nil)
	w := r.start()
	var st struct {
		Index      audit.Progress
		Checkpoint string
	}
	r.must(w, "GET", "/audit/status", nil, 200).decode(t, &st)
	if st.Index.Index != "scan" || st.Checkpoint != "" {
		t.Errorf("status %+v", st)
	}
	for _, c := range []struct{ method, path string }{{"GET", "/audit/events/x/proof"}, {"POST", "/audit/key/rotate"}} {
		if res := r.call(w, c.method, c.path, nil); res.StatusCode != 501 || !strings.Contains(res.detail(t), "keeps no checkpoints") {
			t.Errorf("%s: %d %s", c.path, res.StatusCode, res.body)
		}
	}
}

// signer stands for the log of checkpoints.
type signer struct{ rotated audit.Scope }

func (s *signer) Prove(_ context.Context, id string) (proof.Proof, error) {
	if id == "nothing" {
		return proof.Proof{}, audit.ErrNotFound
	}
	return proof.Proof{Format: proof.ProofFormat, Origin: "gw-1", Inclusions: []proof.Inclusion{}}, nil
}

func (s *signer) Checkpoint() string { return "gw-1\n12\n" }
func (s *signer) Key() string        { return "gw-1+key" }
func (s *signer) Trouble() string    { return "the key is lost" }

func (s *signer) Witnesses() []proof.WitnessStatus {
	return []proof.WitnessStatus{{Name: "file /mnt/w", Trouble: "it is full"}}
}

func (s *signer) Rotate(_ context.Context, by audit.Scope) (before, after string, err error) {
	s.rotated = by
	return "gw-1+key", "gw-1+new", nil
}

func TestProofAndRotation(t *testing.T) {
	s := &signer{}
	r := newRecorded(t, func(c *admin.Config) { c.Prover, c.Rotator = s, s })
	root := r.start()
	auditor := r.auditor(root)
	var p proof.Proof
	r.must(auditor, "GET", "/audit/events/x/proof", nil, 200).decode(t, &p)
	if p.Format != proof.ProofFormat {
		t.Errorf("proof %+v", p)
	}
	r.must(auditor, "GET", "/audit/events/nothing/proof", nil, 404)
	var st struct {
		Checkpoint, Key, Trouble string
		Witnesses                []proof.WitnessStatus
	}
	r.must(auditor, "GET", "/audit/status", nil, 200).decode(t, &st)
	if st.Checkpoint != "gw-1\n12\n" || st.Key != "gw-1+key" || st.Trouble == "" ||
		len(st.Witnesses) != 1 || st.Witnesses[0].Trouble != "it is full" {
		t.Errorf("status %+v", st)
	}
	r.must(auditor, "POST", "/audit/key/rotate", nil, 403)
	if s.rotated.User != "" {
		t.Error("an auditor has rotated the key")
	}
	var key struct{ Key, Former string }
	r.must(root, "POST", "/audit/key/rotate", nil, 200).decode(t, &key)
	if key.Key != "gw-1+new" || key.Former != "gw-1+key" || s.rotated.User != "admin" || s.rotated.Gateway != "gw-1" || s.rotated.Entrance != "api" {
		t.Errorf("%+v by %+v", key, s.rotated)
	}
}

func TestExport(t *testing.T) {
	r := newRecorded(t, nil)
	auditor := r.auditor(r.start())
	const n = 1203 // several pages
	r.statements(n)

	lines := r.must(auditor, "GET", "/audit/export?q=type:statement", nil, 200)
	if got := lines.Trailer.Get("Sallyport-Export-Events"); got != fmt.Sprint(n) || lines.Trailer.Get("Sallyport-Export-Skipped") != "0" {
		t.Errorf("trailer %v", lines.Trailer)
	}
	d := json.NewDecoder(bytes.NewReader(lines.body))
	for i := n - 1; i >= 0; i-- {
		var e audit.Event
		if err := d.Decode(&e); err != nil || e.Rows != int64(i) || !e.Done {
			t.Fatalf("event %d: %v, %+v", i, err, e)
		}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last event: %v", err)
	}

	sheet := r.must(auditor, "GET", "/audit/export?q=type:statement+user:bob&format=csv", nil, 200)
	records, err := csv.NewReader(bytes.NewReader(sheet.body)).ReadAll()
	if err != nil || len(records) != n/3+1 || !strings.HasPrefix(sheet.Header.Get("Content-Type"), "text/csv") ||
		!strings.Contains(sheet.Header.Get("Content-Disposition"), ".csv") {
		t.Errorf("%v, %d records, %v", err, len(records), sheet.Header)
	}
	if bytes.Contains(sheet.body, []byte(`"=select`)) || !bytes.Contains(sheet.body, []byte(`"'=select 1"`)) {
		t.Error("the sheet holds formulas")
	}

	table := r.must(auditor, "GET", "/audit/export?q=type:statement&format=parquet&to=2026-11-22T10:01:00Z", nil, 200)
	file, err := parquet.OpenFile(bytes.NewReader(table.body), int64(len(table.body)))
	if err != nil || file.NumRows() != 60 {
		t.Fatalf("%v, %d rows", err, file.NumRows())
	}

	// Who exported what is in the record.
	var page audit.Page
	r.must(auditor, "GET", "/audit/events?q=action:audit.export*&limit=100", nil, 200).decode(t, &page)
	if len(page.Rows) != 6 {
		t.Fatalf("%d acts in the record", len(page.Rows))
	}
	end, begin := page.Rows[0], page.Rows[1]
	if begin.Action != "audit.export" || begin.User != "carol" || begin.Target != "type:statement" ||
		begin.After != `{"format":"parquet","q":"type:statement","to":"2026-11-22T10:01:00Z"}` {
		t.Errorf("begin %+v", begin)
	}
	if end.Action != "audit.export.end" || end.Verdict != audit.Allow || !strings.Contains(end.After, `"events":60`) {
		t.Errorf("end %+v", end)
	}
}

// An export that breaks off in the middle is an error for its client, and in the record.
func TestExportBreaksOff(t *testing.T) {
	r := newRecorded(t, nil)
	root := r.start()
	r.statements(1203)
	for name, breaks := range map[string]func() error{
		"search fails":  func() error { return errors.New("the disk is gone") },
		"rights taken":  func() error { r.must(root, "PUT", "/users/carol", object{"name": "carol"}, 200); return nil },
		"no way onward": func() error { return context.DeadlineExceeded },
	} {
		t.Run(name, func(t *testing.T) {
			var auditor who
			if r.call(root, "GET", "/users/carol", nil).StatusCode == 404 {
				auditor = r.auditor(root)
			} else {
				r.must(root, "PUT", "/users/carol", object{"name": "carol", "roles": []string{"auditors"}}, 200)
				auditor = who{token: r.issue(root, "carol")}
			}
			calls := 0
			r.search.before = func(context.Context, audit.Query) error {
				if calls++; calls == 2 {
					return breaks()
				}
				return nil
			}
			body, err := r.download(auditor, "/audit/export?q=type:statement")
			r.search.before = nil
			if err == nil || body == 0 || body > 1000 {
				t.Errorf("%d events, error %v", body, err)
			}
			// The end is recorded after the client has gone: the record is followed until it is there.
			var page audit.Page
			for len(page.Rows) == 0 || page.Rows[0].Verdict != audit.Deny {
				if t.Context().Err() != nil {
					t.Fatal("the broken export is not in the record")
				}
				r.must(root, "GET", "/audit/events?q=action:audit.export.end&limit=1", nil, 200).decode(t, &page)
			}
			if !strings.Contains(page.Rows[0].Reason, "broken off") {
				t.Errorf("recorded as %+v", page.Rows[0])
			}
		})
	}
}

// download counts the lines of an answer, and gives the error that it ends with.
func (p *plane) download(w who, path string) (lines int, err error) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), "GET", p.server.URL+"/api/v1"+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	res, err := p.server.Client().Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 200 {
		p.t.Fatal(res.Status)
	}
	body, err := io.ReadAll(res.Body)
	return bytes.Count(body, []byte("\n")), err
}

// Exports have a bound on how many run, and each gives its place back, however it ends.
func TestExportsAreBounded(t *testing.T) {
	r := newRecorded(t, nil)
	root := r.start()
	r.statements(1)
	for range 6 {
		r.must(root, "GET", "/audit/export?q=(", nil, 400)
		r.must(root, "GET", "/audit/export?q=type:statement", nil, 200)
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	r.search.before = func(context.Context, audit.Query) error { entered <- struct{}{}; <-leave; return nil }
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			if n, err := r.download(root, "/audit/export?q=type:statement"); n != 1 || err != nil {
				t.Errorf("%d events, %v", n, err)
			}
		})
		<-entered
	}
	if res := r.call(root, "GET", "/audit/export", nil); res.StatusCode != 429 || !strings.Contains(res.detail(t), "4 exports are running") {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	close(leave)
	running.Wait()
}

// Nothing leaves when it cannot be recorded who takes it.
func TestExportIsNotMadeUnrecorded(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.record.breakDown(true)
	res := p.call(root, "GET", "/audit/export", nil)
	if res.StatusCode != 503 || bytes.Contains(res.body, []byte(`"seq"`)) {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}

// The server's limits on slow requests must not end an export that is doing well.
func TestExportOutlivesTimeouts(t *testing.T) {
	r := newRecorded(t, nil)
	root := r.start()
	r.statements(1203)
	server := httptest.NewUnstartedServer(nil)
	server.Config = r.service.Server()
	server.Config.ReadTimeout, server.Config.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond
	server.Start()
	defer server.Close()
	r.server.Close()
	r.server = server
	r.search.before = func(ctx context.Context, q audit.Query) error {
		if q.Cursor == "" {
			return nil
		}
		pause := time.NewTimer(300 * time.Millisecond)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	if n, err := r.download(root, "/audit/export?q=type:statement"); n != 1203 || err != nil {
		t.Errorf("%d events, %v", n, err)
	}
}
