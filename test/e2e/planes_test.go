package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sallyport/sallyport/test/servers"
)

const statePassword = "a-state-password-nobody-sees"

// statePostgres is a PostgreSQL with an empty database for the state, and its part of sally.yaml.
func statePostgres(t *testing.T) (pg *servers.Postgres, yaml string) {
	t.Helper()
	pg = servers.StartPostgres(t, servers.PostgresOptions{})
	admin, err := pgx.Connect(t.Context(), pg.AdminURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	for _, sql := range []string{"CREATE ROLE sallyport LOGIN PASSWORD '" + statePassword + "'", "CREATE DATABASE sallyport OWNER sallyport"} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return pg, fmt.Sprintf("state:\n  postgres:\n    url: %s\n    password_file: %s\n", stateURL(pg), statePasswordFile(t))
}

func stateURL(pg *servers.Postgres) string {
	return fmt.Sprintf("postgres://sallyport@%s/sallyport?sslmode=disable", pg.Addr())
}

func statePasswordFile(t *testing.T) string {
	t.Helper()
	return writeFile(t, "state-password", statePassword+"\n")
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// second starts another server beside the world's, with a data directory of its own.
func (w *world) second(args ...string) *world {
	w.t.Helper()
	other := *w
	sally, err := servers.RunSally(w.ctx, w.sally.Bin, filepath.Join(w.t.TempDir(), "data"), args...)
	if err != nil {
		w.t.Fatal(err)
	}
	other.sally, other.args = sally, args
	w.t.Cleanup(func() { _ = sally.Kill() })
	return &other
}

func (w *world) printed() string {
	w.t.Helper()
	b, err := os.ReadFile(w.sally.LogFile)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

func TestTwoControlPlanesOnOneState(t *testing.T) {
	state, yaml := statePostgres(t)
	key := filepath.Join(t.TempDir(), "seal.key")
	config := writeFile(t, "sally.yaml", yaml+"seal_key_file: "+key+"\n")
	w := newWorld(t, "", "--config", config)
	// A credential whose value each gateway's own file holds: it is set at both.
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	other := w.second("--config", config)
	other.admin("a-password-nobody-sees", "credentials", "set", "orders-app", "--password-stdin")

	for _, at := range []*world{w, other} {
		said := at.printed()
		if want := "state in the PostgreSQL database sallyport at " + state.Addr() + " as sallyport"; !strings.Contains(said, want) {
			t.Errorf("the server does not say %q:\n%s", want, said)
		}
		if strings.Contains(said, statePassword) {
			t.Error("the server tells the state's password")
		}
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", at.sally.PID()))
		if err != nil || strings.Contains(string(line), statePassword) {
			t.Errorf("the command line: %q %v", line, err)
		}
	}

	session := other.mustConnect()
	var one int
	if err := session.QueryRow(t.Context(), "SELECT 1").Scan(&one); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = session.PgConn().Conn().SetReadDeadline(time.Now().Add(time.Minute))
		_, err := session.PgConn().ReceiveMessage(t.Context()) // the server speaks only to end the session
		var pg *pgconn.PgError
		var late net.Error
		if errors.As(err, &late) && late.Timeout() && !errors.As(err, &pg) {
			t.Errorf("the session lives on: %v", err)
		}
	}()
	w.admin("", "users", "suspend", alice)
	<-ended
	took := other.find("type:session.end user:"+alice, 1)[0].Time.Sub(w.find("type:admin action:users.suspend verdict:allow", 1)[0].Time)
	t.Logf("suspended at one control plane, cut at the other %s later", took)
	if took > 5*time.Second {
		t.Errorf("that took %s", took)
	}
	if _, err := session.Exec(t.Context(), "SELECT 2"); err == nil {
		t.Error("a statement of a suspended user ran")
	}
	if _, err := other.connect(); err == nil {
		t.Error("a suspended user connects at the other control plane")
	}
	other.admin("", "users", "reinstate", alice)
	w.eventually("that Alice connects again", func() bool { _, err := w.connect(); return err == nil })
}

func TestAControlPlaneWithAnotherSealKeyIsRefused(t *testing.T) {
	_, yaml := statePostgres(t)
	config := func() string {
		return writeFile(t, "sally.yaml", yaml+"seal_key_file: "+filepath.Join(t.TempDir(), "seal.key")+"\n")
	}
	w := newWorld(t, "", "--config", config())
	dir := filepath.Join(t.TempDir(), "data")
	sally, err := servers.RunSally(w.ctx, w.sally.Bin, dir, "--config", config())
	if err == nil {
		_ = sally.Kill()
		t.Fatal("it runs with an authority that it cannot open")
	}
	b, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "sally.log"))
	if err != nil || !strings.Contains(string(b), "let seal_key_file name a copy of the key") {
		t.Errorf("it says %q %v", b, err)
	}
}

func TestTheStateMovesToPostgresAndBack(t *testing.T) {
	state, yaml := statePostgres(t)
	w := newWorld(t, "")
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	copyTo := []string{"server", "state", "copy", "--to", stateURL(state), "--password-file", statePasswordFile(t)}
	if _, err := w.sally.Run(w.ctx, nil, copyTo...); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("copied from under a server that runs: %v", err)
	}
	w.stop()
	out, err := w.sally.Run(w.ctx, nil, append(copyTo, "-o", "json")...)
	if err != nil {
		t.Fatal(err)
	}
	var said struct{ Rows map[string]int }
	if err := json.Unmarshal([]byte(out), &said); err != nil || said.Rows["users"] != 2 || said.Rows["tokens"] != 1 {
		t.Errorf("it says %s %v", out, err)
	}
	if _, err := w.sally.Run(w.ctx, nil, copyTo...); err == nil || !strings.Contains(err.Error(), "holds a state already") {
		t.Errorf("copied twice: %v", err)
	}

	w.args = []string{"--config", writeFile(t, "sally.yaml", yaml)}
	w.start()
	w.mustConnect()
	w.admin("", "users", "add", "bob@acme.com")
	w.stop()

	back := filepath.Join(w.sally.DataDir, "state.db")
	if err := os.Rename(back, back+".old"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.sally.Run(w.ctx, nil, append([]string{"server", "state", "copy", "--to", back}, w.args...)...); err != nil {
		t.Fatal(err)
	}
	w.args = nil
	w.start()
	w.mustConnect()
	if users := w.admin("", "users", "list"); !strings.Contains(users, "bob@acme.com") {
		t.Errorf("not all came back:\n%s", users)
	}
}
