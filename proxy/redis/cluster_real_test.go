package redis_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/proxy/redis"
	"github.com/sallyport/sallyport/test/servers"
)

// patience bounds every wait.
const patience = 60 * time.Second

const (
	storeName  = "cache"
	nativeUser = proxytest.User + "#" + storeName
)

// clusterGateway is a gateway for a cluster, with an entrance for each of its nodes.
type clusterGateway struct {
	*proxytest.Gateway
	cluster *servers.RedisCluster
	nodes   map[string]*servers.Redis // by name
	native  map[string]string         // the nodes' entrances, by name
	tunnel  map[string]string         // their local ports, by address
}

// startClusterGateway serves the first of the cluster's nodes; all of them where listed is their number.
func startClusterGateway(t *testing.T, cluster *servers.RedisCluster, listed int) *clusterGateway {
	t.Helper()
	g := &clusterGateway{cluster: cluster, nodes: map[string]*servers.Redis{}, native: map[string]string{}, tunnel: map[string]string{}}
	store := access.Resource{Name: storeName, Protocol: "redis", Address: cluster.Nodes[0].Addr(), SSLMode: access.SSLDisable}
	for i, n := range cluster.Nodes[:listed] {
		name := fmt.Sprintf("n%d", i)
		g.nodes[name] = n
		store.Nodes = append(store.Nodes, access.Node{Name: name, Address: n.Addr()})
	}
	g.Gateway = proxytest.Start(t, proxytest.Options{Protocol: redis.New(0), Store: store,
		Secret: creds.Secret{Username: "app", Password: "word"}})
	for name, port := range access.LocalPorts(map[string]access.Resource{storeName: store}) {
		_, node, _ := strings.Cut(name, "/")
		g.tunnel[fmt.Sprintf("127.0.0.1:%d", port)] = node
	}
	for name := range g.nodes {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		g.native[name] = l.Addr().String()
		served := make(chan error, 1)
		go func() { served <- g.Server.ServeNode("redis", storeName, name, l) }()
		t.Cleanup(func() {
			_ = l.Close()
			if err := <-served; err != nil {
				t.Errorf("serve %s: %v", name, err)
			}
		})
	}
	return g
}

// clients are a cluster client at each entrance.
func (g *clusterGateway) clients(t *testing.T) map[string]*goredis.ClusterClient {
	t.Helper()
	clients := map[string]*goredis.ClusterClient{
		"native": goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: []string{g.Native}, Username: nativeUser,
			Password: proxytest.Token, MaxRedirects: 10}),
		"tunnel": goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: []string{g.tunnelAddr("")}, MaxRedirects: 10,
			Dialer: func(_ context.Context, _, addr string) (net.Conn, error) {
				node, known := g.tunnel[addr]
				if !known {
					return nil, fmt.Errorf("%s is no local port of the resource's", addr)
				}
				if node == "" {
					return g.DialTunnel(t, proxytest.User, time.Hour)
				}
				return g.DialNode(t, node)
			}}),
	}
	t.Cleanup(func() {
		for _, c := range clients {
			_ = c.Close()
		}
	})
	return clients
}

// tunnelAddr is the local address of a node, or of the resource itself.
func (g *clusterGateway) tunnelAddr(node string) string {
	for addr, n := range g.tunnel {
		if n == node {
			return addr
		}
	}
	return ""
}

func TestCluster(t *testing.T) {
	t.Parallel() // it waits, mostly
	cluster := servers.StartRedisCluster(t, servers.RedisOptions{Users: []string{"app on >word ~* &* +@all"}})
	t.Run("nodes that are not listed", func(t *testing.T) { wantUnlistedTold(t, cluster) })
	t.Run("one node alone", func(t *testing.T) { wantOthersTold(t, cluster) })
	g := startClusterGateway(t, cluster, 6)
	t.Run("each entrance is that of its node", func(t *testing.T) { wantNodesByName(t, g) })
	for entrance, client := range g.clients(t) {
		t.Run(entrance, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			t.Run("keys on all nodes", func(t *testing.T) { wantKeysOnAllNodes(ctx, t, g, client, entrance) })
			t.Run("pipelines and transactions", func(t *testing.T) { wantPipelines(ctx, t, client, entrance) })
			t.Run("every answer names entrances alone", func(t *testing.T) { wantNoOwnAddresses(ctx, t, g, client, entrance) })
			t.Run("a slot moves", func(t *testing.T) { wantMoveFollowed(ctx, t, g, client, entrance) })
			t.Run("a master fails over", func(t *testing.T) { wantFailoverFollowed(ctx, t, g, client, entrance) })
		})
	}
}

