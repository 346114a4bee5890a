package segment

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
)

// TestResultsAreScanned: a result as the journal writes it is read without decoding it, which would cost more than all else
// that the index does for a statement.
func TestResultsAreScanned(t *testing.T) {
	e := audit.Event{
		Seq: 7, ID: "0191e0a5-0000-7000-8000-000000000001", Time: start, Type: audit.StatementResult,
		Scope: audit.Scope{Gateway: "g", Session: "s"}, Of: "0191e0a5-0000-7000-8000-000000000000", Done: true,
		Verdict: audit.Allow, Policy: "role:dev", Reason: "because", Rows: 5, BytesIn: 6, BytesOut: 7, Duration: audit.Micros(8 * time.Microsecond),
		FirstRow: audit.Micros(9 * time.Microsecond), Tag: "SELECT 5", ErrorCode: "42P01", ErrorMessage: "no \"such\"\ttable",
	}
	record := e.AppendJSON(nil)
	scanned, err := scanOutcome(record)
	if err != nil {
		t.Fatalf("scan %s: %v", record, err)
	}
	decoded, err := decodeOutcome(record)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(decoded, scanned, cmp.AllowUnexported(outcome{})); d != "" {
		t.Errorf("scanned is not what is decoded (-decoded +scanned):\n%s", d)
	}
}
