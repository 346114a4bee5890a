package redis_test

import (
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/proxy/redis"
	"github.com/sallyport/sallyport/test/servers"
)

func TestSentinelsAreFollowed(t *testing.T) {
	t.Parallel() // it waits, mostly
	for name, password := range map[string]string{"open": "", "with a password": "word"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := servers.StartRedisSentinels(t, servers.RedisOptions{Password: password})
			g := proxytest.Start(t, proxytest.Options{Protocol: redis.New(0), Secret: creds.Secret{Password: password}, Store: access.Resource{
				Name: storeName, Protocol: "redis", Address: "127.0.0.1:1," + s.Address(), Master: s.Master, SSLMode: access.SSLDisable}})
			client := goredis.NewClient(&goredis.Options{Addr: g.Native, Username: nativeUser, Password: proxytest.Token, MaxRetries: -1})
			defer client.Close()
			if err := client.Set(t.Context(), "k", "first", 0).Err(); err != nil {
				t.Fatal(err)
			}
			if got := s.Stores[0].MustRun(t, "GET", "k"); got != "first" {
				t.Errorf("the master has %q", got)
			}
			if err := s.Stores[0].Kill(); err != nil {
				t.Fatal(err)
			}
			servers.Eventually(t, patience, "writes go to the new master", func() bool {
				return client.Set(t.Context(), "k", "second", 0).Err() == nil
			})
			if got := s.Stores[1].MustRun(t, "GET", "k"); got != "second" {
				t.Errorf("the new master has %q", got)
			}
		})
	}
}

func TestSentinelsThatKnowNoSuchMaster(t *testing.T) {
	t.Parallel() // it waits, mostly
	s := servers.StartRedisSentinels(t, servers.RedisOptions{})
	g := proxytest.Start(t, proxytest.Options{Protocol: redis.New(0), Store: access.Resource{
		Name: storeName, Protocol: "redis", Address: s.Address(), Master: "payments", SSLMode: access.SSLDisable}})
	client := goredis.NewClient(&goredis.Options{Addr: g.Native, Username: nativeUser, Password: proxytest.Token, MaxRetries: -1})
	defer client.Close()
	if err := client.Ping(t.Context()).Err(); err == nil || !strings.Contains(err.Error(), "know no master of the name payments") {
		t.Errorf("the gateway says %v", err)
	}
}