// wantNodesByName checks which node answers: the one whose entrance it is, or else the one that TLS names.
func wantNodesByName(t *testing.T, g *clusterGateway) {
	named := func(server string) *tls.Config {
		return &tls.Config{ServerName: server, InsecureSkipVerify: true} //nolint:gosec // the certificate names the gateway alone
	}
	for name, test := range map[string]struct {
		options goredis.Options
		want    string
	}{
		"an entrance":                         {goredis.Options{Addr: g.native["n3"], Username: nativeUser}, "n3"},
		"an entrance by TLS":                  {goredis.Options{Addr: g.native["n3"], Username: nativeUser, TLSConfig: named("sally.acme.com")}, "n3"},
		"an entrance where TLS names another": {goredis.Options{Addr: g.native["n3"], Username: nativeUser, TLSConfig: named("n1.cache")}, "n3"},
		"the name in TLS":                     {goredis.Options{Addr: g.Native, Username: proxytest.User, TLSConfig: named("n4.cache.acme.com")}, "n4"},
		"the name in TLS of the resource":     {goredis.Options{Addr: g.Native, Username: proxytest.User, TLSConfig: named("cache")}, "n0"},
		"the name in the tunnel":              {goredis.Options{Dialer: func(context.Context, string, string) (net.Conn, error) { return g.DialNode(t, "n2") }}, "n2"},
	} {
		if test.options.Password = proxytest.Token; test.options.Dialer != nil {
			test.options.Password = ""
		}
		client := goredis.NewClient(&test.options)
		id, err := client.Do(t.Context(), "CLUSTER", "MYID").Text()
		if err != nil || id != g.nodes[test.want].ID(t) {
			t.Errorf("%s: node %s, %v; want %s", name, id, err, test.want)
		}
		_ = client.Close()
	}
}

