package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
)

func TestSQLState(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&access.Denial{Cause: access.BadCredentials}, "28P01"}, {&access.Denial{Cause: access.Suspended}, "28000"},
		{&access.Denial{Cause: access.Expired}, "28000"}, {&access.Denial{Cause: access.RateLimited}, "53300"},
		{&access.Denial{Cause: access.UnknownResource}, "3D000"}, {&access.Denial{Cause: access.NoAccess}, "42501"},
		{&access.Denial{Cause: access.NoAccount}, "28000"}, {&access.Denial{Cause: "new"}, "28000"},
		{&creds.Unavailable{Err: context.DeadlineExceeded}, "57P03"}, {audit.ErrUnavailable, "58030"},
		{&proxy.Ended{}, "57P01"}, {proxy.ErrCredentialRefused, "28P01"}, {proxy.ErrMessageTooLarge, "54000"}, {proxy.ErrBusy, "53200"},
		{&proxy.StoreUnreachable{Err: os.ErrDeadlineExceeded}, "08001"}, {context.DeadlineExceeded, "08006"}, {context.Canceled, "57P01"},
		{&net.OpError{Op: "read", Err: errors.New("reset")}, "08006"}, {&codedError{code: "0A000"}, "0A000"},
		{&serverError{Code: "3D000"}, "3D000"}, {&serverError{Code: "odd!!?"}, "XX000"}, {errors.New("odd"), "XX000"},
		{&proxy.StoreUnreachable{Err: &serverError{Code: "53300"}}, "53300"},
	} {
		if got := sqlState(fmt.Errorf("wrapped: %w", c.err)); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}

func TestAppendError(t *testing.T) {
	b := appendError([]byte("before"), "FATAL", "28P01", "no\x00way")
	if string(b[:6]) != "before" || b[6] != 'E' || int(b[9])<<8+int(b[10]) != len(b)-7 {
		t.Fatalf("header of %q", b)
	}
	var got pgproto3.ErrorResponse
	if err := got.Decode(b[11:]); err != nil {
		t.Fatal(err)
	}
	want := pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "28P01", Message: "no"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
