package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// sample is one measurement of one target. A zero means that the case does not measure it.
type sample struct {
	rate     float64 // work done a second: transactions, connections or bytes
	cpuUS    float64 // the proxy's CPU for each query, in microseconds
	p50, p99 float64 // microseconds
	kb       float64 // the proxy's memory for each idle session, in KiB
}

// benchCase is one thing to measure.
type benchCase struct {
	name    string
	clients []int  // nil: as the flag says
	store   string // the database that targets must lead to
	measure func(ctx context.Context, l *lab, t target, clients int) (sample, error)
}

func allCases() []benchCase {
	return []benchCase{
		{"idle-session", []int{0}, cannedDatabase, idleSessions}, // first, while the proxies' heaps are small
		{"select-simple", nil, realDatabase, pgbenchCase("-S", "-M", "simple")},
		{"select-prepared", nil, realDatabase, pgbenchCase("-S", "-M", "prepared")},
		{"connect", []int{8}, realDatabase, pgbenchCase("-S", "-M", "simple", "-C")},
		{"bulk-rows", []int{1}, cannedDatabase, bulkRows},
		{"copy-out", []int{1}, realDatabase, copyOut},
		{"copy-in", []int{1}, realDatabase, copyIn},
		{"mysql-text", nil, mysqlDatabase, mysqlCase(false)},
		{"mysql-prepared", nil, mysqlDatabase, mysqlCase(true)},
		{"redis-p1", nil, redisDatabase, redisCase(1)},
		{"redis-p16", nil, redisDatabase, redisCase(16)},
		{"redis-p100", nil, redisDatabase, redisCase(100)},
		{"ssh-bare", []int{0}, sshServer, sshBare}, // before ssh-idle, whose sessions weigh more
		{"ssh-idle", []int{0}, sshServer, sshIdle},
		{"ssh-true", []int{1}, sshServer, sshTrue},
		{"ssh-bulk", []int{1}, sshServer, sshBulk},
	}
}

func caseNames() []string {
	names := make([]string, 0, len(allCases()))
	for _, c := range allCases() {
		names = append(names, c.name)
	}
	return names
}

// leadsToSSH says whether a case, by its name, measures SSH.
func leadsToSSH(name string) bool {
	return slices.ContainsFunc(allCases(), func(c benchCase) bool { return c.name == name && c.store == sshServer })
}

// pgbenchCase measures one pgbench run.
func pgbenchCase(args ...string) func(context.Context, *lab, target, int) (sample, error) {
	return func(ctx context.Context, l *lab, t target, clients int) (sample, error) {
		before, err := t.cpu()
		if err != nil {
			return sample{}, err
		}
		run, err := l.pgbench(ctx, t.logins[realDatabase], clients, args...)
		if err != nil {
			return sample{}, err
		}
		after, err := t.cpu()
		if err != nil {
			return sample{}, err
		}
		return sample{
			rate: run.tps, p50: run.p50, p99: run.p99,
			cpuUS: float64((after - before).Microseconds()) / float64(run.transactions),
		}, nil
	}
}

// timed measures one statement that moves many bytes; move returns how many.
func timed(ctx context.Context, t target, database string, move func(*pgconn.PgConn) (int64, error)) (s sample, err error) {
	conn, err := t.logins[database].connect(ctx)
	if err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	before, err := t.cpu()
	if err != nil {
		return sample{}, err
	}
	start := time.Now()
	n, err := move(conn)
	if err != nil {
		return sample{}, err
	}
	took := time.Since(start)
	after, err := t.cpu()
	if err != nil {
		return sample{}, err
	}
	return sample{
		rate: float64(n) / took.Seconds(), cpuUS: float64((after - before).Microseconds()),
		p50: float64(took.Microseconds()),
	}, nil
}

// bulkRows reads rows of 100 bytes from the canned server, which makes them faster than PostgreSQL can.
func bulkRows(ctx context.Context, l *lab, t target, _ int) (sample, error) {
	rows := l.options.bulkMB << 20 / rowBytes
	return timed(ctx, t, cannedDatabase, func(conn *pgconn.PgConn) (int64, error) {
		return discardQuery(conn, fmt.Sprintf("select pad from rows limit %d", rows))
	})
}

// copyOut reads COPY data from PostgreSQL.
func copyOut(ctx context.Context, l *lab, t target, _ int) (sample, error) {
	rows := l.options.bulkMB << 20 / rowBytes / 4
	query := fmt.Sprintf("copy (select repeat('x', %d) from generate_series(1, %d)) to stdout", rowBytes-1, rows)
	return timed(ctx, t, realDatabase, func(conn *pgconn.PgConn) (int64, error) { return discardQuery(conn, query) })
}

// copyIn writes COPY data into an unlogged table.
func copyIn(ctx context.Context, l *lab, t target, _ int) (sample, error) {
	if err := l.admin(ctx, realDatabase, "truncate sink"); err != nil {
		return sample{}, err
	}
	size := int64(l.options.bulkMB) << 20 / 4
	return timed(ctx, t, realDatabase, func(conn *pgconn.PgConn) (int64, error) {
		tag, err := conn.CopyFrom(ctx, &rowReader{left: size / rowBytes * rowBytes}, "copy sink from stdin")
		if err != nil {
			return 0, fmt.Errorf("copy in: %w", err)
		}
		if tag.RowsAffected() != size/rowBytes {
			return 0, fmt.Errorf("copy in: %d rows arrived of %d", tag.RowsAffected(), size/rowBytes)
		}
		return size, nil
	})
}

// idleSessions weighs sessions that have run one statement and wait, against the proxy as it was before its first one:
// what closed sessions leave behind is used again, so the weight before this round would make them too light.
func idleSessions(ctx context.Context, l *lab, t target, _ int) (s sample, err error) {
	if t.pid == 0 {
		return sample{}, nil
	}
	var conns []*pgconn.PgConn
	defer func() {
		for _, conn := range conns {
			err = errors.Join(err, conn.Close(ctx))
		}
	}()
	for range l.options.idle {
		conn, err := t.logins[cannedDatabase].connect(ctx)
		if err != nil {
			return sample{}, err
		}
		conns = append(conns, conn)
		if _, err := conn.Exec(ctx, "select 1").ReadAll(); err != nil {
			return sample{}, fmt.Errorf("run a statement: %w", err)
		}
	}
	after, err := memoryKB(t.pid)
	if err != nil {
		return sample{}, err
	}
	return sample{kb: max(0, float64(after-l.freshKB[t.pid])/float64(l.options.idle))}, nil
}
