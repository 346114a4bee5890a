package servers_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/test/servers"
)

func TestSSHD(t *testing.T) {
	dir := t.TempDir()
	_, ca := servers.NewSSHKey(t, dir, "ca")
	mine, me := servers.NewSSHKey(t, dir, "me")
	s := servers.StartSSHD(t, servers.SSHDOptions{HostCA: ca, AuthorizedKeys: []string{servers.AuthorizedKey(me.PublicKey())}})

	if out, err := s.Run(t.Context(), "id -un; exit 0"); err != nil || out != s.Account+"\n" {
		t.Errorf("says %q (%v), not %s", out, err, s.Account)
	}
	known := filepath.Join(dir, "known_hosts")
	line := "@cert-authority " + "[127.0.0.1]:" + strconv.Itoa(s.Port) + " " + servers.AuthorizedKey(ca.PublicKey()) + "\n"
	if err := os.WriteFile(known, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	ssh := exec.CommandContext(t.Context(), "ssh", "-F", "none", "-p", strconv.Itoa(s.Port), "-i", mine, "-o", "BatchMode=yes",
		"-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile="+known, s.Account+"@127.0.0.1", "echo certified")
	if out, err := ssh.CombinedOutput(); err != nil || string(out) != "certified\n" {
		t.Errorf("by the host certificate: %q (%v)", out, err)
	}
	if !strings.Contains(s.Log(t), "Accepted publickey for "+s.Account) {
		t.Error("the log does not tell who logged in")
	}
}

func TestSSHDPasswords(t *testing.T) {
	account := servers.SSHAccount(t, "word of tests")
	s := servers.StartSSHD(t, servers.SSHDOptions{Password: true, KeyboardInteractive: true})
	answer := func(_, _ string, questions []string, _ []bool) ([]string, error) {
		answers := make([]string, len(questions))
		for i := range answers {
			answers[i] = "word of tests"
		}
		return answers, nil
	}
	for name, method := range map[string]ssh.AuthMethod{"password": ssh.Password("word of tests"), "keyboard-interactive": ssh.KeyboardInteractive(answer)} {
		c, err := ssh.Dial("tcp", s.Addr(), &ssh.ClientConfig{User: account, Auth: []ssh.AuthMethod{method}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c.Close()
	}
}

func TestSSHDEndsItsConnections(t *testing.T) {
	s := servers.StartSSHD(t, servers.SSHDOptions{})
	sleeper := exec.CommandContext(t.Context(), "ssh", append(s.Direct(), s.Host, "exec sleep 600")...)
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	servers.Eventually(t, 10*time.Second, "a connection is open", func() bool { return len(s.Connections()) == 1 })
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := sleeper.Wait(); err == nil {
		t.Error("the session ended in order")
	}
	if _, err := net.Dial("tcp", s.Addr()); err == nil {
		t.Error("the server still listens")
	}
}
