package admin_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
)

// scrape gets /metrics.
func (p *plane) scrape(w who) (status int, text string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), "GET", p.server.URL+"/metrics", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token)
	}
	res, err := p.server.Client().Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "of_somebody_else"}, func() float64 { return 1 }))
	signed := time.Time{}
	r := newRecorded(t, func(c *admin.Config) {
		c.Metrics = registry
		now := c.Now
		c.Measured = admin.Measured{
			Written: func() uint64 { return 4711 }, Statements: func() uint64 { return 42 },
			Checkpoint: func() (uint64, time.Time) {
				if signed.IsZero() {
					return 0, signed
				}
				return 12, now().Add(-90 * time.Second)
			},
		}
	})
	root := r.start()
	auditor := r.auditor(root)
	r.gateway.open = []access.LiveSession{{ID: "s1"}, {ID: "s2"}}
	status, text := r.scrape(auditor)
	if status != 200 || strings.Contains(text, "sallyport_checkpoint") {
		t.Fatalf("%d\n%s", status, text)
	}
	signed = time.Now()
	_, text = r.scrape(root)
	lines := strings.Split(text, "\n")
	for _, want := range []string{"of_somebody_else 1", "sallyport_journal_records_total 4711", "sallyport_statements_total 42",
		"sallyport_sessions 2", "sallyport_checkpoint_records 12", `sallyport_index_behind_records{index="scan"} 0`,
		`sallyport_index_lag_seconds{index="scan"} 0`, `sallyport_index_troubled{index="scan"} 0`} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %s", want)
		}
	}
	for _, name := range []string{"sallyport_checkpoint_age_seconds 90.", "sallyport_journal_durable_records_total ", "go_goroutines ", "process_cpu_seconds_total "} {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("no %s", name)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestWhoMayScrape(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.must(root, "POST", "/users", object{"name": "dave"}, 201)
	for name, c := range map[string]struct {
		who    who
		status int
	}{"nobody": {who{}, 401}, "forged": {who{token: "sally_aaaa_bbbb"}, 401}, "user": {who{token: p.issue(root, "dave")}, 403}, "admin": {root, 200}} {
		if status, _ := p.scrape(c.who); status != c.status {
			t.Errorf("%s: %d, want %d", name, status, c.status)
		}
	}
	l, err := admin.ListenLocal(filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	local := p.service.LocalServer()
	go func() { _ = local.Serve(l) }()
	defer local.Close()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", l.Addr().String())
	}}}
	res, err := client.Get("http://local/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("over the socket: %d", res.StatusCode)
	}
}
