package main

import (
	"context"
	"net"
)

// noCompression is why a test differs that the server itself fails with compressed packets.
const noCompression = "the gateway offers no compression, with which the server finds this test's packets too big"

// noExtensions is why results lack what MariaDB tells beyond MySQL's protocol.
const noExtensions = "the native entrance greets before it knows the store, and so without MariaDB's extensions of the protocol: columns have no extended types"

// oneUser is why tests of changing a connection's user differ.
const oneUser = "the user of a session cannot be changed, not even to the same one again (which is how some clients reset a connection)"

// fullStore is why tests differ that use up the store's connections.
const fullStore = "it opens all connections that the store has, while those of the test before may not have closed at the store yet, and it knows a full " +
	"store (error 1040) by MySQL's own words"

func mariaSuites() []*suite {
	return []*suite{
		mtrSuite("mariadb", "SQL as text"),
		mtrSuite("mariadb-ps", "prepared statements", "--ps-protocol"),
		mtrSuite("mariadb-cursor", "cursors", "--cursor-protocol"),
		{
			name: "gomysql", title: "Go: go-sql-driver/mysql v1.9.3", store: "mariadb", database: "gotest",
			run: func(ctx context.Context, j *job) (map[string]result, error) {
				d := j.door
				return runGo(ctx, j, "gomysql", append(cleanEnv("MYSQL"), "MYSQL_TEST_USER="+d.user, "MYSQL_TEST_PASS="+d.password,
					"MYSQL_TEST_PROT=tcp", "MYSQL_TEST_ADDR="+net.JoinHostPort(d.host, d.port), "MYSQL_TEST_DBNAME="+d.database, "MYSQL_TEST_CONCURRENT=1"),
					"-skip", "^TestConnectorReturnsTimeout$") // which dials an address on the internet
			},
			explained: map[string]string{
				"github.com/go-sql-driver/mysql.TestLongData":                            noCompression,
				"github.com/go-sql-driver/mysql.TestLongData/compress":                   noCompression,
				"github.com/go-sql-driver/mysql.TestConcurrent":                          fullStore,
				"github.com/go-sql-driver/mysql.TestConcurrent/default":                  fullStore,
				"github.com/go-sql-driver/mysql.TestConcurrent/compress":                 fullStore,
				"github.com/go-sql-driver/mysql.TestConcurrent/interpolateParams":        fullStore,
				"native: github.com/go-sql-driver/mysql.TestIssue1567":                   offersTLS,
				"native: github.com/go-sql-driver/mysql.TestIssue1567/default":           offersTLS,
				"native: github.com/go-sql-driver/mysql.TestIssue1567/compress":          offersTLS,
				"native: github.com/go-sql-driver/mysql.TestIssue1567/interpolateParams": offersTLS,
				"native: github.com/go-sql-driver/mysql.TestTLS/default#01":              offersTLS,
				"native: github.com/go-sql-driver/mysql.TestTLS/default#02":              offersTLS,
				"native: github.com/go-sql-driver/mysql.TestTLS/compress#01":             offersTLS,
				"native: github.com/go-sql-driver/mysql.TestTLS/compress#02":             offersTLS,
				"native: github.com/go-sql-driver/mysql.TestTLS/interpolateParams#01":    offersTLS,
				"native: github.com/go-sql-driver/mysql.TestTLS/interpolateParams#02":    offersTLS,
			},
		},
		{
			name: "sqlalchemy-mysql", title: "SQLAlchemy 2.1.9, MySQL and MariaDB dialect, over PyMySQL 1.1.1", store: "mariadb", database: "test",
			config: map[string]string{"character-set-server": "utf8mb4"},
			setup:  []string{"CREATE DATABASE test_schema"},
			run: func(ctx context.Context, j *job) (map[string]result, error) {
				return runPython(ctx, j, "sqlalchemy", []string{"test/dialect/mysql", "test/dialect/test_suite.py", "-o", "addopts=", "-p", "no:warnings", "--dburi",
					j.door.url("mysql+pymysql") + "?charset=utf8mb4"})
			},
		},
		{
			name: "nodemysql", title: "Node.js: mysql (mysqljs) 2.18.1", store: "mariadb", database: "test", run: runNodeMySQL,
			explained: map[string]string{
				"tunnel: connection/test-bad-credentials":   noPasswords,
				"native: connection/test-bad-credentials":   "a wrong token is refused in other words than the store's",
				"connection/test-change-user-charset":       oneUser,
				"connection/test-change-user-reset":         oneUser,
				"connection/test-server-timeout-disconnect": "a server that ends a connection may reset it, the gateway closes it in order",
			},
		},
		{
			name: "mysql2", title: "Node.js: mysql2 3.24.6, tests of ours", store: "mariadb", database: "test",
			config:    map[string]string{"character-set-server": "utf8mb4", "max-allowed-packet": "256M"},
			run:       func(ctx context.Context, j *job) (map[string]result, error) { return runDriver(ctx, j, "mysql2.cjs") },
			explained: map[string]string{"change of user to oneself": oneUser},
		},
	}
}

// mtrSuite is MariaDB's own suite "main", by one of the forms of the protocol that it knows.
func mtrSuite(name, form string, args ...string) *suite {
	return &suite{
		name: name, title: "MariaDB 10.11's own tests (mariadb-test, main), " + form, store: "mariadb", database: "test", settings: mtrSettings,
		setup: mtrSetup,
		run:   func(ctx context.Context, j *job) (map[string]result, error) { return runMTR(ctx, j, args...) },
		explained: map[string]string{
			"native: main.gis":       noExtensions,
			"native: main.type_json": noExtensions,
		},
	}
}
