package servers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// defaultHBA asks for a SCRAM password on every TCP connection.
var defaultHBA = []string{
	"host all all 127.0.0.1/32 scram-sha-256",
	"host all all ::1/128 scram-sha-256",
}

// preparedPostgres, followed by a version, is where scripts/postgres.sh puts a server: a place that every user may read.
const preparedPostgres = "/var/tmp/sallyport-postgres-"

// postgresOwner is the system user that a cluster belongs to; PostgreSQL refuses to run as root.
func postgresOwner() string {
	if os.Geteuid() == 0 {
		return "postgres"
	}
	return ""
}

// postgresEnv is a small environment: nothing of the caller's PG* variables reaches the server.
func postgresEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC"}
}

// postgresBinDir finds the directory of a version's programs: Debian's, or one that scripts/postgres.sh has
// prepared, or that of postgres on the PATH when any version will do.
func postgresBinDir(version string) (string, error) {
	if version != "" {
		for _, dir := range []string{"/usr/lib/postgresql/" + version + "/bin", preparedPostgres + version + "/bin"} {
			if isProgram(filepath.Join(dir, "postgres")) {
				return dir, nil
			}
		}
		return "", fmt.Errorf("find PostgreSQL %s: %w", version, ErrMissing)
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", fmt.Errorf("find PostgreSQL: %w", err)
	}
	if len(found) > 0 {
		newest := slices.MaxFunc(found, func(a, b string) int { return majorOf(a) - majorOf(b) })
		return filepath.Dir(newest), nil
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", fmt.Errorf("find PostgreSQL: %w", ErrMissing)
}

// majorOf reads the version from /usr/lib/postgresql/15/bin/postgres; 0 when there is none.
func majorOf(path string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	if err != nil {
		return 0
	}
	return n
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// newCluster makes a cluster by copying a template that initdb made once on this machine: a copy takes a tenth
// of initdb's time.
func newCluster(ctx context.Context, bin, data string) error {
	template, err := clusterTemplate(ctx, bin)
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "cp", "-a", "--reflink=auto", template, data).CombinedOutput()
	if err != nil {
		return fmt.Errorf("copy PostgreSQL's template: %w: %s", err, out)
	}
	return nil
}

// clusterTemplate returns the template's directory, made under a lock so that many test processes can ask at once.
func clusterTemplate(ctx context.Context, bin string) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	version, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask PostgreSQL for its version: %w", err)
	}
	// "postgres (PostgreSQL) 15.18 (Debian ...)": the full number, since a minor version may change the catalog.
	fields := strings.Fields(string(version))
	if len(fields) < 3 {
		return "", fmt.Errorf("read PostgreSQL's version %q", version)
	}
	name := fmt.Sprintf("postgres-template-%s-%d", fields[2], os.Geteuid())
	template := filepath.Join(cache, name)
	lock, err := os.OpenFile(template+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", fmt.Errorf("open lock of PostgreSQL's template: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock PostgreSQL's template: %w", err)
	}
	if _, err := os.Stat(template); err == nil {
		return template, nil
	}
	return template, makeTemplate(ctx, bin, template)
}

// makeTemplate runs initdb beside the template's place and moves the result there when it is whole.
func makeTemplate(ctx context.Context, bin, template string) (err error) {
	work, err := os.MkdirTemp(filepath.Dir(template), "initdb-")
	if err != nil {
		return fmt.Errorf("make directory for initdb: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	password := filepath.Join(work, "password")
	if err := os.WriteFile(password, []byte(postgresPassword), 0o600); err != nil {
		return fmt.Errorf("write initdb's password file: %w", err)
	}
	for _, path := range []string{work, password} {
		if err := giveTo(postgresOwner(), path); err != nil {
			return err
		}
	}
	cmd, err := commandAs(ctx, postgresOwner(), filepath.Join(bin, "initdb"), "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8",
		"--auth=scram-sha-256", "--username="+postgresSuperuser, "--pwfile="+password, "--pgdata="+filepath.Join(work, "data"))
	if err != nil {
		return err
	}
	cmd.Env, cmd.Dir = postgresEnv(), "/"
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run initdb: %w: %s", err, out)
	}
	if err := os.Rename(filepath.Join(work, "data"), template); err != nil {
		return fmt.Errorf("keep PostgreSQL's template: %w", err)
	}
	return nil
}

// configure writes pg_hba.conf, the settings that differ from initdb's, and the certificates.
func (pg *Postgres) configure(o PostgresOptions, dir, owner string) error {
	settings := map[string]string{
		"listen_addresses":        pg.Host,
		"unix_socket_permissions": "0700",
		"logging_collector":       "off",
		"max_connections":         "200",
		"fsync":                   "off",
		"full_page_writes":        "off",
		"synchronous_commit":      "off",
	}
	if o.Durable {
		settings["fsync"], settings["full_page_writes"], settings["synchronous_commit"] = "on", "on", "on"
	}
	if o.TLS {
		if err := pg.writeCertificates(dir, owner); err != nil {
			return err
		}
		maps.Copy(settings, map[string]string{
			"ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key", "ssl_ca_file": "ca.crt",
		})
	}
	maps.Copy(settings, o.Config)
	var conf strings.Builder
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&conf, "%s = '%s'\n", key, strings.ReplaceAll(settings[key], "'", "''"))
	}
	hba := append([]string{"local all " + postgresSuperuser + " trust"}, o.HBA...)
	if len(o.HBA) == 0 {
		hba = append(hba, defaultHBA...)
	}
	// postgresql.auto.conf is read last and belongs to the server, so our settings win over initdb's file.
	for name, text := range map[string]string{
		"postgresql.auto.conf": conf.String(),
		"pg_hba.conf":          strings.Join(hba, "\n") + "\n",
	} {
		if err := pg.writeOwned(name, []byte(text), owner); err != nil {
			return err
		}
	}
	return nil
}

// writeOwned writes a file of mode 0600 into the cluster.
func (pg *Postgres) writeOwned(name string, content []byte, owner string) error {
	path := filepath.Join(pg.DataDir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return giveTo(owner, path)
}

// tail is the end of a text file, for messages.
func tail(path string, lines int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
