package main

import "context"

// tclUnits are the units of Redis's own suite that run against an external server in a minute or so each.
var tclUnits = []string{"unit/auth", "unit/protocol", "unit/keyspace", "unit/scan", "unit/info", "unit/info-command", "unit/dump", "unit/expire",
	"unit/quit", "unit/sort", "unit/other", "unit/multi", "unit/pubsub", "unit/pubsubshard", "unit/bitops", "unit/bitfield", "unit/geo",
	"unit/hyperloglog", "unit/scripting", "unit/functions", "unit/introspection", "unit/introspection-2", "unit/tracking", "unit/querybuf",
	"unit/type/string", "unit/type/incr", "unit/type/list", "unit/type/list-2", "unit/type/set", "unit/type/zset", "unit/type/hash",
	"unit/type/stream", "unit/type/stream-cgroups"}

// tclRaces are tests that write on one connection, and on another without waiting for an answer of the first, and count on
// the order that a server on the same machine then happens to see. One of them waits for ever when it sees another, directly too.
var tclRaces = []string{"BRPOPLPUSH with multiple blocked clients", "PUBLISH/SUBSCRIBE after UNSUBSCRIBE without arguments",
	"Blocking XREADGROUP: key deleted", "Blocking XREADGROUP: flushed DB", "BRPOPLPUSH does not affect WATCH while still blocked"}

// Why tests differ behind the gateway.
const (
	replyOff    = "CLIENT REPLY OFF and SKIP are refused: the gateway records what became of each command"
	oneAccount  = "it logs in as another user; a session stays its account's"
	logsIn      = "MONITOR tells of the gateway's login at the store, too"
	noReplicas  = "it reads the stream of replication, which is refused"
	noLogin     = "at the native entrance everybody logs in; it opens a connection of its own and does not"
	noPasswords = "in the tunnel passwords mean nothing: the person has signed in"
	ownWords    = "what breaks the protocol is refused in other words than the store's"
)

