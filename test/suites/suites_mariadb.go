package main

import (
	"context"
	"net"
)

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
		},
	}
}
