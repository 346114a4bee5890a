package servers_test

import (
	"testing"
	"time"

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

func TestRedisCluster(t *testing.T) {
	c := servers.StartRedisCluster(t, servers.RedisOptions{})
	owner := c.Owner(t, "a")
	owner.MustRun(t, "SET", "a", "1")
	other := c.Owner(t, "b")
	if other == owner {
		t.Fatal("a and b are on one node")
	}
	c.MoveSlot(t, "a", other)
	if got := other.MustRun(t, "GET", "a"); got != "1" {
		t.Errorf("a is %q once it was moved", got)
	}
	if replica := c.FailOver(t, other); replica == other || replica.MustRun(t, "GET", "a") != "1" {
		t.Error("the replica did not take over")
	}
}

func TestRedisSentinels(t *testing.T) {
	s := servers.StartRedisSentinels(t, servers.RedisOptions{Password: "secret"})
	if err := s.Stores[0].Kill(); err != nil {
		t.Fatal(err)
	}
	servers.Eventually(t, time.Minute, "the replica is master", func() bool { return s.Stores[1].IsMaster(t.Context()) })
}
