package files

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sftpSession runs OpenSSH's sftp with the commands against OpenSSH's server, whose relative paths begin at remote.
func sftpSession(t *testing.T, gate *ledger, remote, local, commands string) string {
	t.Helper()
	socket, wait := entrance(t, func(string) (Decoder, *program) { return NewSFTP(gate), start(t, remote, sftpServer) })
	out, _ := client(t, socket, local, commands, "sftp", "-D", self(t))
	if err := wait(); err != nil {
		t.Errorf("the decoder: %v", err)
	}
	if n := gate.unended(); n != 0 {
		t.Errorf("%d operations were not ended", n)
	}
	return out
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func fileContent(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestOpenSSH is the exact record of what OpenSSH's own client does.
func TestOpenSSH(t *testing.T) {
	remote, local := t.TempDir(), t.TempDir()
	large := strings.Repeat("0123456789abcdef", 200_000)
	put(t, filepath.Join(local, "large"), large)
	put(t, filepath.Join(remote, "here"), large)
	put(t, filepath.Join(remote, "empty"), "")
	gate := &ledger{}
	out := sftpSession(t, gate, remote, local, `put large
get here
get empty
get nothing
mkdir sub
cd sub
put large x
rename x ../y
cd ..
symlink y z
ln y hard
chmod 600 y
rm hard
copy y c
ls
rmdir sub
df
`)
	expect(t, gate, remote, `
begin put DIR/large (mode 0644)
end put DIR/large (mode 0644) in 3200000 out 0 whole
begin get DIR/here
end get DIR/here in 0 out 3200000 whole
begin get DIR/empty
end get DIR/empty whole
begin mkdir DIR/sub (mode 0777)
end mkdir DIR/sub (mode 0777)
begin put DIR/sub/x (mode 0644)
end put DIR/sub/x (mode 0644) in 3200000 out 0 whole
begin rename DIR/sub/x DIR/y
end rename DIR/sub/x DIR/y
begin symlink y DIR/z
end symlink y DIR/z
begin link DIR/y DIR/hard
end link DIR/y DIR/hard
begin chmod 0600 DIR/y
end chmod 0600 DIR/y
begin remove DIR/hard
end remove DIR/hard
begin get DIR/y
begin put DIR/c (mode 0600)
begin copy DIR/y DIR/c
end copy DIR/y DIR/c
end get DIR/y
end put DIR/c (mode 0600)
begin list DIR
end list DIR
begin rmdir DIR/sub
end rmdir DIR/sub
`, out)
}

// TestSCPBySFTP is the exact record of OpenSSH's scp, which speaks SFTP unless it is told otherwise.
func TestSCPBySFTP(t *testing.T) {
	remote, local := t.TempDir(), t.TempDir()
	put(t, filepath.Join(local, "file"), "a file")
	if then := time.Unix(1_700_000_000, 0); os.Chtimes(filepath.Join(local, "file"), then, then) != nil {
		t.Fatal("the file's times cannot be set")
	}
	gate := &ledger{}
	socket, wait := entrance(t, func(string) (Decoder, *program) { return NewSFTP(gate), start(t, remote, sftpServer) })
	out, err := client(t, socket, local, "", "scp", "-p", "-S", self(t), "file", "host:there")
	if err := errors.Join(err, wait()); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	expect(t, gate, remote, `
begin put DIR/there (mode 0644)
begin truncate 6 DIR/there
end truncate 6 DIR/there
begin chmod 0644, touch 2023-11-14T22:13:20Z DIR/there
end chmod 0644, touch 2023-11-14T22:13:20Z DIR/there
end put DIR/there (mode 0644) in 6 out 0 whole
`, out)
}

// TestDenied has OpenSSH's client told what it may not do, and go on with what it may.
func TestDenied(t *testing.T) {
	remote, local := t.TempDir(), t.TempDir()
	put(t, filepath.Join(local, "file"), "a file")
	tree(t, remote, "secret/plan", "open")
	gate := &ledger{deny: denying(filepath.Join(remote, "secret"))}
	out := sftpSession(t, gate, remote, local, `get secret/plan
get open/../secret/plan
ls secret
put file secret/file
put file
rename file secret/file
symlink secret/plan innocent
ln secret/plan hard
rm secret/plan
mkdir secret/dir
chmod 777 secret/plan
cd secret
get open
`)
	expect(t, gate, remote, `
deny lstat DIR/secret/plan
deny lstat DIR/secret/plan
deny lstat DIR/secret
deny stat DIR/secret
deny stat DIR/secret/file
deny put DIR/secret/file (mode 0644)
begin put DIR/file (mode 0644)
end put DIR/file (mode 0644) in 6 out 0 whole
deny rename DIR/file DIR/secret/file
deny symlink secret/plan DIR/innocent
deny link DIR/secret/plan DIR/hard
deny lstat DIR/secret/plan
deny remove DIR/secret/plan
deny mkdir DIR/secret/dir (mode 0777)
deny lstat DIR/secret/plan
deny chmod 0777 DIR/secret/plan
deny realpath DIR/secret
begin get DIR/open
end get DIR/open in 0 out 15 whole
`, out)
	if got := fileContent(t, filepath.Join(local, "open")); got != "content of open" {
		t.Errorf("what may be read was %q", got)
	}
}
