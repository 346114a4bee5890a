package servers

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

const (
	standInsScript    = "scripts/build-mysql-standins.sh"
	standInStart      = 30 * time.Second
	standInStopGrace  = 5 * time.Second
	sha2DefaultPlugin = "caching_sha2_password"
)

// MySQLStandIn is a server that logs in as MySQL 8 does. None is MySQL 8: what they prove is the login, and that
// statements pass behind it.
type MySQLStandIn struct {
	Host string
	Port int
	// User and Password are its account's; Database is its database, where it has one.
	User, Password, Database string
	// CAFile is the certificate that its TLS shows, in PEM, signed by itself.
	CAFile  string
	LogFile string

	process *Process
}

// SHA2Options say how a StartSHA2MySQL is set up. The zero value is caching_sha2_password and version 8.0.36.
type SHA2Options struct {
	// Plugin is how its account logs in: caching_sha2_password, sha256_password or mysql_native_password.
	Plugin string
	// Version is what its greeting says.
	Version string
}

// StartSHA2MySQL starts a server of MySQL's handshake whose account logs in as the options say: over TLS, by RSA
// without it, and the fast way once it has logged in before. Its answer to a statement is the statement's text.
func StartSHA2MySQL(t testing.TB, o SHA2Options) *MySQLStandIn {
	t.Helper()
	if o.Plugin == "" {
		o.Plugin = sha2DefaultPlugin
	}
	if o.Version == "" {
		o.Version = "8.0.36"
	}
	s := &MySQLStandIn{User: "sha", Password: "a-password-nobody-sees"}
	s.start(t, "sha2", "--plugin", o.Plugin, "--version", o.Version, "--user", s.User, "--password", s.Password)
	return s
}

// StartGoMySQL starts go-mysql-server, which runs SQL in memory. Its root has no password; accounts that
// CREATE USER makes log in by the plugin that they name.
func StartGoMySQL(t testing.TB) *MySQLStandIn {
	t.Helper()
	s := &MySQLStandIn{User: "root", Database: "app"}
	s.start(t, "gms", "--database", s.Database)
	return s
}

// Addr is the TCP address, host:port.
func (s *MySQLStandIn) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// start starts one of the programs for a test, and ends it with the test.
func (s *MySQLStandIn) start(t testing.TB, name string, args ...string) {
	t.Helper()
	programs, err := install(t.Context(), standInsScript)
	if err != nil {
		t.Logf("build stand-ins for MySQL: %v", err)
		Missing(t, "a server with "+sha2DefaultPlugin, standInsScript)
	}
	dir := t.TempDir()
	s.Host, s.CAFile, s.LogFile = "127.0.0.1", filepath.Join(dir, "server.crt"), filepath.Join(dir, name+".log")
	run := func() error { return s.run(t.Context(), filepath.Join(programs, name), args) }
	if err := onFreePort(run); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of %s's log:\n%s", name, tail(s.LogFile, 40))
		}
		if err := s.process.Stop(standInStopGrace); err != nil {
			t.Errorf("stop %s: %v", name, err)
		}
	})
}

func (s *MySQLStandIn) run(ctx context.Context, program string, args []string) error {
	var err error
	if s.Port, err = FreePort(); err != nil {
		return err
	}
	s.process, err = Start(Command{
		Path: program, Args: append([]string{"--listen", s.Addr(), "--certificate", s.CAFile}, args...),
		Env: []string{"PATH=" + os.Getenv("PATH")}, LogFile: s.LogFile,
	})
	if err != nil {
		return err
	}
	if err := s.process.waitUntil(func() bool { return listens(ctx, s.Addr()) }, standInStart); err != nil {
		return errors.Join(err, s.process.Kill())
	}
	return nil
}
