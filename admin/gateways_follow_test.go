package admin_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
)

// TestFollow: rules come at once, and what was done is told; nothing of it runs on when both have ended.
func TestFollow(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	t.Run("", func(t *testing.T) {
		l := newLinkedPlane(t)
		ctx := t.Context()
		served := &sessions{}
		g := l.run(l.join("gw-1"), served)
		served.set([]access.LiveSession{{ID: "s1", User: "alice@acme.com", Resource: "orders-db", Account: "app"},
			{ID: "s2", User: "alice@acme.com", Resource: "orders-db", Account: "app"}})
		eventually(l.t, "the sessions are listed", func() bool {
			var open struct{ Items []access.LiveSession }
			l.must(l.root, "GET", "/sessions", nil, 200).decode(t, &open)
			return len(open.Items) == 2
		})
		l.must(l.root, "DELETE", "/sessions/s1?reason=maintenance", nil, 204)
		eventually(l.t, "the session is killed", func() bool { return len(served.Sessions()) == 1 })
		lease, err := g.Secrets().Fetch(ctx, creds.Request{Credential: access.Credential{Name: "orders-app", Source: "sealed"},
			Identity: access.Identity{User: "alice@acme.com"}, User: "alice@acme.com", Resource: "orders-db", Account: "app"})
		if err != nil || lease.Secret.Password != "hunter2" {
			t.Fatalf("credential: %v", err)
		}

		var answer struct {
			Killed  int `json:"sessions_killed"`
			Receipt struct {
				ID       string
				Complete bool
				Gateways []struct{ Name, State string }
			}
		}
		l.must(l.root, "POST", "/users/alice@acme.com/suspend", nil, 200).decode(t, &answer)
		if answer.Killed != 1 || !answer.Receipt.Complete || len(answer.Receipt.Gateways) != 2 || answer.Receipt.Gateways[1].State != "confirmed" {
			t.Errorf("answer %+v", answer)
		}
		_, err = g.Secrets().Fetch(ctx, creds.Request{Credential: access.Credential{Name: "orders-app", Source: "sealed"},
			Identity: access.Identity{User: "alice@acme.com"}, User: "alice@acme.com", Resource: "orders-db", Account: "app"})
		var unavailable *creds.Unavailable
		if !errors.As(err, &unavailable) || !strings.Contains(unavailable.Sentence, "suspended") {
			t.Errorf("credential of one who is suspended: %v", err)
		}
		l.checkReceipt(answer.Receipt.ID)
	})
	http.DefaultClient.CloseIdleConnections()
	goleak.VerifyNone(t, leaks)
}
