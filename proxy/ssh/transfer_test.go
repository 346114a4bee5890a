package ssh

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/test/servers"
)

// program runs one of OpenSSH's programs, and gives what it writes to both outputs.
func program(t testing.TB, stdin, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestTransfers(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	g.Govern(t, everything())
	dir := t.TempDir()
	data := make([]byte, 5<<20)
	_, _ = rand.Read(data)
	sum := fmt.Sprintf("sha256:%x", sha256.Sum256(data))
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("data"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	args := g.openssh(t)
	for _, test := range []struct {
		name, program string
		args          []string
		stdin         string
		put, get      string // as the record has it
	}{
		{"scp", "scp", []string{at("data"), "127.0.0.1:" + at("new")}, "", at("new"), ""},
		{"scp back", "scp", []string{"127.0.0.1:" + at("data"), at("back")}, "", "", at("data")},
		{"classic scp", "scp", []string{"-O", at("data"), "127.0.0.1:" + at("old")}, "", at("old/data") + " or " + at("old"), ""},
		{"classic scp back", "scp", []string{"-O", "127.0.0.1:" + at("old"), at("old-back")}, "", "", at("old")},
		{"sftp", "sftp", []string{"-b", "-", "127.0.0.1"}, fmt.Sprintf("put %s %s\nget %[2]s %[3]s\nrm %[2]s\n", at("data"), at("sftp"), at("sftp-back")), at("sftp"), at("sftp")},
	} {
		t.Run(test.name, func(t *testing.T) {
			if out, err := program(t, test.stdin, test.program, append(append([]string{}, args...), test.args...)...); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for word, path := range map[string]string{"put ": test.put, "get ": test.get} {
				if path == "" {
					continue
				}
				result := g.result(t, word+path, func(e audit.Event) bool { return e.Tag == sum && e.BytesIn+e.BytesOut == int64(len(data)) })
				if begin := g.statement(t, word+path); strings.Join(begin.Tables, " or ") != path {
					t.Errorf("%+v, %+v", begin, result)
				}
			}
		})
	}
	for _, name := range []string{"new", "back", "old", "old-back", "sftp-back"} {
		if b, err := os.ReadFile(at(name)); err != nil || !bytes.Equal(b, data) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	if _, err := os.Stat(at("sftp")); err == nil {
		t.Error("a removed file is there")
	}
}

func TestTransfersDenied(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	g.Govern(t, access.Role{Statements: &access.StatementRules{Classes: []string{"read", "exec"}, DenyTables: []string{secret}}})
	args := g.openssh(t)
	for name, test := range map[string][]string{
		"a path":         {"scp", "127.0.0.1:" + secret, filepath.Join(dir, "1")},
		"a path, old":    {"scp", "-O", "127.0.0.1:" + secret, filepath.Join(dir, "2")},
		"writing":        {"scp", secret, "127.0.0.1:" + filepath.Join(dir, "3")},
		"writing, old":   {"scp", "-O", secret, "127.0.0.1:" + filepath.Join(dir, "4")},
		"another way in": {"scp", "127.0.0.1:" + dir + "/x/../secret", filepath.Join(dir, "5")},
		"from home, old": {"scp", "-O", "127.0.0.1:" + fileAtHome(t, "content"), filepath.Join(dir, "6")}, // which may be the path
	} {
		t.Run(name, func(t *testing.T) {
			out, err := program(t, "", test[0], append(append([]string{}, args...), test[1:]...)...)
			if err == nil || !strings.Contains(out, "developers") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestTransfersInOneDirectory is of people who may use one directory that is not their home, where sftp begins.
func TestTransfersInOneDirectory(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	dir := t.TempDir()
	shared := filepath.Join(dir, "shared")
	if err := os.Mkdir(shared, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Join(shared, "report"), filepath.Join(dir, "other")} {
		if err := os.WriteFile(name, []byte("content"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.Govern(t, access.Role{Statements: &access.StatementRules{Classes: []string{"read"}, Tables: []string{shared, shared + "/*"}}})
	args := append(append([]string{}, g.openssh(t)...), "-b", "-", "127.0.0.1")
	to := filepath.Join(dir, "copy")
	if out, err := program(t, "cd "+shared+"\nls\nget report "+to+"\n", "sftp", args...); err != nil || !strings.Contains(out, "report") {
		t.Fatal(err, out)
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != "content" {
		t.Errorf("%q, %v", got, err)
	}
	for _, line := range []string{"ls", "get " + filepath.Join(dir, "other") + " " + filepath.Join(dir, "no"), "cd " + dir} {
		if out, _ := program(t, line+"\n", "sftp", args...); !strings.Contains(out, "role developers does not let") { // it goes on behind a refused ls
			t.Errorf("%s: %s", line, out)
		}
	}
}

// fileAtHome makes a file that a path without a beginning finds at the server, whose account is ours, and returns its name.
func fileAtHome(t *testing.T, content string) string {
	t.Helper()
	account, err := user.LookupId(strconv.Itoa(os.Getuid())) // the server does not go by HOME
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp(account.HomeDir, "sallyport-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(f.Name()) })
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return filepath.Base(f.Name())
}

// TestTransfersFromHome reads a file by a path whose beginning only the server knows: where no rule is about paths, it is a read.
func TestTransfersFromHome(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	g.Govern(t, access.Role{Statements: &access.StatementRules{Classes: []string{"exec", "read"}}})
	name, to := fileAtHome(t, "content"), filepath.Join(t.TempDir(), "copy")
	if out, err := program(t, "", "scp", append(append([]string{}, g.openssh(t)...), "-O", "127.0.0.1:"+name, to)...); err != nil {
		t.Fatal(err, out)
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != "content" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestControlMaster(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	socket, err := os.MkdirTemp("", "sally-mux-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(socket)
	args := g.openssh(t, "-o", "ControlPath="+socket+"/s", "127.0.0.1")
	if _, errs, status := g.ssh(t, nil, append([]string{"-o", "ControlMaster=yes", "-f", "-N", "-n"}, args...)...); status != 0 {
		t.Fatal(errs)
	}
	for range 3 {
		if out, errs, _ := g.ssh(t, nil, append([]string{"-o", "ControlMaster=no"}, append(args, "echo shared")...)...); out != "shared\n" {
			t.Errorf("%q, %q", out, errs)
		}
	}
	if _, errs, status := g.ssh(t, nil, append([]string{"-O", "exit"}, args...)...); status != 0 {
		t.Error(errs)
	}
	events := g.events(t, 8)
	if events[0].Type != audit.SessionStart || events[7].Type != audit.SessionEnd || events[7].Statements != 3 {
		t.Errorf("%+v", events)
	}
}
