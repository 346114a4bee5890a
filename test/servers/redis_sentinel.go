package servers

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// RedisSentinels are a master with a replica, and three Sentinels that watch them.
type RedisSentinels struct {
	Master    string // the name by which the Sentinels know it
	Stores    []*Redis
	Sentinels []*Redis
}

const redisMasterName = "orders"

// StartRedisSentinels starts a master, a replica and their Sentinels for one test, and ends them with the test. The
// options are those of the two stores; Sentinels ask for options.Password, too.
func StartRedisSentinels(t testing.TB, options RedisOptions) *RedisSentinels {
	t.Helper()
	s := &RedisSentinels{Master: redisMasterName}
	stored := options
	stored.Config = append([]string{"repl-diskless-sync-delay 0", "masteruser " + redisOperator, "masterauth " + redisOperatorPassword}, options.Config...)
	master := StartRedis(t, stored)
	stored.Config = append(stored.Config, "replicaof "+master.Host+" "+strconv.Itoa(master.Port))
	s.Stores = []*Redis{master, StartRedis(t, stored)}
	Eventually(t, redisClusterLimit, "the replica follows", func() bool {
		return strings.Contains(s.Stores[1].MustRun(t, "INFO", "replication"), "master_link_status:up")
	})
	for range 3 {
		s.Sentinels = append(s.Sentinels, s.startSentinel(t, options.Password))
	}
	Eventually(t, redisClusterLimit, "the Sentinels know each other", s.complete(t))
	return s
}

// startSentinel starts one Sentinel, with delays that are short for a test.
func (s *RedisSentinels) startSentinel(t testing.TB, password string) *Redis {
	t.Helper()
	master, dir := s.Stores[0], redisDir(t)
	lines := []string{
		fmt.Sprintf("sentinel monitor %s %s %d 2", s.Master, master.Host, master.Port),
		"sentinel auth-user " + s.Master + " " + redisOperator, "sentinel auth-pass " + s.Master + " " + redisOperatorPassword,
		"sentinel down-after-milliseconds " + s.Master + " 500", "sentinel failover-timeout " + s.Master + " 3000",
		"sentinel sentinel-user " + redisOperator, "sentinel sentinel-pass " + redisOperatorPassword,
	}
	var r *Redis
	err := onFreePort(func() (err error) {
		r, err = runRedis(t.Context(), filepath.Join(dir, "sentinel"), RedisOptions{Password: password}, lines)
		return err
	})
	return ownRedis(t, r, err)
}

// complete says whether every Sentinel knows both stores and the other two Sentinels: before that none is elected.
func (s *RedisSentinels) complete(t testing.TB) func() bool {
	return func() bool {
		for _, one := range s.Sentinels {
			others := one.MustRun(t, "SENTINEL", "SENTINELS", s.Master)
			replicas := one.MustRun(t, "SENTINEL", "REPLICAS", s.Master)
			if strings.Count(others, "runid") != len(s.Sentinels)-1 || strings.Count(replicas, "runid") != 1 {
				return false
			}
		}
		return true
	}
}

// Address is what a resource has for an address: that of each Sentinel.
func (s *RedisSentinels) Address() string {
	var addresses []string
	for _, one := range s.Sentinels {
		addresses = append(addresses, one.Addr())
	}
	return strings.Join(addresses, ",")
}
