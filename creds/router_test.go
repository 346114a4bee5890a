package creds_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
)

type fixed string

func (f fixed) Fetch(context.Context, creds.Request) (*creds.Lease, error) {
	return &creds.Lease{ID: string(f)}, nil
}

func TestRouterSendsToTheNamedSource(t *testing.T) {
	router := creds.Router{"sealed": fixed("from sealed"), "vault": fixed("from vault")}
	for source, want := range map[string]string{"sealed": "from sealed", "vault": "from vault"} {
		lease, err := router.Fetch(t.Context(), creds.Request{Credential: access.Credential{Name: "a", Source: source}})
		if err != nil || lease.ID != want {
			t.Errorf("%s: %v, %v", source, lease, err)
		}
	}
	for _, source := range []string{"", "vualt"} {
		_, err := router.Fetch(t.Context(), creds.Request{Credential: access.Credential{Name: "orders-app", Source: source}})
		var unavailable *creds.Unavailable
		if !errors.As(err, &unavailable) || !strings.Contains(unavailable.Sentence, "orders-app") {
			t.Errorf("source %q: %v; want an Unavailable that names the credential", source, err)
		}
	}
}
