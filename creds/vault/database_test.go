package vault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/creds/vault"
	"github.com/sallyport/sallyport/test/servers"
)

// gatePolicy is what docs/credentials.md tells operators to give.
const gatePolicy = `
path "database/creds/app"        { capabilities = ["read"] }
path "database/static-creds/app" { capabilities = ["read"] }
path "sys/leases/revoke"         { capabilities = ["update"] }
`

var dynamic = access.Credential{Name: "orders-dynamic", Engine: "database", Path: "app"}

func lost(lease *creds.Lease) bool {
	select {
	case <-lease.Lost:
		return true
	default:
		return false
	}
}

// TestDynamicAccountLivesAsLongAsItsSession holds an account of four seconds for ten, and ends it.
func TestDynamicAccountLivesAsLongAsItsSession(t *testing.T) {
	t.Parallel()
	v := servers.StartVault(t, servers.VaultOptions{})
	pg := database(t, v)
	try(t, v.DatabaseRole("main", servers.VaultRole{Name: "app", TTL: 4 * time.Second, MaxTTL: time.Hour}))
	s := newScene(t, v, appRole(t, v, servers.VaultAppRole{Name: "gate", Policy: gatePolicy}), "")

	lease := s.fetch(t, dynamic)
	other := s.fetch(t, dynamic)
	if lease.Secret.Username == other.Secret.Username || lease.ID == "" {
		t.Errorf("two sessions share an account, or have no lease: %q", lease.ID)
	}
	if !canLogIn(t, pg, lease.Secret) {
		t.Fatal("the account does not get in")
	}
	select {
	case <-lease.Lost:
		t.Fatal("lease lost while its session lives")
	case <-time.After(10 * time.Second): // the time that passes is what is tested
	}
	if !canLogIn(t, pg, lease.Secret) {
		t.Error("the account does not get in after its first life: VALID UNTIL was not moved")
	}
	try(t, lease.Release(t.Context()))
	if hasRole(t, pg, lease.Secret.Username) {
		t.Error("the account is there after Release")
	}
	try(t, lease.Release(t.Context())) // again is harmless
	if lost(lease) {
		t.Error("a released lease was reported as lost")
	}
	if !hasRole(t, pg, other.Secret.Username) {
		t.Error("the other session's account was taken too")
	}
	s.close(t)
	if hasRole(t, pg, other.Secret.Username) {
		t.Error("Close left a live account")
	}
	s.refused(t, dynamic, "shutting down")
}

func TestDynamicAccountPastItsMaximumIsLost(t *testing.T) {
	t.Parallel()
	v := servers.StartVault(t, servers.VaultOptions{})
	pg := database(t, v)
	try(t, v.DatabaseRole("main", servers.VaultRole{Name: "app", TTL: 3 * time.Second, MaxTTL: 5 * time.Second}))
	s := newScene(t, v, appRole(t, v, servers.VaultAppRole{Name: "gate", Policy: gatePolicy}), "")
	began := time.Now()
	lease := s.fetch(t, dynamic)
	waitFor(t, "the lease is lost", func() bool { return lost(lease) })
	if took := time.Since(began); took < 4*time.Second || took > 7*time.Second {
		t.Errorf("lost after %s; want five seconds", took)
	}
	try(t, lease.Release(t.Context()))
	waitFor(t, "Vault has removed the account", func() bool { return !hasRole(t, pg, lease.Secret.Username) })
}

func TestLeaseRevokedByAnOperatorIsLost(t *testing.T) {
	t.Parallel()
	v := servers.StartVault(t, servers.VaultOptions{})
	database(t, v)
	try(t, v.DatabaseRole("main", servers.VaultRole{Name: "app", TTL: 4 * time.Second, MaxTTL: time.Hour}))
	s := newScene(t, v, appRole(t, v, servers.VaultAppRole{Name: "gate", Policy: gatePolicy}), "")
	lease := s.fetch(t, dynamic)
	try(t, v.Client.Sys().Revoke(lease.ID))
	waitFor(t, "the lease is lost", func() bool { return lost(lease) })
}

// TestLeaseEndsWithTheTokenThatOpenedIt: Vault revokes a token's leases when the token reaches its maximum.
func TestLeaseEndsWithTheTokenThatOpenedIt(t *testing.T) {
	t.Parallel()
	v := servers.StartVault(t, servers.VaultOptions{})
	pg := database(t, v)
	try(t, v.DatabaseRole("main", servers.VaultRole{Name: "app", TTL: time.Hour, MaxTTL: time.Hour}))
	s := newScene(t, v, appRole(t, v, servers.VaultAppRole{
		Name: "gate", Policy: gatePolicy, TokenTTL: 3 * time.Second, TokenMaxTTL: 6 * time.Second,
	}), "")
	lease := s.fetch(t, dynamic)
	waitFor(t, "the lease is lost", func() bool { return lost(lease) })
	waitFor(t, "Vault has removed the account", func() bool { return !hasRole(t, pg, lease.Secret.Username) })
	next := s.fetch(t, dynamic)
	if !canLogIn(t, pg, next.Secret) {
		t.Error("the next login's account does not get in")
	}
	try(t, next.Release(t.Context()))
}

