package admin

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/audit"
)

// A directory takes uniqueness for "this user is there already", and gives up; 503 lets it come again.
func TestRefusalsBySCIM(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		kind   string
		detail string
		logged bool
	}{
		{conflict("there is a user %q already", "a"), 409, "uniqueness", "there is a user", false},
		{invalid("name", "no name"), 400, "invalidValue", "no name", false},
		{fmt.Errorf("decide: %w", store.ErrConflict), 503, "", "nothing was done", false},
		{store.ErrNotFound, 404, "", "no such object", false},
		{store.ErrBusy, 503, "", "nothing was done", true},
		{fmt.Errorf("commit: %w", store.ErrUnconfirmed), 503, "", "look before you try again", true},
		{audit.ErrUnavailable, 503, "", "the audit journal cannot be written", true},
		{errors.New("disk on fire"), 500, "", "something went wrong", true},
	} {
		var log bytes.Buffer
		s := &Service{log: slog.New(slog.NewTextHandler(&log, nil))}
		got := s.refusalBySCIM(t.Context(), tt.err)
		if got.Status != tt.status || got.Type != tt.kind || !strings.Contains(got.Detail, tt.detail) || strings.Contains(got.Detail, "on fire") {
			t.Errorf("%v: %+v", tt.err, *got)
		}
		if logged := log.Len() > 0; logged != tt.logged {
			t.Errorf("%v: logged %q", tt.err, log.String())
		}
	}
}
