package main

import "context"

// otherUser is why a test of the user's name fails at the native entrance.
const otherUser = "at the native entrance the user names the person; the store's own current_user is the account"

// otherLogin is why a test that makes a role and logs in as that fails: people open the accounts that a resource has.
const otherLogin = "it makes a role in the store and logs in as that, which is no account of the resource"

// reset is why a test that ends its own backend sees another end of its connection.
const reset = "it wants an orderly end of a connection; a backend that is ended may reset it, the gateway closes it in order"

// early is why a test that cancels some milliseconds after it began to connect fails on a busy machine, directly too.
const early = "it cancels 10 ms after it began to connect, and fails when the statement has not begun by then"

// offersTLS is why tests of TLS differ at the native entrance.
const offersTLS = "the native entrance offers TLS, the store of this run does not"

func postgresSuites() []*suite {
	return []*suite{
		{
			name: "regress", store: "postgres", title: "PostgreSQL 15 regression (pg_regress, parallel_schedule)", database: "regression", run: runRegress,
			config: map[string]string{"max_prepared_transactions": "2"},
		},
		{
			name: "pgx", store: "postgres", title: "Go: jackc/pgx v5.7.6", database: "pgx_test",
			setup: []string{
				"CREATE EXTENSION hstore", "CREATE EXTENSION ltree", "CREATE DOMAIN uint64 AS numeric(20,0)",
				`CREATE USER " tricky, ' } "" \ test user " SUPERUSER PASSWORD 'secret'`,
			},
			run: func(ctx context.Context, j *job) (map[string]result, error) {
				return runGo(ctx, j, "pgx", append(cleanEnv("PG"), "PGX_TEST_DATABASE="+j.door.conninfo(),
					"PGX_TEST_TCP_CONN_STRING="+j.door.conninfo()))
			},
			explained: map[string]string{"native: github.com/jackc/pgx/v5.TestConnect": otherUser},
		},
		{
			name: "pq", store: "postgres", title: "Go: lib/pq v1.10.9", database: "pqgotest",
			run: func(ctx context.Context, j *job) (map[string]result, error) {
				return runGo(ctx, j, "pq", j.store.env(j.door))
			},
			explained: map[string]string{
				"github.com/lib/pq.TestContextCancelQuery": early,
				"github.com/lib/pq.TestQueryCancelRace":    early,
			},
		},
		{
			name: "psycopg2", store: "postgres", title: "Python, libpq: psycopg2 2.9.13", database: "psycopg2_test",
			config: map[string]string{"max_prepared_transactions": "10"},
			setup:  []string{"CREATE EXTENSION hstore"},
			run: func(ctx context.Context, j *job) (map[string]result, error) {
				return runPython(ctx, j, "psycopg2", []string{"tests"})
			},
			explained: map[string]string{"native: tests.test_connection.TestConnectionInfo.test_user": otherUser},
		},
		{
			name: "asyncpg", store: "postgres", title: "Python: asyncpg 0.32.0", database: "postgres",
			run: func(ctx context.Context, j *job) (map[string]result, error) {
				return runPython(ctx, j, "asyncpg", []string{"tests"})
			},
			explained: map[string]string{
				"tests.test_execute.TestExecuteMany.test_executemany_server_failure_during_writes": "it asserts that an error comes back " +
					"before 4 MB are written, which depends on how much two more sockets' buffers hold",
			},
		},
		{
			name: "pg8000", store: "postgres", title: "Python: pg8000 1.31.6", database: "postgres",
			setup: []string{"CREATE EXTENSION hstore"},
			run: func(ctx context.Context, j *job) (map[string]result, error) {
				return runPython(ctx, j, "pg8000", []string{"test/native", "test/dbapi", "test/legacy", "--ignore-glob=*benchmarks*"})
			},
			explained: map[string]string{
				"native: test.dbapi.auth.test_md5_ssl.test_md5_ssl":                                  offersTLS,
				"native: test.dbapi.auth.test_scram-sha-256_ssl.test_scram_sha_256_ssl_context":      offersTLS,
				"native: test.legacy.auth.test_md5_ssl.test_ssl":                                     offersTLS,
				"native: test.native.auth.test_md5_ssl.test_ssl":                                     offersTLS,
				"native: test.native.auth.test_scram-sha-256.test_scram_sha_256_ssl_True":            offersTLS,
				"native: test.native.auth.test_scram-sha-256_ssl.test_scram_sha_256_plus":            offersTLS,
				"native: test.native.auth.test_scram-sha-256_ssl.test_scram_sha_256_plus_ssl_True":   offersTLS,
				"native: test.native.auth.test_scram-sha-256_ssl.test_scram_sha_256_plus_ssl_custom": offersTLS,
				"test.native.test_connection.test_bytes_password":                                    otherLogin,
				"test.dbapi.test_connection.test_password_bytes":                                     otherLogin,
				"test.legacy.test_connection.testBytesPassword":                                      otherLogin,
				"test.native.test_connection.test_broken_pipe_read":                                  reset,
				"test.dbapi.test_connection.test_broken_pipe_read":                                   reset,
				"test.legacy.test_connection.test_broken_pipe_read":                                  reset,
			},
		},
		{
			name: "sqlalchemy", store: "postgres", title: "SQLAlchemy 2.1.9, PostgreSQL dialect, over psycopg 3.3.9", database: "sqlalchemy",
			config: map[string]string{"max_prepared_transactions": "10"},
			setup:  []string{"CREATE EXTENSION hstore", "CREATE EXTENSION citext", "CREATE SCHEMA test_schema", "CREATE SCHEMA test_schema_2"},
			run: func(ctx context.Context, j *job) (map[string]result, error) {
				return runPython(ctx, j, "sqlalchemy", []string{"test/dialect/postgresql", "test/dialect/test_suite.py", "-o", "addopts=", "-p", "no:warnings", "--dburi",
					j.door.url("postgresql+psycopg")})
			},
		},
	}
}
