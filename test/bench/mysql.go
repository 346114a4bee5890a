package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/sallyport/sallyport/test/servers"
)

// pointRows is how many rows the table for point selects has.
const pointRows = 100_000

// openMariaDB starts MariaDB and fills its table.
func (l *lab) openMariaDB(ctx context.Context) (err error) {
	if l.mariadb, err = servers.RunMariaDB(ctx, filepath.Join(l.dir, "mariadb"), servers.MariaDBOptions{}); err != nil {
		return err
	}
	_, err = l.mariadb.Run(ctx, nil, fmt.Sprintf(`set global general_log = off;
create database %[1]s;
use %[1]s;
create table point (id int primary key, pad char(100) not null);
insert into point select seq, repeat('x', 100) from seq_1_to_%[2]d;
create user '%[3]s'@'%%' identified by '%[4]s';
grant all on %[1]s.* to '%[3]s'@'%%';`, mysqlDatabase, pointRows, benchUser, benchPassword))
	return err
}

// mysqlCase measures selects of single rows by their key, as text or prepared.
func mysqlCase(prepared bool) func(context.Context, *lab, target, int) (sample, error) {
	return func(ctx context.Context, l *lab, t target, clients int) (sample, error) {
		db, err := openPool(t.logins[mysqlDatabase], clients)
		if err != nil {
			return sample{}, err
		}
		s, err := selectPoints(ctx, l, t, db, clients, prepared)
		return s, errors.Join(err, db.Close())
	}
}

// openPool gives as many connections as there are clients, which stay.
func openPool(g login, clients int) (*sql.DB, error) {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd, c.DBName = "tcp", net.JoinHostPort(g.host, g.port), g.user, g.password, g.database
	c.AllowCleartextPasswords = true // an access token may go over loopback in the clear
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("open MySQL: %w", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(clients)
	db.SetMaxIdleConns(clients)
	return db, nil
}

// selectPoints lets every client select for the configured time, once all are connected.
func selectPoints(ctx context.Context, l *lab, t target, db *sql.DB, clients int, prepared bool) (sample, error) {
	points := make([]*pointClient, clients)
	for i := range points {
		p, err := newPointClient(ctx, db, prepared)
		if err != nil {
			return sample{}, err
		}
		defer p.close()
		points[i] = p
	}
	before, err := t.cpu()
	if err != nil {
		return sample{}, err
	}
	start := time.Now()
	until := start.Add(time.Duration(l.options.seconds) * time.Second)
	var running sync.WaitGroup
	for _, p := range points {
		running.Go(func() { p.run(ctx, until) })
	}
	running.Wait()
	took := time.Since(start)
	after, err := t.cpu()
	if err != nil {
		return sample{}, err
	}
	var latencies []float64
	for _, p := range points {
		if p.err != nil {
			return sample{}, p.err
		}
		latencies = append(latencies, p.latencies...)
	}
	n := float64(len(latencies))
	return sample{rate: n / took.Seconds(), cpuUS: float64((after - before).Microseconds()) / n, p50: percentile(latencies, 50),
		p99: percentile(slices.Clone(latencies), 99)}, nil
}

// pointClient is one connection that selects.
type pointClient struct {
	conn      *sql.Conn
	statement *sql.Stmt // nil: text
	latencies []float64 // microseconds
	err       error
}

func newPointClient(ctx context.Context, db *sql.DB, prepared bool) (p *pointClient, err error) {
	p = new(pointClient)
	if p.conn, err = db.Conn(ctx); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if !prepared {
		return p, nil
	}
	if p.statement, err = p.conn.PrepareContext(ctx, "select pad from point where id = ?"); err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	return p, nil
}

func (p *pointClient) close() {
	if p.statement != nil {
		_ = p.statement.Close() // the connection goes with it
	}
	_ = p.conn.Close()
}

func (p *pointClient) run(ctx context.Context, until time.Time) {
	for now := time.Now(); now.Before(until); {
		if p.err = p.selectOne(ctx, 1+rand.IntN(pointRows)); p.err != nil {
			return
		}
		begun := now
		now = time.Now()
		p.latencies = append(p.latencies, float64(now.Sub(begun).Nanoseconds())/1e3)
	}
}

func (p *pointClient) selectOne(ctx context.Context, id int) (err error) {
	var rows *sql.Rows
	if p.statement != nil {
		rows, err = p.statement.QueryContext(ctx, id)
	} else {
		rows, err = p.conn.QueryContext(ctx, fmt.Sprintf("select pad from point where id = %d", id))
	}
	if err != nil {
		return fmt.Errorf("select: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var pad sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&pad); err != nil {
			return fmt.Errorf("read row: %w", err)
		}
	}
	return rows.Err()
}
