package main

import (
	"context"
	"net"
)

// noCompression is why a test differs that the server itself fails with compressed packets.
const noCompression = "the gateway offers no compression, with which the server finds this test's packets too big"

func mariaSuites() []*suite {
	return []*suite{
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
	}
}
