package servers_test

import (
	"testing"

	"github.com/sallyport/sallyport/test/servers"
)

func TestRedis(t *testing.T) {
	r := servers.StartRedis(t, servers.RedisOptions{Password: "secret", Users: []string{"app on >word ~app:* +@all"}, TLS: true})
	if got := r.MustRun(t, "SET", "app:1", "one"); got != "OK" {
		t.Errorf("SET says %q", got)
	}
	if _, err := r.Run(t.Context(), "GET"); err == nil {
		t.Error("an error reply is no error")
	}
	if got := r.MustRun(t, "ACL", "USERS"); got != "app\ndefault\noperator" {
		t.Errorf("users %q", got)
	}
}