func wantKeysOnAllNodes(ctx context.Context, t *testing.T, g *clusterGateway, client *goredis.ClusterClient, prefix string) {
	const keys = 100
	for i := range keys {
		if err := client.Set(ctx, fmt.Sprint(prefix, ":", i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range keys {
		if got, err := client.Get(ctx, fmt.Sprint(prefix, ":", i)).Int(); err != nil || got != i {
			t.Fatalf("key %d is %d, %v", i, got, err)
		}
	}
	for _, n := range g.cluster.Nodes {
		if out := n.MustRun(t, "KEYS", prefix+":*"); out == "" {
			t.Errorf("no keys on %s", n.Addr())
		}
	}
}

func wantPipelines(ctx context.Context, t *testing.T, client *goredis.ClusterClient, prefix string) {
	pipeline := client.Pipeline()
	var sums []*goredis.IntCmd
	for i := range 300 {
		sums = append(sums, pipeline.IncrBy(ctx, fmt.Sprint(prefix, ":sum:", i%30), int64(i)))
	}
	if _, err := pipeline.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	if got, want := sums[299].Val(), int64(29+59+89+119+149+179+209+239+269+299); got != want {
		t.Errorf("the last sum is %d, want %d", got, want)
	}
	key := "{" + prefix + "}:account"
	err := client.Watch(ctx, func(tx *goredis.Tx) error {
		_, err := tx.TxPipelined(ctx, func(p goredis.Pipeliner) error {
			p.Set(ctx, key, 5, 0)
			p.Incr(ctx, key)
			return nil
		})
		return err
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := client.Get(ctx, key).Int(); err != nil || got != 6 {
		t.Errorf("the account is %d, %v", got, err)
	}
}

// wantNoOwnAddresses checks all that tells where nodes are: each is where the client reaches it, and all are there.
func wantNoOwnAddresses(ctx context.Context, t *testing.T, g *clusterGateway, client *goredis.ClusterClient, entrance string) {
	want := slices.Sorted(maps.Values(g.native))
	if entrance == "tunnel" {
		want = slices.DeleteFunc(slices.Sorted(maps.Keys(g.tunnel)), func(addr string) bool { return g.tunnel[addr] == "" })
	}
	for form, named := range map[string]func(context.Context, *testing.T, *goredis.ClusterClient) map[string]bool{
		"slots": namedBySlots, "shards": namedByShards, "nodes": namedByNodes,
	} {
		var found []string
		agree := func() bool { // a node may have to hear of a replica first
			found = slices.Sorted(maps.Keys(named(ctx, t, client)))
			return len(found) >= len(want)
		}
		servers.Eventually(t, patience, "all nodes are named by "+form, agree)
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("%s: %s", form, diff)
		}
	}
}

func namedBySlots(ctx context.Context, t *testing.T, client *goredis.ClusterClient) map[string]bool {
	found := map[string]bool{}
	slots, err := client.ClusterSlots(ctx).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range slots {
		for _, n := range s.Nodes {
			found[n.Addr] = true
		}
	}
	return found
}

func namedByShards(ctx context.Context, t *testing.T, client *goredis.ClusterClient) map[string]bool {
	found := map[string]bool{}
	shards, err := client.ClusterShards(ctx).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range shards {
		for _, n := range s.Nodes {
			found[fmt.Sprintf("%s:%d", n.Endpoint, n.Port)] = true
		}
	}
	return found
}

func namedByNodes(ctx context.Context, t *testing.T, client *goredis.ClusterClient) map[string]bool {
	found := map[string]bool{}
	nodes, err := client.ClusterNodes(ctx).Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(nodes) {
		words := strings.Fields(line)
		addr, _, _ := strings.Cut(words[1], "@")
		found[addr] = true
	}
	return found
}

// wantMoveFollowed moves a key's slot to another master: the old one's redirect leads to the new one's entrance.
func wantMoveFollowed(ctx context.Context, t *testing.T, g *clusterGateway, client *goredis.ClusterClient, prefix string) {
	key := prefix + ":moved"
	if err := client.Set(ctx, key, "here", 0).Err(); err != nil {
		t.Fatal(err)
	}
	from := g.cluster.Owner(t, key)
	var to *servers.Redis
	for _, n := range g.cluster.Nodes {
		if n != from && n.IsMaster(ctx) {
			to = n
		}
	}
	g.cluster.MoveSlot(t, key, to)
	if got, err := client.Get(ctx, key).Result(); err != nil || got != "here" {
		t.Errorf("once its slot has moved the key is %q, %v", got, err)
	}
	one := goredis.NewClient(&goredis.Options{Addr: g.native[g.name(from)], Username: nativeUser, Password: proxytest.Token})
	defer one.Close()
	slot := from.MustRun(t, "CLUSTER", "KEYSLOT", key)
	if err, want := one.Get(ctx, key).Err(), fmt.Sprintf("MOVED %s %s", slot, g.native[g.name(to)]); err == nil || err.Error() != want {
		t.Errorf("the old node says %v, want %s", err, want)
	}
}

// name is a node's name.
func (g *clusterGateway) name(node *servers.Redis) string {
	for name, n := range g.nodes {
		if n == node {
			return name
		}
	}
	return ""
}

func wantFailoverFollowed(ctx context.Context, t *testing.T, g *clusterGateway, client *goredis.ClusterClient, prefix string) {
	key := prefix + ":failover"
	if err := client.Set(ctx, key, 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	next := g.cluster.FailOver(t, g.cluster.Owner(t, key))
	if got, err := client.Incr(ctx, key).Result(); err != nil || got != 2 {
		t.Fatalf("behind the failover the key is %d, %v", got, err)
	}
	if got := next.MustRun(t, "GET", key); got != "2" {
		t.Errorf("the new master has %q", got)
	}
}

// wantUnlistedTold checks that nodes that the resource does not list are not shown, and that what only they could answer
// says what an admin has to do.
func wantUnlistedTold(t *testing.T, cluster *servers.RedisCluster) {
	g := startClusterGateway(t, cluster, 1)
	one := goredis.NewClient(&goredis.Options{Addr: g.Native, Username: nativeUser, Password: proxytest.Token})
	defer one.Close()
	slots, err := one.ClusterSlots(t.Context()).Result()
	if err != nil || len(slots) != 1 || len(slots[0].Nodes) != 1 || slots[0].Nodes[0].Addr != g.native["n0"] {
		t.Errorf("slots %v, %v", slots, err)
	}
	for i := range 100 {
		key := fmt.Sprint("key", i)
		if cluster.Owner(t, key) == cluster.Nodes[0] {
			continue
		}
		if err := one.Get(t.Context(), key).Err(); err == nil || !strings.Contains(err.Error(), "an admin has to list the address") {
			t.Errorf("the gateway says %v", err)
		}
		return
	}
	t.Fatal("all keys are on one node")
}

// wantOthersTold checks that a node that is a resource by itself, without the others, sends nobody past the gateway.
func wantOthersTold(t *testing.T, cluster *servers.RedisCluster) {
	g := proxytest.Start(t, proxytest.Options{Protocol: redis.New(0), Secret: creds.Secret{Username: "app", Password: "word"},
		Store: access.Resource{Name: storeName, Protocol: "redis", Address: cluster.Nodes[0].Addr(), SSLMode: access.SSLDisable}})
	client := goredis.NewClient(&goredis.Options{Addr: g.Native, Username: nativeUser, Password: proxytest.Token})
	defer client.Close()
	var told int
	for i := range 20 {
		err := client.Get(t.Context(), fmt.Sprint("key", i)).Err()
		if err != nil && strings.Contains(err.Error(), "the resource names no nodes") {
			told++
		} else if !errors.Is(err, goredis.Nil) {
			t.Fatalf("the gateway says %v", err)
		}
	}
	if told == 0 || told == 20 {
		t.Errorf("%d of 20 keys are on other nodes", told)
	}
	if err := client.ClusterSlots(t.Context()).Err(); err == nil || !strings.Contains(err.Error(), "the resource names no nodes") {
		t.Errorf("asked for slots the gateway says %v", err)
	}
}
