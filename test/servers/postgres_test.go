package servers_test

import (
	"context"
	"crypto/tls"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sallyport/sallyport/test/servers"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func show(t *testing.T, conn *pgx.Conn, query string) string {
	t.Helper()
	var value string
	if err := conn.QueryRow(t.Context(), query).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func TestPostgresAnswersByPasswordAndBySocket(t *testing.T) {
	pg := servers.StartPostgres(t, servers.PostgresOptions{Config: map[string]string{"work_mem": "5MB"}})
	byPassword := connect(t, pg.URL(pg.User, pg.Password, "postgres"))
	if got := show(t, byPassword, "show work_mem"); got != "5MB" {
		t.Errorf("work_mem = %s, want the configured 5MB", got)
	}
	if got := show(t, connect(t, pg.AdminURL("postgres")), "select current_user"); got != "postgres" {
		t.Errorf("user by socket = %s", got)
	}
	if _, err := pgx.Connect(t.Context(), pg.URL(pg.User, "wrong", "postgres")); err == nil {
		t.Error("a wrong password was accepted")
	}
}

func TestPostgresWithTLSAndClientCertificate(t *testing.T) {
	pg := servers.StartPostgres(t, servers.PostgresOptions{
		TLS: true, HBA: []string{"hostssl all all 127.0.0.1/32 cert"},
	})
	certificate, key, err := pg.ClientCertificate("postgres")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(pg.URL("postgres", "", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.ConnectConfig(t.Context(), config); err == nil {
		t.Error("connected without a client certificate")
	}
	config.TLSConfig.Certificates = []tls.Certificate{pair}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatalf("connect with a client certificate: %v", err)
	}
	defer conn.Close(t.Context())
	if got := show(t, conn, "select ssl::text from pg_stat_ssl where pid = pg_backend_pid()"); got != "true" {
		t.Errorf("ssl = %s", got)
	}
}

func TestPostgresKeepsDataOverCrashAndRestart(t *testing.T) {
	pg := servers.StartPostgres(t, servers.PostgresOptions{Durable: true})
	conn := connect(t, pg.AdminURL("postgres"))
	if _, err := conn.Exec(t.Context(), "create table kept as select 42 as answer"); err != nil {
		t.Fatal(err)
	}
	if err := pg.Crash(); err != nil {
		t.Fatal(err)
	}
	if _, err := pgconn.Connect(t.Context(), pg.AdminURL("postgres")); err == nil {
		t.Error("the crashed server answers")
	}
	if err := pg.Restart(); err != nil {
		t.Fatal(err)
	}
	if got := show(t, connect(t, pg.AdminURL("postgres")), "select answer::text from kept"); got != "42" {
		t.Errorf("answer = %s", got)
	}
}

// TestServerEndsWithItsStarter kills a process that started a server, and waits for the server to end.
func TestServerEndsWithItsStarter(t *testing.T) {
	if dir := os.Getenv("SALLY_TEST_STARTER_DIR"); dir != "" {
		pg, err := servers.RunPostgres(t.Context(), dir, servers.PostgresOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stdout.WriteString("address " + pg.Addr() + " " + pg.SocketDir + "\n"); err != nil {
			t.Fatal(err)
		}
		select {}
	}
	servers.StartPostgres(t, servers.PostgresOptions{}) // skips or fails where there is none
	dir, err := os.MkdirTemp("", "sally-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	starter := exec.Command(os.Args[0], "-test.run=^TestServerEndsWithItsStarter$")
	starter.Env = append(os.Environ(), "SALLY_TEST_STARTER_DIR="+dir)
	out, err := starter.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 200)
	n, err := out.Read(buffer)
	if err != nil {
		t.Fatalf("read the starter's line: %v", err)
	}
	fields := strings.Fields(string(buffer[:n]))
	if len(fields) < 3 || fields[0] != "address" {
		t.Fatalf("the starter said %q", buffer[:n])
	}
	t.Cleanup(func() { _ = os.RemoveAll(fields[2]) })
	url := "postgres://postgres:private-test-superuser@" + fields[1] + "/postgres?sslmode=disable"
	connect(t, url)
	if err := starter.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = starter.Wait() // it was killed: the error says so
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			break
		}
		_ = conn.Close(t.Context())
		if time.Now().After(deadline) {
			t.Fatal("the server outlived its starter")
		}
	}
}
