package program_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/client/program"
)

var way = program.SSHWay{Proxy: []string{"/opt/it's/sally", "ssh-proxy", "web-1"}, HostKey: "gateway.sallyport.internal",
	KnownHosts: "/home/alice smith/100%/known_hosts", User: "alice@acme.com"}

func TestSSHArgumentsAreTakenApartAsSSHDoes(t *testing.T) {
	for line, want := range map[string]struct {
		options, command  string
		account, resource string
		named             bool
	}{
		"web-1":                                  {resource: "web-1"},
		"root@web-1 uptime -p":                   {command: "uptime -p", account: "root", resource: "web-1", named: true},
		"-v -L 80:a:80 web-1":                    {options: "-v -L 80:a:80", resource: "web-1"},
		"web-1 -NL 80:a:80 -T echo -n":           {options: "-NL 80:a:80 -T", command: "echo -n", resource: "web-1"},
		"-p22 -lroot web-1 id":                   {options: "-p22 -lroot", command: "id", resource: "web-1", named: true},
		"-tl root web-1":                         {options: "-tl root", resource: "web-1", named: true},
		"-o User=root web-1":                     {options: "-o User=root", resource: "web-1", named: true},
		"-oLogLevel=ERROR web-1 -- -x":           {options: "-oLogLevel=ERROR", command: "-x", resource: "web-1"},
		"-4 -- web-1 -v":                         {options: "-4", command: "-v", resource: "web-1"},
		"root@web-1.sally id":                    {command: "id", account: "root", resource: "web-1", named: true},
		"Web-1":                                  {resource: "web-1"},
		"a@b@web-1":                              {account: "a@b", resource: "web-1", named: true},
		"-o SendEnv=A web-1 git-upload-pack x.g": {options: "-o SendEnv=A", command: "git-upload-pack x.g", resource: "web-1"},
	} {
		a, err := program.ParseSSH(strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		account, resource := a.Target()
		if strings.Join(a.Options, " ") != want.options || strings.Join(a.Command, " ") != want.command || account != want.account || resource != want.resource {
			t.Errorf("%s: %+v", line, a)
		}
		if adds := strings.Contains(strings.Join(a.For(way), " "), "-l alice@acme.com"); adds == want.named {
			t.Errorf("%s: the default account is added: %v", line, adds)
		}
	}
	for _, line := range []string{"", "-v", "-p", "web-1@", "-L"} {
		if a, err := program.ParseSSH(strings.Fields(line)); err == nil {
			t.Errorf("%q: taken as %+v", line, a)
		}
	}
}

// OpenSSH itself reads the block, with quotes and percent signs in it.
func TestSSHReadsTheBlock(t *testing.T) {
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("*** ssh is not installed on this machine; get it with: scripts/setup.sh test")
		}
		t.Skip("*** ssh is not installed on this machine; get it with: scripts/setup.sh test")
	}
	config := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(config, []byte(way.Host("web-1", "web-1.sally")), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), ssh, "-F", config, "-G", "web-1.sally").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"user alice@acme.com", "hostkeyalias gateway.sallyport.internal", "stricthostkeychecking true",
		`proxycommand '/opt/it'\''s/sally' ssh-proxy web-1`, "userknownhostsfile /home/alice smith/100%/known_hosts"} {
		if !strings.Contains("\n"+string(out), "\n"+want+"\n") && !strings.Contains(string(out), strings.ReplaceAll(want, "%", "%%")) {
			t.Errorf("ssh does not say %q:\n%s", want, out)
		}
	}
}

func TestIncludingGoesFirstAndIsTakenOut(t *testing.T) {
	own := filepath.Join(t.TempDir(), ".ssh", "config")
	if changed, err := program.Including("").Write(own, nil); err != nil || changed {
		t.Errorf("nothing to take out: %v, %v", changed, err)
	}
	if changed, err := program.Including("/a b/*.config").Write(own, nil); err != nil || !changed {
		t.Fatalf("put in: %v, %v", changed, err)
	}
	const theirs = "Host old\n  User bob\n"
	put, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(own, append(put, theirs...), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := program.Including("/a b/*.config").Write(own, nil); err != nil || changed {
		t.Errorf("put in again: %v, %v", changed, err)
	}
	if changed, err := program.Including("").Write(own, nil); err != nil || !changed {
		t.Errorf("taken out: %v, %v", changed, err)
	}
	left, err := os.ReadFile(own)
	if diff := cmp.Diff(theirs, string(left)); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}
