package scan

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// benchEvents is the number of statements, each with a result, that the benchmarks search.
var benchEvents = flag.Int("events", 20_000, "statements in the journal of the benchmarks")

// writeBenchJournal writes the sessions of 50 users, and one needle near the beginning.
func writeBenchJournal(b *testing.B) string {
	dir := b.TempDir()
	j := openJournal(b, dir, journal.Options{})
	defer j.Close()
	for i := range *benchEvents {
		e := statement(fmt.Sprintf("user%d@acme.com", i%50), fmt.Sprintf(
			"SELECT id, customer_id, total FROM orders WHERE customer_id = $1 AND created_at > now() - interval '%d days'", i%365))
		e.Class, e.Tables, e.Verdict, e.Policy = "read", []string{"orders"}, audit.Allow, "engineer"
		e.Gateway, e.Session, e.Role = "gw-1", "01936b0e-8a7c-7d2e-9c60-3f1b2a5d4e6f", "engineer"
		e.ClientAddr, e.Entrance, e.Application = "10.1.2.3:53211", "tunnel", "psql"
		e.Protocol, e.Account, e.Database, e.Credential = "postgres", "app_rw", "shop", "vault:database/creds/app"
		e.Command, e.Fingerprint = "execute", "9f86d081884c7d65"
		e.Params = []audit.Param{{Value: fmt.Appendf(nil, "%d", i)}}
		if i == *benchEvents/100 {
			e.Statement.Bytes = append(e.Statement.Bytes, " /* Zanzibar_Export */"...)
			e.User = "mallory@acme.com"
		}
		if err := j.Append(e); err != nil {
			b.Fatal(err)
		}
		r := &audit.Event{Type: audit.StatementResult, Of: e.ID, Done: true, Rows: int64(i % 100), BytesOut: 4000,
			Duration: audit.Micros(time.Duration(i%2000) * time.Microsecond), Tag: "SELECT 5"}
		r.Session = e.Session
		if i == *benchEvents/100 {
			r.ErrorCode = "57014"
		}
		if err := j.Post(r); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

func BenchmarkSearch(b *testing.B) {
	dir := writeBenchJournal(b)
	for _, c := range []struct {
		name, text string
		rows       int
	}{
		{"last 50", "", 50},
		{"last 50 of a user", "user:user7", 50},
		{"last 50 of a user and class", "user:user7 class:read since:1h", 50},
		{"a rare user", "user:mallory", 1},
		{"a rare substring", `"zanzibar_ex"`, 1},
		{"a rare word", "zanzibar_export", 1},
		{"a rare error", "error:57014", 1},
		{"no match by numbers", "duration:>10s", 0},
		{"no match by or", "zebra or giraffe", 0},
		{"no match by negation", "-class:read type:statement", 0},
	} {
		cold := func(b *testing.B, s *Scan) {
			page, err := s.Search(b.Context(), audit.Query{Text: c.text})
			if err != nil || len(page.Rows) != c.rows || page.Partial {
				b.Fatalf("%d rows, partial %v, %v; want %d rows", len(page.Rows), page.Partial, err, c.rows)
			}
		}
		b.Run(c.name+"/cold", func(b *testing.B) {
			for b.Loop() {
				cold(b, Open(dir))
			}
		})
		b.Run(c.name+"/warm", func(b *testing.B) {
			s := Open(dir)
			cold(b, s)
			b.ReportAllocs()
			for b.Loop() {
				cold(b, s)
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	dir := writeBenchJournal(b)
	s := Open(dir)
	page, err := s.Search(b.Context(), audit.Query{Text: "user:mallory"})
	if err != nil || len(page.Rows) != 1 {
		b.Fatal(page, err)
	}
	for b.Loop() {
		if _, err := s.Get(b.Context(), page.Rows[0].ID); err != nil {
			b.Fatal(err)
		}
	}
}
