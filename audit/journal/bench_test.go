package journal

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport/sallyport/audit"
)

// benchEvent is a statement as the gate records it: scope frozen, some 600 bytes of JSON.
func benchEvent() audit.Event {
	e := audit.Event{
		Type: audit.StatementBegin,
		Scope: audit.Scope{
			Gateway: "gw-1", Session: "01890a5d-ac96-774b-bcce-b302099a8057", User: "alice@acme.com",
			Groups: []string{"engineers", "payments"}, Role: "engineer", ClientAddr: "10.1.2.3:51234", Entrance: "tunnel",
			Application: "psql", Resource: "orders-db", Protocol: "postgres", Account: "app", Login: "v-app-x8Yz",
			Database: "app", Credential: "vault:database/creds/app",
		},
		Statement: audit.Text{Bytes: []byte("SELECT id, total, currency FROM orders WHERE customer_id = $1 AND status = $2")},
		Command:   "execute", Class: "read", Tables: []string{"orders"}, Fingerprint: "a1b2c3d4e5f60718",
		Params:  []audit.Param{{Value: []byte("12345")}, {Value: []byte("paid")}},
		Verdict: audit.Allow, Policy: "engineer",
	}
	e.Scope.Freeze()
	return e
}

func openBench(b *testing.B) *Journal {
	b.Helper()
	j, err := Open(b.TempDir(), Options{Gateway: "gw-1"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := j.Close(); err != nil {
			b.Error(err)
		}
	})
	return j
}

func BenchmarkAppend(b *testing.B) {
	j, template := openBench(b), benchEvent()
	b.SetBytes(int64(len(template.AppendJSON(nil)) + 60))
	b.ReportAllocs()
	for b.Loop() {
		e := template
		if err := j.Append(&e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendPost is what one statement costs in all: its record and its result's.
func BenchmarkAppendPost(b *testing.B) {
	j, template := openBench(b), benchEvent()
	b.ReportAllocs()
	for b.Loop() {
		e := template
		if err := j.Append(&e); err != nil {
			b.Fatal(err)
		}
		result := audit.Event{Type: audit.StatementResult, Of: e.ID, Done: true, Rows: 5, Tag: "SELECT 5"}
		if err := j.Post(&result); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendParallel(b *testing.B) {
	j, template := openBench(b), benchEvent()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			e := template
			if err := j.Append(&e); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkAwaitDurable is the time from Append to disk, by the number of sessions that wait at once.
func BenchmarkAwaitDurable(b *testing.B) {
	for _, sessions := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("sessions=%d", sessions), func(b *testing.B) {
			j, template := openBench(b), benchEvent()
			b.ReportAllocs()
			var left atomic.Int64
			left.Store(int64(b.N))
			var running sync.WaitGroup
			for range sessions {
				running.Go(func() {
					for left.Add(-1) >= 0 {
						e := template
						if err := j.Append(&e); err != nil {
							b.Error(err)
							return
						}
						if err := j.AwaitDurable(b.Context(), e.Seq); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			running.Wait()
		})
	}
}
