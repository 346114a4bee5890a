package vault_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/creds/vault"
	"github.com/sallyport/sallyport/test/servers"
)

// plain strips the methods that redact, so that values can be compared.
type plain struct {
	Username, Password string
	Certificate, Key   []byte
}

func TestKVBothVersions(t *testing.T) {
	t.Parallel()
	v := servers.StartVault(t, servers.VaultOptions{TLS: true})
	try(t, v.EnableKV("secret", 2))
	try(t, v.EnableKV("old/store", 1))
	fields := map[string]any{"username": "app", "password": kvPassword, "pw": kvPassword + "2", "login": "other", "pin": 4711}
	try(t, v.Write("secret/data/apps/orders", map[string]any{"data": fields}))
	try(t, v.Write("old/store/apps/orders", fields))
	try(t, v.Write("secret/data/bare", map[string]any{"data": map[string]any{"password": kvPassword}}))
	try(t, v.Write("secret/data/cert", map[string]any{"data": map[string]any{"certificate": "C", "key": "K"}}))
	try(t, v.Write("secret/data/gone", map[string]any{"data": fields}))
	if _, err := v.Client.Logical().Delete("secret/data/gone"); err != nil {
		t.Fatal(err)
	}
	s := newScene(t, v, vault.Config{CAFile: v.CAFile}, v.RootToken)

	for name, test := range map[string]struct {
		credential access.Credential
		want       plain
	}{
		"v2":                {access.Credential{Path: "apps/orders"}, plain{Username: "app", Password: kvPassword}},
		"v2, engine named":  {access.Credential{Engine: "kv", Mount: "secret/", Path: "/apps/orders"}, plain{Username: "app", Password: kvPassword}},
		"v1, nested mount":  {access.Credential{Mount: "old/store", Path: "apps/orders"}, plain{Username: "app", Password: kvPassword}},
		"password field":    {access.Credential{Path: "apps/orders#pw"}, plain{Username: "app", Password: kvPassword + "2"}},
		"both fields":       {access.Credential{Path: "apps/orders#login,pw"}, plain{Username: "other", Password: kvPassword + "2"}},
		"number":            {access.Credential{Path: "apps/orders#pin"}, plain{Username: "app", Password: "4711"}},
		"username given":    {access.Credential{Path: "bare", Username: "orders"}, plain{Username: "orders", Password: kvPassword}},
		"client by its key": {access.Credential{Path: "cert"}, plain{Certificate: []byte("C"), Key: []byte("K")}},
	} {
		test.credential.Name = name
		lease := s.fetch(t, test.credential)
		got := plain(lease.Secret)
		if len(got.Key) == 0 {
			got.Key, got.Certificate = nil, nil
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Error(name, diff)
		}
		if lease.Lost != nil {
			t.Error(name, "has a lease that can be lost")
		}
		try(t, lease.Release(t.Context()))
	}
	*s.values = (*s.values)[:2] // 4711 and "" may well be said, for other reasons

	for path, want := range map[string]string{
		"nothing":             "nothing at its path",
		"gone":                "nothing at its path",
		"apps/orders#missing": "lacks the fields",
		"cert#pw":             "lacks the fields",
		"../sys/mounts":       "set up wrongly",
		"":                    "set up wrongly",
	} {
		s.refused(t, access.Credential{Name: "orders", Path: path}, want)
	}
	s.refused(t, access.Credential{Name: "orders", Engine: "kvv", Path: "a"}, "set up wrongly")
	s.refused(t, access.Credential{Name: "orders", Mount: "nowhere", Path: "a"}, "policy does not let")
	s.refused(t, access.Credential{Name: "orders", Engine: "database", Path: "a"}, "nothing at its path")

	// A changed value is seen at once, without Fresh too.
	fields["password"] = kvPassword + "3"
	try(t, v.Write("secret/data/apps/orders", map[string]any{"data": fields}))
	if got := s.fetch(t, access.Credential{Name: "orders", Path: "apps/orders"}); got.Secret.Password != kvPassword+"3" {
		t.Error("an old value was fetched")
	}

	strangers := newScene(t, v, vault.Config{}, v.RootToken) // does not trust the test's authority
	strangers.refused(t, access.Credential{Name: "orders", Path: "apps/orders"}, "certificate is not trusted")
}

func BenchmarkFetchKV(b *testing.B) {
	v := servers.StartVault(b, servers.VaultOptions{})
	try(b, v.EnableKV("secret", 2))
	try(b, v.Write("secret/data/a", map[string]any{"data": map[string]any{"password": kvPassword}}))
	source, err := vault.New(vault.Config{Address: v.Addr, Timeout: time.Minute}, v.RootToken, discard())
	try(b, err)
	b.Cleanup(func() { try(b, source.Close(context.Background())) })
	for b.Loop() {
		_, err := source.Fetch(b.Context(), creds.Request{Credential: access.Credential{Name: "a", Path: "a"}})
		try(b, err)
	}
}
