package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

func content(t *testing.T, path string) string {
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
	want := strings.Split(strings.TrimSpace(`
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
end rmdir DIR/sub`), "\n")
	if diff := cmp.Diff(want, gate.take(remote)); diff != "" {
		t.Errorf("the record (-want +got):\n%s\n%s", diff, out)
	}
}
