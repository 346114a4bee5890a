package elastic

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/indextest"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/test/servers"
)

func benchEvent(i int) *audit.Event {
	scope := audit.Scope{Gateway: "gw-1", Session: fmt.Sprintf("0199b1de-0000-7000-8000-%012d", i%5000), User: fmt.Sprintf("user-%d@acme.com", i%500),
		Groups: []string{"engineering", "oncall"}, Role: "developer", ClientAddr: fmt.Sprintf("10.0.%d.%d:50123", i%256, i%200),
		Entrance: "tunnel", Application: "psql", Resource: fmt.Sprintf("orders-%d", i%20), Protocol: "postgres", Account: "app",
		Login: fmt.Sprintf("v-app-%d", i%300), Database: "orders", Credential: "orders-app"}
	return &audit.Event{Type: audit.StatementBegin, Scope: scope, Class: "read", Verdict: audit.Allow, Command: "execute",
		Tables: []string{"public.orders", "public.customers"}, Fingerprint: fmt.Sprintf("%016x", i%1000),
		Statement: audit.Text{Bytes: []byte(fmt.Sprintf("select o.id, o.total, c.email from orders o join customers c on c.id = o.customer_id "+
			"where o.id = $1 and o.created > now() - interval '%d days' order by o.created desc limit 50", i%1000))},
		Params: []audit.Param{{Value: []byte(fmt.Sprint(i))}}}
}

// BenchmarkDocument is what an event costs the gateway, results included, before it is sent.
func BenchmarkDocument(b *testing.B) {
	b.ReportAllocs()
	for i := range b.N {
		e := &entry{event: *benchEvent(i)}
		e.merge(&audit.Event{Rows: 5, Duration: audit.Micros(time.Millisecond), Done: true})
		doc, err := e.document()
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(doc)))
	}
}

// BenchmarkFill is how fast a cluster of one node with 512 MB takes a backlog of statements, each with its result.
func BenchmarkFill(b *testing.B) {
	dir, err := os.MkdirTemp("", "sally-search-")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	s, err := servers.RunSearchServer(context.Background(), dir, servers.OpenSearch)
	if err != nil {
		b.Skip(err)
	}
	defer func() {
		if err := s.Kill(); err != nil {
			b.Error(err)
		}
	}()
	j, err := journal.Open(b.TempDir(), journal.Options{Gateway: "gw-1"})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	const events = 10_000
	none := 0
	for round := range b.N {
		for i := range events {
			e := benchEvent(i)
			if err := j.Append(e); err != nil {
				b.Fatal(err)
			}
			if err := j.Append(&audit.Event{Type: audit.StatementResult, Of: e.ID, Done: true, Rows: 5}); err != nil {
				b.Fatal(err)
			}
		}
		start := time.Now()
		ix, err := Open(Config{URLs: []string{s.URL}, Prefix: fmt.Sprintf("fill-%d", round), Replicas: &none}, j, slog.New(slog.DiscardHandler))
		if err != nil {
			b.Fatal(err)
		}
		indextest.Await(b, ix, j)
		b.ReportMetric(float64(events*(round+1))/time.Since(start).Seconds(), "events/s")
		if err := ix.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
