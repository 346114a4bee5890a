package program_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/client/program"
)

func orders() program.Target {
	return program.Target{Name: "orders-db", Protocol: "postgres", Host: "127.0.0.1", Port: 20001, Database: "app", Account: "o'reader"}
}

func billing() program.Target {
	return program.Target{Name: "billing-db", Protocol: "postgres", Host: "127.0.0.1", Port: 20002, Database: "bill", Account: "reader"}
}

func format(t *testing.T, name string) program.Format {
	t.Helper()
	f, err := program.FormatNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func write(t *testing.T, f program.Format, path string, want bool, targets ...program.Target) string {
	t.Helper()
	changed, err := f.Write(path, targets)
	if err != nil || changed != want {
		t.Fatalf("changed %t, %v", changed, err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestServicesAreWrittenBesideOnesOwn(t *testing.T) {
	f, path := format(t, "psql-service"), filepath.Join(t.TempDir(), ".pg_service.conf")
	own := "# mine\n[local]\nhost=/tmp"
	if err := os.WriteFile(path, []byte(own), 0o640); err != nil {
		t.Fatal(err)
	}
	write(t, f, path, true, orders())
	got := write(t, f, path, true, billing())
	if write(t, f, path, false, orders(), billing()) != got {
		t.Error("the same again is something else")
	}
	want := own + `
# sally: begin. What is between these lines is written by: sally db config
[billing-db]
host=127.0.0.1
port=20002
sslmode=disable
user=reader
dbname=bill

[orders-db]
host=127.0.0.1
port=20001
sslmode=disable
user=o'reader
dbname=app
# sally: end
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
	if before, err := os.ReadFile(path + ".sally-backup"); err != nil || !strings.HasPrefix(string(before), own) {
		t.Errorf("%q, %v", before, err)
	}
	// What a person adds behind the block stays there.
	if err := os.WriteFile(path, []byte(got+"[after]\nhost=x\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	moved := orders()
	moved.Port = 20009
	if got := write(t, f, path, true, moved); !strings.HasSuffix(got, "port=20009\nsslmode=disable\nuser=o'reader\ndbname=app\n# sally: end\n[after]\nhost=x\n") {
		t.Error(got)
	}
	mine := orders()
	mine.Name = "local"
	if _, err := f.Write(path, []program.Target{mine}); err == nil || !strings.Contains(err.Error(), "of your own") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(got, "# sally: end", "", 1)), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(path, []program.Target{orders()}); err == nil {
		t.Error("a broken block was written over")
	}
}

func TestDataSourcesKeepWhatIsThere(t *testing.T) {
	f, path := format(t, "dbeaver"), filepath.Join(t.TempDir(), ".dbeaver", "data-sources.json")
	write(t, f, path, true, orders())
	write(t, f, path, false, orders())
	content := `{"folders": {}, "connections": {"mine": {"name": "mine", "big": 12345678901234567890}}, "virtual-models": {"a": 1}}`
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	got := write(t, f, path, true, orders(), billing())
	var file struct {
		Connections map[string]struct {
			Name          string
			Configuration map[string]string
		}
		Models map[string]int `json:"virtual-models"`
	}
	if err := json.Unmarshal([]byte(got), &file); err != nil {
		t.Fatal(err)
	}
	c := file.Connections["sallyport-billing-db"]
	if len(file.Connections) != 3 || file.Models["a"] != 1 || !strings.Contains(got, "12345678901234567890") {
		t.Error(got)
	}
	if c.Name != "billing-db" || c.Configuration["port"] != "20002" || c.Configuration["url"] != "jdbc:postgresql://127.0.0.1:20002/bill?sslmode=disable&user=reader" {
		t.Errorf("%+v", c)
	}
	if _, err := f.Merge([]byte("no json"), nil); err == nil {
		t.Error("a foreign file was written over")
	}
}

func TestExport(t *testing.T) {
	variables, err := orders().Environment("postgresql://x")
	if err != nil {
		t.Fatal(err)
	}
	for shell, want := range map[string]string{
		"sh":         `export PGUSER='o'\''reader'`,
		"fish":       `set -gx PGUSER 'o\'reader'`,
		"powershell": `$Env:PGUSER = 'o''reader'`,
		"json":       `"PGUSER": "o'reader"`,
	} {
		got, err := program.Export(variables, shell)
		if err != nil || !strings.Contains(got, want) || !strings.Contains(got, "DATABASE_URL") {
			t.Errorf("%s: %v\n%s", shell, err, got)
		}
	}
	if _, err := program.Export(variables, "tcsh"); err == nil {
		t.Error("an unknown shell")
	}
	other := orders()
	other.Protocol = "later"
	if _, err := other.Environment("127.0.0.1:1"); err == nil {
		t.Error("an unknown protocol")
	}
}

func TestFindSaysWhatBringsAProgram(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, test := range []struct{ protocol, wanted, want string }{
		{"postgres", "", "none of psql, pgcli is installed here; get psql with"},
		{"mysql", "", "none of mariadb, mysql, mycli is installed here; get mariadb with"},
		{"redis", "valkey-cli", "valkey-cli is not installed here"},
		{"postgres", "pgcli", "pip install pgcli"},
		{"postgres", "mysql", "not known to speak postgres"},
		{"later", "", "no program for the protocol later"},
	} {
		if _, _, err := program.Find(test.protocol, test.wanted); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pgcli"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if p, path, err := program.Find("postgres", ""); err != nil || p.Name != "pgcli" || path != filepath.Join(dir, "pgcli") {
		t.Errorf("%s at %s, %v", p.Name, path, err)
	}
}

func TestOptionFileOfMySQL(t *testing.T) {
	f, path := format(t, "mysql-options"), filepath.Join(t.TempDir(), ".my.cnf")
	shop := program.Target{Name: "shop-db", Protocol: "mysql", Host: "127.0.0.1", Port: 20003, Database: "shop", Account: "app"}
	if err := os.WriteFile(path, []byte("[client]\ndefault-character-set=utf8mb4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := write(t, f, path, true, shop)
	if !strings.Contains(got, "[client]\ndefault-character-set=utf8mb4\n") ||
		!strings.Contains(got, "[clientshop-db]\nhost=127.0.0.1\nport=20003\nprotocol=tcp\nuser=app\ndatabase=shop\n") {
		t.Error(got)
	}
}

func TestHowProgramsAreSent(t *testing.T) {
	for _, test := range []struct {
		program string
		target  program.Target
		want    []string // arguments, then the environment's
		url     string
	}{
		{"psql", orders(), []string{"PGHOST=127.0.0.1", "PGPORT=20001", "PGSSLMODE=disable", "PGUSER=o'reader", "PGDATABASE=app"},
			"postgresql://o%27reader@127.0.0.1:20001/app?sslmode=disable"},
		{"psql", program.Target{Protocol: "postgres", Socket: "/run/x/.s.PGSQL.5432"}, []string{"PGHOST=/run/x", "PGPORT=5432", "PGSSLMODE=disable"}, ""},
		{"mariadb", program.Target{Protocol: "mysql", Socket: "/run/x/mysql.sock", Account: "app", Database: "shop"},
			[]string{"--protocol=socket", "--socket=/run/x/mysql.sock", "--user=app", "--database=shop", "--skip-ssl"}, ""},
		{"mysql", program.Target{Protocol: "mysql", Host: "127.0.0.1", Port: 20003, Account: "a b"},
			[]string{"--protocol=tcp", "--host=127.0.0.1", "--port=20003", "--user=a b"}, "mysql://a%20b@127.0.0.1:20003/"},
		{"redis-cli", program.Target{Protocol: "redis", Host: "127.0.0.1", Port: 20004, Database: "3", Cluster: true},
			[]string{"-h", "127.0.0.1", "-p", "20004", "-c", "-n", "3"}, "redis://127.0.0.1:20004/3"},
		{"redis-cli", program.Target{Protocol: "redis", Host: "127.0.0.1", Port: 20004, Account: "app"},
			[]string{"-h", "127.0.0.1", "-p", "20004", "--user", "app", "--no-auth-warning", "REDISCLI_AUTH=sallyport"}, "redis://app:sallyport@127.0.0.1:20004"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, test.program), []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", dir)
		p, _, err := program.Find(test.target.Protocol, test.program)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, append(p.ArgumentsFor(test.target), p.EnvironmentFor(test.target)...)); diff != "" {
			t.Errorf("%s: %s", test.program, diff)
		}
		if test.url != "" && test.target.URL() != test.url {
			t.Errorf("%s, want %s", test.target.URL(), test.url)
		}
	}
}

func TestProgramsTellTheirProtocol(t *testing.T) {
	for name, want := range map[string]string{"psql": "postgres", "mycli": "mysql", "valkey-cli": "redis", "vim": "", "": ""} {
		if got := program.ProtocolOf(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