func TestLeaseSurvivesVaultsAbsence(t *testing.T) {
	t.Parallel()
	v := servers.StartVault(t, servers.VaultOptions{})
	pg := database(t, v)
	try(t, v.DatabaseRole("main", servers.VaultRole{Name: "app", TTL: 12 * time.Second, MaxTTL: time.Hour}))
	c := appRole(t, v, servers.VaultAppRole{Name: "gate", Policy: gatePolicy})
	c.Timeout = 2 * time.Second
	s := newScene(t, v, c, "")
	kept, released := s.fetch(t, dynamic), s.fetch(t, dynamic)

	try(t, v.Kill())
	began := time.Now()
	try(t, released.Release(t.Context())) // is no error: it goes on in the background
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the end of a session waited %s for an absent Vault", took)
	}
	try(t, v.Start())
	try(t, v.Unseal())
	waitFor(t, "the revocation is made up for", func() bool { return !hasRole(t, pg, released.Secret.Username) })
	if lost(kept) || !canLogIn(t, pg, kept.Secret) {
		t.Error("the other session's lease did not survive")
	}

	// A paused Vault cannot renew, so this lease is lost at the latest when it ends.
	try(t, v.Pause())
	waitFor(t, "the lease is lost", func() bool { return lost(kept) })
	try(t, v.Resume())
	try(t, kept.Release(t.Context()))
}

func TestCloseMakesUpForRevocations(t *testing.T) {
	t.Parallel()
	v := servers.StartVault(t, servers.VaultOptions{})
	pg := database(t, v)
	try(t, v.DatabaseRole("main", servers.VaultRole{Name: "app", TTL: time.Hour, MaxTTL: time.Hour}))
	s := newScene(t, v, vault.Config{Timeout: time.Second}, v.RootToken) // a token that Close does not revoke
	lease := s.fetch(t, dynamic)
	try(t, v.Pause())
	try(t, lease.Release(t.Context()))
	try(t, v.Resume())
	s.close(t)
	waitFor(t, "the account is gone", func() bool { return !hasRole(t, pg, lease.Secret.Username) })
}

// TestSessionThatDoesNotWaitLeavesNoAccount breaks off a Fetch while Vault is held up.
func TestSessionThatDoesNotWaitLeavesNoAccount(t *testing.T) {
	t.Parallel()
	v := servers.StartVault(t, servers.VaultOptions{})
	pg := database(t, v)
	try(t, v.DatabaseRole("main", servers.VaultRole{Name: "app", TTL: time.Hour, MaxTTL: time.Hour}))
	s := newScene(t, v, appRole(t, v, servers.VaultAppRole{Name: "gate", Policy: gatePolicy}), "")
	try(t, s.fetch(t, dynamic).Release(t.Context())) // warm: logged in, connected, plugin running

	try(t, v.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := s.Source.Fetch(ctx, creds.Request{Credential: dynamic})
	var unavailable *creds.Unavailable
	if !errors.As(err, &unavailable) {
		t.Fatalf("got %v; want an Unavailable", err)
	}
	try(t, v.Resume())
	waitFor(t, "the unwanted account is revoked", func() bool { return strings.Contains(s.said.String(), "lease is revoked") })
	if n := countAccounts(t, pg); n != 0 {
		t.Errorf("%d accounts were left behind", n)
	}
}

func TestStaticRole(t *testing.T) {
	t.Parallel()
	v := servers.StartVault(t, servers.VaultOptions{})
	pg := database(t, v)
	conn, err := pgx.Connect(t.Context(), pg.AdminURL("postgres"))
	try(t, err)
	_, err = conn.Exec(t.Context(), "CREATE ROLE orders LOGIN")
	try(t, err)
	try(t, conn.Close(t.Context()))
	try(t, v.StaticRole("main", "app", "orders", time.Hour))
	s := newScene(t, v, appRole(t, v, servers.VaultAppRole{Name: "gate", Policy: gatePolicy}), "")
	static := access.Credential{Name: "orders-static", Engine: "database", Path: "static-creds/app"}
	lease := s.fetch(t, static)
	if lease.Secret.Username != "orders" || !canLogIn(t, pg, lease.Secret) {
		t.Error("the account does not get in")
	}
	try(t, v.Write("database/rotate-role/app", nil))
	fresh := s.fetch(t, static)
	if fresh.Secret.Password == lease.Secret.Password || !canLogIn(t, pg, fresh.Secret) {
		t.Error("the account does not get in after a rotation")
	}
	try(t, lease.Release(t.Context()))
}

func TestDatabaseRefusals(t *testing.T) {
	t.Parallel()
	v := servers.StartVault(t, servers.VaultOptions{})
	pg := database(t, v)
	try(t, v.DatabaseRole("main", servers.VaultRole{Name: "app", TTL: time.Hour, MaxTTL: time.Hour}))
	norevoke := strings.ReplaceAll(gatePolicy, "sys/leases/revoke", "sys/leases/none") +
		`path "database/creds/unknown" { capabilities = ["read"] }`
	s := newScene(t, v, appRole(t, v, servers.VaultAppRole{Name: "norevoke", Policy: norevoke}), "")
	database := func(path string) access.Credential {
		return access.Credential{Name: "orders-app", Engine: "database", Path: path}
	}
	s.refused(t, database("unknown"), "nothing at its path")
	s.refused(t, database("secret-role"), "policy does not let")
	s.refused(t, database("roles/app"), "set up wrongly")
	s.refused(t, database("creds/../roles/app"), "set up wrongly")

	lease := s.fetch(t, dynamic)
	err := lease.Release(t.Context())
	fmt.Fprintln(s.said, err)
	if err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("release without the right to revoke: %v; want an error", err)
	}
	try(t, pg.Crash())
	s.refused(t, dynamic, "its access to the store")
	try(t, pg.Restart())
}

func countAccounts(t *testing.T, pg *servers.Postgres) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pg.AdminURL("postgres"))
	try(t, err)
	try(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'v-%'").Scan(&n))
	try(t, conn.Close(t.Context()))
	return n
}
