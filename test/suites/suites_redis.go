package main

import "context"

// tclUnits are the units of Redis's own suite that run against an external server in a minute or so each.
var tclUnits = []string{"unit/auth", "unit/protocol", "unit/keyspace", "unit/scan", "unit/info", "unit/info-command", "unit/dump", "unit/expire",
	"unit/quit", "unit/sort", "unit/other", "unit/multi", "unit/pubsub", "unit/pubsubshard", "unit/bitops", "unit/bitfield", "unit/geo",
	"unit/hyperloglog", "unit/scripting", "unit/functions", "unit/introspection", "unit/introspection-2", "unit/tracking", "unit/querybuf",
	"unit/type/string", "unit/type/incr", "unit/type/list", "unit/type/list-2", "unit/type/set", "unit/type/zset", "unit/type/hash",
	"unit/type/stream", "unit/type/stream-cgroups"}

func redisSuites() []*suite {
	return []*suite{
		{
			name: "redis", title: "Redis 7.0's own suite (Tcl, units for an external server)", store: "redis",
			run: func(ctx context.Context, j *job) (map[string]result, error) { return runTcl(ctx, j, tclUnits) },
		},
		{
			name: "goredis", title: "Go: redis/go-redis v9.17.3", store: "redis",
			run: func(ctx context.Context, j *job) (map[string]result, error) {
				// Of the servers that its tests know, one is here: what needs a cluster, a ring or modules is left out.
				env := append(j.store.env(j.door), "REDIS_TEST_PORT="+j.door.port, "REDIS_VERSION=7.0", "RE_CLUSTER=true")
				return runGinkgo(ctx, j, "goredis", "TestGinkgoSuite", env, "-ginkgo.label-filter=!NonRedisEnterprise",
					"-ginkgo.skip=Cluster|Ring|Sentinel|JSON|RediSearch|TimeSeries|Probabilistic")
			},
		},
		{
			name: "redispy", title: "Python: redis-py 5.2.1", store: "redis",
			run: func(ctx context.Context, j *job) (map[string]result, error) {
				return runPythonIn(ctx, j, "venv-redis", "redispy", []string{"tests", "-m", "not onlycluster and not redismod and not ssl", "--redis-url", j.door.url("redis") + "0",
					"--ignore=tests/test_cluster.py", "--ignore=tests/test_asyncio/test_cluster.py", "--ignore=tests/test_ssl.py",
					"--ignore=tests/test_graph_utils", "--ignore=tests/test_multiprocessing.py"})
			},
		},
		{
			name: "redis-benchmark", title: "redis-benchmark 7.0, each of its tests at -P 1, 16, 100", store: "redis", run: runRedisBenchmark,
		},
	}
}
