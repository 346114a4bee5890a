package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/client/agent"
	"github.com/sallyport/sallyport/test/servers"
)

// onboardCluster gives Alice the Redis Cluster as the resource cache.
func (w *world) onboardCluster(cluster *servers.RedisCluster, password string) {
	w.t.Helper()
	w.admin(password+"\n", "credentials", "add", "cache-app", "--source", "sealed", "--password-stdin")
	args := []string{"resources", "add", "cache", "--protocol", "redis", "--address", cluster.Nodes[0].Addr(), "--ssl-mode", "disable", "--account", "app=cache-app"}
	for i, n := range cluster.Nodes {
		args = append(args, "--node", fmt.Sprintf("n%d=%s", i, n.Addr()))
	}
	w.admin("", args...)
	w.admin("", "roles", "set", "developers", "--resource", resource, "--resource", "cache")
}

// redis runs redis-cli, which has to succeed.
func (l *laptop) redis(args ...string) string {
	l.t.Helper()
	cmd := exec.CommandContext(l.t.Context(), "redis-cli", args...)
	cmd.Env = withoutSally(cmd.Environ())
	out, err := cmd.CombinedOutput()
	if err != nil {
		l.t.Fatalf("redis-cli %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestAClusterIsUsedFromALaptop(t *testing.T) {
	const password, keys = "a-password-nobody-sees", 12
	cluster := servers.StartRedisCluster(t, servers.RedisOptions{Password: password})
	w := newWorld(t, "")
	w.onboard(password+"\n", "--source", "sealed", "--password-stdin")
	w.onboardCluster(cluster, password)
	l := w.newLaptop()

	var lines []agent.Line
	if err := json.Unmarshal([]byte(l.sally("connect", "cache", "-o", "json")), &lines); err != nil || len(lines) != 1 {
		t.Fatalf("%+v, %v", lines, err)
	}
	if len(lines[0].Nodes) != len(cluster.Nodes) || len(lines[0].Unreached()) != 0 {
		t.Fatalf("nodes: %+v", lines[0].Nodes)
	}
	masters := map[string]bool{}
	for i := range keys {
		key := fmt.Sprintf("key-%d", i)
		if got := l.redis("-c", "-p", strconv.Itoa(lines[0].Port), "set", key, "set by the agent's port"); got != "OK" {
			t.Errorf("set %s: %s", key, got)
		}
		masters[cluster.Owner(t, key).Addr()] = true
		if got := strings.TrimSpace(l.sally("db", "connect", "cache", "--program", "redis-cli", "--", "get", key)); got != "set by the agent's port" {
			t.Errorf("get %s: %s", key, got)
		}
	}
	if len(masters) != len(cluster.Nodes)/2 {
		t.Errorf("the keys lie on %d masters alone", len(masters))
	}

	// A port that another program has is told of, and its node alone is out of reach.
	l.sally("disconnect", "cache")
	taken, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(lines[0].Nodes[1].OwnPort)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	l.sally("connect", "cache")
	if out, err := l.try("doctor"); err == nil || !strings.Contains(out, "clients of cache do not reach its node n1") {
		t.Errorf("doctor: %v\n%s", err, out)
	}
	line, ok := l.agent().Profiles[0].Line("cache")
	if unreached := line.Unreached(); !ok || len(unreached) != 1 || unreached[0].Name != "n1" {
		t.Errorf("%+v", line)
	}
}
