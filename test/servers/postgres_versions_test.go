package servers_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/test/servers"
)

// TestPostgresOfOtherVersions runs those versions that scripts/postgres.sh has put on this machine.
func TestPostgresOfOtherVersions(t *testing.T) {
	for _, version := range []string{"16", "17", "18"} {
		t.Run(version, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "sally-pg-")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			pg, err := servers.RunPostgres(t.Context(), dir, servers.PostgresOptions{Version: version, TLS: true})
			if errors.Is(err, servers.ErrMissing) {
				servers.Missing(t, "PostgreSQL "+version, "scripts/postgres.sh "+version)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := pg.Stop(); err != nil {
					t.Error(err)
				}
			})
			conn := connect(t, pg.URL(pg.User, pg.Password, "postgres"))
			if got := show(t, conn, "show server_version"); !strings.HasPrefix(got, version+".") {
				t.Errorf("server_version = %s", got)
			}
		})
	}
}