func redisSuites() []*suite {
	return []*suite{
		{
			name: "redis", title: "Redis 7.0's own suite (Tcl, units for an external server)", store: "redis",
			run: func(ctx context.Context, j *job) (map[string]result, error) { return runTcl(ctx, j, tclUnits) },
			explained: map[string]string{
				"unit/introspection: CLIENT REPLY OFF/ON: disable all commands reply":                         replyOff,
				"unit/introspection: CLIENT REPLY SKIP: skip the next command reply":                          replyOff,
				"unit/introspection: CLIENT REPLY ON: unset SKIP flag":                                        replyOff,
				"unit/pubsub: PubSub messages with CLIENT REPLY OFF":                                          replyOff,
				"unit/pubsub: Keyspace notifications: we receive keyspace notifications":                      replyOff + ", nor does the connection that it left",
				"unit/pubsub: Keyspace notifications: we receive keyevent notifications":                      replyOff + ", nor does the connection that it left",
				"unit/tracking: RESP2 based basic invalidation with client reply off":                         replyOff,
				"unit/tracking: RESP3 based basic invalidation with client reply off":                         replyOff,
				"unit/tracking: RESP3 based basic redirect invalidation with client reply off":                replyOff,
				"unit/tracking: RESP3 based basic tracking-redir-broken with client reply off":                replyOff,
				"unit/other: RESET clears authenticated state":                                                oneAccount,
				"unit/scripting: Script ACL check":                                                            oneAccount,
				"unit/introspection: MONITOR can log executed commands":                                       logsIn,
				"unit/introspection: MONITOR can log commands issued by the scripting engine":                 logsIn,
				"unit/expire: SCAN: Lazy-expire should not be wrapped in MULTI/EXEC":                          noReplicas,
				"unit/expire: RANDOMKEY: Lazy-expire should not be wrapped in MULTI/EXEC":                     noReplicas,
				"unit/type/list: SWAPDB wants to wake blocked client, but the key already expired":            noReplicas,
				"unit/type/list: MULTI + LPUSH + EXPIRE + DEBUG SLEEP on blocked client, key already expired": noReplicas,
				"native: unit/other: PIPELINING stresser (also a regression for the old epoll bug)":           noLogin,
				"unit/protocol: Negative multibulk payload length":                                            ownWords,
				"unit/protocol: Out of range multibulk payload length":                                        ownWords,
				"unit/protocol: Non-number multibulk payload length":                                          ownWords,
			},
		},
		{
			name: "goredis", title: "Go: redis/go-redis v9.17.3", store: "redis",
			run: func(ctx context.Context, j *job) (map[string]result, error) {
				// Of the servers that its tests know, one is here: what needs a cluster, a ring or modules is left out.
				env := append(j.store.env(j.door), "REDIS_TEST_PORT="+j.door.port, "REDIS_VERSION=7.0", "RE_CLUSTER=true")
				return runGinkgo(ctx, j, "goredis", "TestGinkgoSuite", env, "-ginkgo.label-filter=!NonRedisEnterprise",
					"-ginkgo.skip=Cluster|Ring|Sentinel|JSON|RediSearch|TimeSeries|Probabilistic")
			},
			explained: map[string]string{
				"tunnel: go-redis.[It] Commands server should Auth":                      noPasswords,
				"native: go-redis.[It] Commands server should Auth":                      "a wrong token is refused in other words than the store's",
				"native: go-redis.[It] UniversalClient should connect to simple servers": noLogin,
			},
		},
		{
			name: "redispy", title: "Python: redis-py 5.2.1", store: "redis",
			run: func(ctx context.Context, j *job) (map[string]result, error) {
				// What is deselected ends the whole run when it takes more than five seconds, as it does on a busy machine.
				return runPythonIn(ctx, j, "venv-redis", "redispy", []string{"tests", "-o", "asyncio_mode=auto", "-p", "no:warnings", "--timeout", "60",
					"-m", "not onlycluster and not redismod and not ssl", "--redis-url", j.door.url("redis") + "0",
					"--ignore=tests/test_cluster.py", "--ignore=tests/test_asyncio/test_cluster.py", "--ignore=tests/test_ssl.py",
					"--ignore=tests/test_search.py", "--ignore=tests/test_asyncio/test_search.py", "--ignore=tests/test_multiprocessing.py",
					"--deselect=tests/test_pubsub.py::TestPubSubAutoReconnect"})
			},
			explained: map[string]string{
				"tests.test_asyncio.test_credentials.TestCredentialsProvider.test_user_and_pass_without_creds_provider[single]":            oneAccount,
				"tests.test_asyncio.test_credentials.TestCredentialsProvider.test_user_and_pass_without_creds_provider[pool]":              oneAccount,
				"tests.test_asyncio.test_credentials.TestCredentialsProvider.test_change_username_password_on_existing_connection[single]": oneAccount,
				"tests.test_asyncio.test_credentials.TestCredentialsProvider.test_change_username_password_on_existing_connection[pool]":   oneAccount,
				"tests.test_commands.TestRedisCommands.test_auth":                                                                          oneAccount,
				"tests.test_commands.TestRedisCommands.test_client_kill_filter_by_user":                                                    oneAccount,
				"tests.test_credentials.TestCredentialsProvider.test_user_and_pass_without_creds_provider":                                 oneAccount,
				"tests.test_credentials.TestCredentialsProvider.test_change_username_password_on_existing_connection":                      oneAccount,
				"native: tests.test_asyncio.test_cwe_404.test_standalone[0.05]":                                                            noLogin,
				"native: tests.test_asyncio.test_cwe_404.test_standalone[0.5]":                                                             noLogin,
				"native: tests.test_asyncio.test_cwe_404.test_standalone[1]":                                                               noLogin,
				"native: tests.test_asyncio.test_cwe_404.test_standalone[2]":                                                               noLogin,
				"native: tests.test_asyncio.test_cwe_404.test_standalone_pipeline[0.05]":                                                   noLogin,
				"native: tests.test_asyncio.test_cwe_404.test_standalone_pipeline[0.5]":                                                    noLogin,
				"native: tests.test_asyncio.test_cwe_404.test_standalone_pipeline[1]":                                                      noLogin,
				"native: tests.test_asyncio.test_cwe_404.test_standalone_pipeline[2]":                                                      noLogin,
				"native: tests.test_asyncio.test_sentinel_managed_connection.test_connect_retry_on_timeout_error":                          noLogin,
				"native: tests.test_connection_pool.TestConnectionPool.test_max_connections":                                               noLogin,
				"native: tests.test_connection_pool.TestConnectionPool.test_multiple_connections":                                          noLogin,
				"native: tests.test_connection_pool.TestConnectionPool.test_reuse_previously_released_connection":                          noLogin,
				"native: tests.test_pubsub.TestPubSubDeadlock.test_pubsub_deadlock":                                                        noLogin,
				"native: tests.test_asyncio.test_credentials.TestCredentialsProvider.test_only_pass_without_creds_provider[pool]":          oneAccount,
				"native: tests.test_asyncio.test_credentials.TestCredentialsProvider.test_only_pass_without_creds_provider[single]":        oneAccount,
				"native: tests.test_credentials.TestCredentialsProvider.test_only_pass_without_creds_provider":                             oneAccount,
				"tests.test_lock.TestLock.test_context_manager_blocking_timeout":                                                           "it allows 50 ms for the way to the store and back, which a busy machine exceeds",
			},
		},
		{
			name: "noderedis", title: "Node.js: redis (node-redis) 6.3.1, tests of ours", store: "redis",
			run: func(ctx context.Context, j *job) (map[string]result, error) { return runDriver(ctx, j, "redis.cjs") },
		},
		{
			name: "redis-benchmark", title: "redis-benchmark 7.0, each of its tests at -P 1, 16, 100", store: "redis",
			run: func(ctx context.Context, j *job) (map[string]result, error) { return runRedisBenchmark(ctx, j, 5000) },
		},
	}
}
