package files

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scpSession runs OpenSSH's scp, with its classic protocol, against the same at the server.
func scpSession(t *testing.T, gate *ledger, remote, local string, args ...string) string {
	t.Helper()
	socket, wait := entrance(t, func(line string) (Decoder, *program) {
		command, ok := ParseSCP(line)
		if !ok {
			t.Errorf("no command of scp: %q", line)
		}
		return NewSCP(gate, command), start(t, remote, "sh", "-c", "exec "+line)
	})
	out, _ := client(t, socket, local, "", "scp", append([]string{"-O", "-S", self(t)}, args...)...)
	if err := wait(); err != nil {
		t.Errorf("the decoder: %v", err)
	}
	if n := gate.unended(); n != 0 {
		t.Errorf("%d operations were not ended", n)
	}
	return out
}

func lines(text string) []string {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func expect(t *testing.T, gate *ledger, dir, want, out string) {
	t.Helper()
	if diff := cmp.Diff(lines(want), gate.take(dir)); diff != "" {
		t.Errorf("the record (-want +got):\n%s\n%s", diff, out)
	}
}

// expectSorted is expect where the order hangs on the file system's.
func expectSorted(t *testing.T, gate *ledger, dir, want, out string) {
	t.Helper()
	got := gate.take(dir)
	slices.Sort(got)
	if diff := cmp.Diff(lines(want), got); diff != "" {
		t.Errorf("the record (-want +got):\n%s\n%s", diff, out)
	}
}

func tree(t *testing.T, root string, paths ...string) {
	t.Helper()
	for _, p := range paths {
		full := filepath.Join(root, p)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		put(t, full, "content of "+p)
	}
}

// same says whether two trees have the same files.
func same(t *testing.T, a, b string) {
	t.Helper()
	if out, err := exec.Command("diff", "-r", a, b).CombinedOutput(); err != nil {
		t.Errorf("what was copied differs:\n%s", out)
	}
}

func TestSCPUpload(t *testing.T) {
	remote, local := t.TempDir(), t.TempDir()
	tree(t, local, "one", "two words", "d/a", "d/e/b", "d/empty")
	if err := os.Truncate(filepath.Join(local, "d", "empty"), 0); err != nil {
		t.Fatal(err)
	}
	gate := &ledger{}
	out := scpSession(t, gate, remote, local, "one", "host:"+remote+"/target")
	expect(t, gate, remote, `
begin put DIR/target/one or DIR/target (mode 0644, 14 bytes)
end put DIR/target/one or DIR/target (mode 0644, 14 bytes) in 14 out 0 whole
`, out)
	out = scpSession(t, gate, remote, local, "-p", "one", "two words", "host:"+remote)
	expect(t, gate, remote, `
begin put DIR/one (mode 0644, 14 bytes)
end put DIR/one (mode 0644, 14 bytes) in 14 out 0 whole
begin put "DIR/two words" (mode 0644, 20 bytes)
end put "DIR/two words" (mode 0644, 20 bytes) in 20 out 0 whole
`, out)
	out = scpSession(t, gate, remote, local, "-rp", "d", "host:"+remote+"/")
	expectSorted(t, gate, remote, `
begin mkdir DIR/d (mode 0755)
begin mkdir DIR/d/e (mode 0755)
begin put DIR/d/a (mode 0644, 14 bytes)
begin put DIR/d/e/b (mode 0644, 16 bytes)
begin put DIR/d/empty (mode 0644, 0 bytes)
end mkdir DIR/d (mode 0755)
end mkdir DIR/d/e (mode 0755)
end put DIR/d/a (mode 0644, 14 bytes) in 14 out 0 whole
end put DIR/d/e/b (mode 0644, 16 bytes) in 16 out 0 whole
end put DIR/d/empty (mode 0644, 0 bytes) whole
`, out)
	same(t, filepath.Join(local, "d"), filepath.Join(remote, "d"))
	out = scpSession(t, gate, remote, local, "one", "host:"+remote+"/none/below")
	expect(t, gate, remote, `
begin put DIR/none/below/one or DIR/none/below (mode 0644, 14 bytes)
end put DIR/none/below/one or DIR/none/below (mode 0644, 14 bytes) SCP_ERROR
`, out)
}

func TestSCPDownload(t *testing.T) {
	remote, local := t.TempDir(), t.TempDir()
	tree(t, remote, "one", "d/a", "d/e/b", "d/c")
	gate := &ledger{}
	out := scpSession(t, gate, remote, local, "-p", "host:"+remote+"/one", ".")
	expect(t, gate, remote, `
begin get DIR/one (mode 0644, 14 bytes)
end get DIR/one (mode 0644, 14 bytes) in 0 out 14 whole
`, out)
	out = scpSession(t, gate, remote, local, "-rp", "host:"+remote+"/d", ".")
	expectSorted(t, gate, remote, `
begin get DIR/d/a (mode 0644, 14 bytes)
begin get DIR/d/c (mode 0644, 14 bytes)
begin get DIR/d/e/b (mode 0644, 16 bytes)
begin list DIR/d (mode 0755)
begin list DIR/d/e (mode 0755)
end get DIR/d/a (mode 0644, 14 bytes) in 0 out 14 whole
end get DIR/d/c (mode 0644, 14 bytes) in 0 out 14 whole
end get DIR/d/e/b (mode 0644, 16 bytes) in 0 out 16 whole
end list DIR/d (mode 0755)
end list DIR/d/e (mode 0755)
`, out)
	same(t, filepath.Join(remote, "d"), filepath.Join(local, "d"))
	gate.deny = denying(filepath.Join(remote, "d", "a"), filepath.Join(remote, "d", "e"))
	if err := os.RemoveAll(filepath.Join(local, "d")); err != nil {
		t.Fatal(err)
	}
	out = scpSession(t, gate, remote, local, "-rp", "host:"+remote+"/d", ".")
	expectSorted(t, gate, remote, `
begin get DIR/d/c (mode 0644, 14 bytes)
begin list DIR/d (mode 0755)
deny get DIR/d/a (mode 0644, 14 bytes)
deny list DIR/d/e (mode 0755)
end get DIR/d/c (mode 0644, 14 bytes) in 0 out 14 whole
end list DIR/d (mode 0755)
`, out)
	if !strings.Contains(out, errDenied.Error()) {
		t.Errorf("the client was not told why: %s", out)
	}
	if _, err := os.Stat(filepath.Join(local, "d", "a")); err == nil {
		t.Error("what was denied was copied")
	}
}

func TestSCPDenied(t *testing.T) {
	remote, local := t.TempDir(), t.TempDir()
	tree(t, local, "one", "d/a", "d/e/b", "d/c")
	gate := &ledger{deny: denying(filepath.Join(remote, "d", "a"), filepath.Join(remote, "d", "e"))}
	out := scpSession(t, gate, remote, local, "-r", "d", "one", "host:"+remote)
	expectSorted(t, gate, remote, `
begin mkdir DIR/d (mode 0755)
begin put DIR/d/c (mode 0644, 14 bytes)
begin put DIR/one (mode 0644, 14 bytes)
deny mkdir DIR/d/e (mode 0755)
deny put DIR/d/a (mode 0644, 14 bytes)
end mkdir DIR/d (mode 0755)
end put DIR/d/c (mode 0644, 14 bytes) in 14 out 0 whole
end put DIR/one (mode 0644, 14 bytes) in 14 out 0 whole
`, out)
	if !strings.Contains(out, errDenied.Error()) {
		t.Errorf("the client was not told why: %s", out)
	}
	for _, p := range []string{"d/a", "d/e"} {
		if _, err := os.Stat(filepath.Join(remote, p)); err == nil {
			t.Errorf("%s was denied, and came to the server", p)
		}
	}
}
