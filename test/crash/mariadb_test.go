package crash

import (
	"context"
	"database/sql"
	"io"
	"log"
	"net"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/sallyport/sallyport/test/servers"
)

// mariaDB tells what it has run by its general log.
type mariaDB struct{ *servers.MariaDB }

func (m *mariaDB) start(t *testing.T) {
	t.Helper()
	m.MariaDB = servers.StartMariaDB(t)
	if err := m.Account(t.Context(), servers.MariaDBAccount{Name: "app", Password: password}); err != nil {
		t.Fatal(err)
	}
}

func (m *mariaDB) address() string { return m.Addr() }

func (m *mariaDB) resourceFlags() []string {
	return []string{"--protocol", "mysql", "--ssl-mode", "disable"}
}

func (m *mariaDB) log(*testing.T) string { return m.GeneralLog }

// work runs statements of three kinds: as text, prepared, and several in one message.
func (m *mariaDB) work(ctx context.Context, w worker) {
	host, port, err := w.sally.Native("mysql")
	if err != nil {
		return
	}
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net, config.Addr = person+"#"+w.resource, w.token, "tcp", net.JoinHostPort(host, port)
	config.MultiStatements, config.Logger = true, log.New(io.Discard, "", 0)
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return
	}
	defer conn.Close()
	prepared, err := conn.PrepareContext(ctx, "SELECT ?")
	if err != nil {
		return
	}
	defer prepared.Close()
	for {
		if _, err := conn.ExecContext(ctx, "SELECT '"+w.mark()+"'"); err != nil {
			return
		}
		if _, err := prepared.ExecContext(ctx, w.mark()); err != nil {
			return
		}
		if _, err := conn.ExecContext(ctx, "SELECT ?, ?", w.mark(), w.mark()); err != nil {
			return
		}
		if _, err := conn.ExecContext(ctx, "SELECT '"+w.mark()+"'; DO '"+w.mark()+"'; SELECT '"+w.mark()+"'"); err != nil {
			return
		}
		w.answered.Add(7)
	}
}
