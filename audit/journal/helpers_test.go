package journal

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/audit"
)

// childDir names the variable that makes this binary the child of TestKillLosesNothingAcknowledged.
const childDir = "JOURNAL_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(appendUntilKilled(dir))
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, dir string, o Options) *Journal {
	t.Helper()
	j, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() }) // tests that care about its error close it themselves
	return j
}

func closed(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func statement(text string) *audit.Event {
	return &audit.Event{Type: audit.StatementBegin, Statement: audit.Text{Bytes: []byte(text)}}
}

func appended(t testing.TB, j *Journal, n int) {
	t.Helper()
	for i := range n {
		if err := j.Append(statement(fmt.Sprintf("select %d", i))); err != nil {
			t.Fatal(err)
		}
	}
}

// fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// readAll reads forward from record from, and checks that reading backward gives the same.
func readAll(t fataler, dir string, from uint64) []string {
	t.Helper()
	r, err := OpenReader(dir, from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []string
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if want := from + uint64(len(all)); rec.Seq != want {
			t.Fatalf("read record %d, want %d", rec.Seq, want)
		}
		all = append(all, string(rec.JSON))
	}
	b, err := OpenBackward(dir, math.MaxUint64)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for i := len(all) - 1; i >= 0; i-- {
		rec, err := b.Next()
		if err != nil {
			t.Fatal(err)
		}
		if string(rec.JSON) != all[i] {
			t.Fatalf("backward:\n%s\nforward:\n%s", rec.JSON, all[i])
		}
	}
	if rec, err := b.Next(); from == 0 && !errors.Is(err, io.EOF) {
		t.Fatalf("backward: %d, %v behind the first record", rec.Seq, err)
	}
	return all
}

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
