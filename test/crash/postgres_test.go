package crash

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/test/servers"
)

// postgres tells what it has run by log_statement.
type postgres struct{ *servers.Postgres }

func (p *postgres) start(t *testing.T) {
	t.Helper()
	p.Postgres = servers.StartPostgres(t, servers.PostgresOptions{Config: map[string]string{"log_statement": "all", "log_min_messages": "log"}})
	p.makeAccount(t)
}

func (p *postgres) makeAccount(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	admin, err := pgx.Connect(ctx, p.AdminURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, "CREATE ROLE app LOGIN PASSWORD '"+password+"'"); err != nil {
		t.Fatal(err)
	}
}

func (p *postgres) address() string { return p.Addr() }

func (p *postgres) resourceFlags() []string {
	return []string{"--protocol", "postgres", "--database", "postgres", "--ssl-mode", "disable"}
}

func (p *postgres) log(*testing.T) string { return p.LogFile }

// work runs statements of three kinds: simple, prepared, and pipelined in batches.
func (*postgres) work(ctx context.Context, w worker) {
	host, port, err := w.sally.Native("postgres")
	if err != nil {
		return
	}
	config, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%s user='%s#%s' password='%s' sslmode=disable", host, port, person, w.resource, w.token))
	if err != nil {
		return
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for {
		if _, err := conn.Exec(ctx, "SELECT '"+w.mark()+"'", pgx.QueryExecModeSimpleProtocol); err != nil {
			return
		}
		if _, err := conn.Exec(ctx, "SELECT $1::text", w.mark()); err != nil {
			return
		}
		var batch pgx.Batch
		for range 5 {
			batch.Queue("SELECT $1::text", w.mark())
		}
		if err := conn.SendBatch(ctx, &batch).Close(); err != nil {
			return
		}
		w.answered.Add(7)
	}
}
