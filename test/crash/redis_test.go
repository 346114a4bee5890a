package crash

import (
	"context"
	"net"
	"path/filepath"
	"testing"

	client "github.com/redis/go-redis/v9"

	"github.com/sallyport/sallyport/test/servers"
)

// redis tells what it has run by its append-only file, which has every command that writes.
type redis struct {
	*servers.Redis
	dir string
}

func (r *redis) start(t *testing.T) {
	t.Helper()
	r.dir = t.TempDir()
	r.Redis = servers.StartRedis(t, servers.RedisOptions{Users: []string{"app on >" + password + " ~* &* +@all"},
		Config: []string{"dir " + r.dir, "appendonly yes", "appendfsync no", "auto-aof-rewrite-percentage 0"}})
}

func (r *redis) address() string { return r.Addr() }

func (r *redis) resourceFlags() []string {
	return []string{"--protocol", "redis", "--ssl-mode", "disable"}
}

func (r *redis) log(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the append-only files are %v: %v", files, err)
	}
	return files[0]
}

// work runs commands of three kinds: alone, in a pipeline, and as a transaction.
func (r *redis) work(ctx context.Context, w worker) {
	host, port, err := w.sally.Native("redis")
	if err != nil {
		return
	}
	c := client.NewClient(&client.Options{Addr: net.JoinHostPort(host, port), Username: person + "#" + w.resource, Password: w.token,
		PoolSize: 1, MaxRetries: -1, DisableIdentity: true})
	defer c.Close()
	several := func(p client.Pipeliner) error {
		for range 5 {
			p.Set(ctx, w.resource, w.mark(), 0)
		}
		return nil
	}
	for {
		if err := c.Set(ctx, w.resource, w.mark(), 0).Err(); err != nil {
			return
		}
		if _, err := c.Pipelined(ctx, several); err != nil {
			return
		}
		if _, err := c.TxPipelined(ctx, several); err != nil {
			return
		}
		w.answered.Add(11)
	}
}
