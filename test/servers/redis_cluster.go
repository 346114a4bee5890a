package servers

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	redisClusterNodes = 6
	redisClusterLimit = 60 * time.Second
)

// RedisCluster is a running cluster: three masters with a replica each.
type RedisCluster struct {
	Nodes []*Redis
}

// StartRedisCluster starts a private cluster for one test and ends it with the test. The options are those of every
// node.
func StartRedisCluster(t testing.TB, options RedisOptions) *RedisCluster {
	t.Helper()
	c := &RedisCluster{}
	for range redisClusterNodes {
		c.Nodes = append(c.Nodes, startRedisNode(t, options))
	}
	if err := c.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

func startRedisNode(t testing.TB, options RedisOptions) *Redis {
	t.Helper()
	var r *Redis
	dir := redisDir(t)
	err := onFreePort(func() error {
		bus, err := FreePort()
		if err != nil {
			return err
		}
		node := options
		node.Config = append([]string{"cluster-enabled yes", "cluster-port " + strconv.Itoa(bus),
			"repl-diskless-sync-delay 0", "cluster-allow-replica-migration no"}, options.Config...)
		if options.Password != "" {
			node.Config = append(node.Config, "masterauth "+options.Password)
		}
		r, err = runRedis(t.Context(), dir, node, nil)
		return err
	})
	return ownRedis(t, r, err)
}

// join makes the nodes a cluster, and waits until each of them says that it works.
func (c *RedisCluster) join(ctx context.Context) error {
	args := []string{"--cluster", "create"}
	for _, n := range c.Nodes {
		args = append(args, n.Addr())
	}
	if out, err := c.manage(ctx, append(args, "--cluster-replicas", "1", "--cluster-yes")...); err != nil {
		return fmt.Errorf("create the cluster: %w: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(ctx, redisClusterLimit)
	defer cancel()
	for !c.agrees(ctx) {
		if ctx.Err() != nil {
			return errors.New("the nodes do not agree on the cluster")
		}
	}
	return nil
}

// agrees says whether each node knows all slots, and shows all nodes for them: replicas once they have data.
func (c *RedisCluster) agrees(ctx context.Context) bool {
	for _, n := range c.Nodes {
		info, err := n.Run(ctx, "CLUSTER", "INFO")
		if err != nil || !strings.Contains(info, "cluster_state:ok") {
			return false
		}
		slots, err := n.Run(ctx, "CLUSTER", "SLOTS")
		if err != nil {
			return false
		}
		for _, other := range c.Nodes {
			if !strings.Contains(slots, strconv.Itoa(other.Port)) {
				return false
			}
		}
	}
	return true
}

// manage runs redis-cli's --cluster commands.
func (c *RedisCluster) manage(ctx context.Context, args ...string) (string, error) {
	client, err := findProgram("redis-cli", "/usr/bin/redis-cli")
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, client, append([]string{"--user", redisOperator, "--no-auth-warning"}, args...)...)
	cmd.Env = []string{"REDISCLI_AUTH=" + redisOperatorPassword}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Owner is the node that has the key's slot now.
func (c *RedisCluster) Owner(t testing.TB, key string) *Redis {
	t.Helper()
	slot := c.Nodes[0].MustRun(t, "CLUSTER", "KEYSLOT", key)
	number, err := strconv.Atoi(slot)
	if err != nil {
		t.Fatalf("slot %q", slot)
	}
	for _, n := range c.Nodes {
		for line := range strings.Lines(n.MustRun(t, "CLUSTER", "NODES")) {
			if strings.Contains(line, "myself,master") && ownsSlot(line, number) {
				return n
			}
		}
	}
	t.Fatalf("no node has slot %d", number)
	return nil
}

// ownsSlot reads the slots in a node's line of CLUSTER NODES: single ones and ranges behind the eighth word.
func ownsSlot(line string, slot int) bool {
	const before = 8
	words := strings.Fields(line)
	for _, w := range words[min(before, len(words)):] {
		first, last, isRange := strings.Cut(w, "-")
		from, err := strconv.Atoi(first)
		to := from
		if isRange && err == nil {
			to, err = strconv.Atoi(last)
		}
		if err == nil && slot >= from && slot <= to {
			return true
		}
	}
	return false
}

// ID is a node's ID in its cluster.
func (r *Redis) ID(t testing.TB) string {
	t.Helper()
	return r.MustRun(t, "CLUSTER", "MYID")
}

// IsMaster says whether a node is a master now.
func (r *Redis) IsMaster(ctx context.Context) bool {
	out, err := r.Run(ctx, "ROLE")
	return err == nil && strings.HasPrefix(out, "master")
}

// MoveSlot gives the slot of the key, with all that is in it, to another master.
func (c *RedisCluster) MoveSlot(t testing.TB, key string, to *Redis) {
	t.Helper()
	from, slot := c.Owner(t, key), c.Nodes[0].MustRun(t, "CLUSTER", "KEYSLOT", key)
	to.MustRun(t, "CLUSTER", "SETSLOT", slot, "IMPORTING", from.ID(t))
	from.MustRun(t, "CLUSTER", "SETSLOT", slot, "MIGRATING", to.ID(t))
	for {
		keys := strings.Fields(from.MustRun(t, "CLUSTER", "GETKEYSINSLOT", slot, "100"))
		if len(keys) == 0 {
			break
		}
		from.MustRun(t, append([]string{"MIGRATE", to.Host, strconv.Itoa(to.Port), "", "0", "5000",
			"AUTH2", redisOperator, redisOperatorPassword, "KEYS"}, keys...)...)
	}
	for _, n := range []*Redis{to, from} {
		n.MustRun(t, "CLUSTER", "SETSLOT", slot, "NODE", to.ID(t))
	}
}

// FailOver makes a replica of the master take its place, and waits until it has.
func (c *RedisCluster) FailOver(t testing.TB, master *Redis) *Redis {
	t.Helper()
	for _, n := range c.Nodes {
		if strings.Contains(n.MustRun(t, "CLUSTER", "NODES"), "myself,slave "+master.ID(t)) {
			n.MustRun(t, "CLUSTER", "FAILOVER")
			Eventually(t, redisClusterLimit, "the replica is master", func() bool { return n.IsMaster(t.Context()) && !master.IsMaster(t.Context()) })
			return n
		}
	}
	t.Fatal("the master has no replica")
	return nil
}
