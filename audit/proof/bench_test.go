package proof

import (
	"fmt"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// benchJournal is a closed journal of n statements of some 900 bytes, with its proof.
func benchJournal(b *testing.B, n int) *server {
	s := newServer(b)
	s.segment, s.perFile = 64<<20, 0
	j, err := journal.Open(s.dir, journal.Options{Gateway: "gw-1"})
	if err != nil {
		b.Fatal(err)
	}
	for i := range n {
		e := audit.Event{Type: audit.StatementBegin, Class: "read", Tables: []string{"orders"}, Statement: audit.Text{Bytes: fmt.Appendf(nil,
			"SELECT id, customer_id, total, currency, created_at, updated_at, status, shipped_at, carrier, tracking_number, notes, discount, tax, "+
				"subtotal, region, warehouse FROM orders JOIN customers USING (customer_id) WHERE customer_id = %d AND status = 'paid' "+
				"AND created_at > now() - interval '30 days' AND region IN ('eu-west', 'eu-north', 'us-east') ORDER BY created_at DESC LIMIT 50", i)}}
		e.Gateway, e.User, e.Session, e.Resource = "gw-1", "alice@acme.com", "01936b0e-8a7c-7d2e-9c60-3f1b2a5d4e6f", "orders-db"
		e.ClientAddr, e.Application, e.Role, e.Account = "10.1.2.3:53211", "psql", "engineer", "app_rw"
		if err := j.Append(&e); err != nil {
			b.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkFollow is what a record costs beside the journal: reading it, its hash, the tree and the stored hash.
func BenchmarkFollow(b *testing.B) {
	const records = 50_000
	s := benchJournal(b, records).start()
	if err := s.log.AwaitSigned(b.Context(), records-1); err != nil {
		b.Fatal(err)
	}
	l := s.log
	b.ReportAllocs()
	start := time.Now()
	n := 0
	for b.Loop() {
		t, roots, err := l.compute(b.Context(), records, false, false)
		if err != nil || t.size() != records || len(roots) != records>>blockLevel {
			b.Fatal(err)
		}
		n += records
	}
	b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(n), "ns/record")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkLeaf is the part of it that is SHA-256 of the record.
func BenchmarkLeaf(b *testing.B) {
	h := newLeafHasher()
	record := make([]byte, 986)
	b.ReportAllocs()
	b.SetBytes(int64(len(record)))
	for b.Loop() {
		h.leaf(record)
	}
}

// BenchmarkTree is the part of it that is the tree.
func BenchmarkTree(b *testing.B) {
	var t tree
	h := newLeafHasher()
	leaf := h.leaf([]byte("x"))
	b.ReportAllocs()
	for b.Loop() {
		t.push(leaf)
	}
}

func BenchmarkVerify(b *testing.B) {
	s := benchJournal(b, 100_000)
	s.start().stop()
	for b.Loop() {
		r, err := Verify(b.Context(), s.dir, VerifyOptions{})
		if err != nil || r.Fault != nil {
			b.Fatal(err, r.Fault)
		}
		b.SetBytes(r.Bytes)
	}
}
