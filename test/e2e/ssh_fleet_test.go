package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/test/servers"
)

// fleet is a server of many that an authority certifies: nobody has pinned its key.
func (w *sshWorld) fleet(dir string, port int, authority ssh.Signer, principals ...string) *servers.SSHD {
	w.t.Helper()
	s, err := servers.RunSSHD(w.ctx, dir, servers.SSHDOptions{Port: port, HostCA: authority, HostPrincipals: principals,
		UserCAs: []string{lastLine(w.admin("", "ssh-ca", "logins"))}})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// A server that is set up anew, with a new key and a new certificate, is the same to everybody; one that another authority has certified, or
// for another host, is not. What it logs names the person, the session and the resource.
func sshFleet(t *testing.T, bin string) {
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{}, []string{"--engine", "ssh-ca"})
	file, authority := servers.NewSSHKey(t, t.TempDir(), "hosts_ca")
	_, other := servers.NewSSHKey(t, t.TempDir(), "other_ca")
	dir := filepath.Join(t.TempDir(), "fleet")
	s := w.fleet(dir, 0, authority)
	defer func() { _ = s.Stop() }()
	w.admin("", "resources", "set", server, "--address", s.Addr(), "--host-ca", file+".pub")
	speaks := func(want string) {
		t.Helper()
		if out, notes, _ := w.ssh(server, "echo certified"); out != want {
			t.Errorf("%q, %q", out, notes)
		}
	}
	again := func(authority ssh.Signer, principals ...string) {
		t.Helper()
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, "host_key")); err != nil {
			t.Fatal(err)
		}
		s = w.fleet(dir, s.Port, authority, principals...)
	}
	speaks("certified\n")
	first := s.HostKey
	again(authority)
	if s.HostKey == first {
		t.Error("the server was not set up anew")
	}
	speaks("certified\n")
	session := w.find("resource:"+server+` "echo certified" class:exec type:statement`, 2)[0].Session
	if log, id := s.Log(t), "ID sallyport user="+alice+" session="+session+" resource="+server; !strings.Contains(log, id) {
		t.Errorf("sshd's log does not say %q:\n%s", id, log)
	}
	if strings.Contains(w.admin("", "resources", "ls", "-o", "json"), s.HostKey) {
		t.Error("the key of a server that is certified was pinned")
	}
	for _, wrong := range []func(){func() { again(other) }, func() { again(authority, "web-2.internal") }, func() { again(authority, "*") }} {
		wrong()
		if out, notes, status := w.ssh(server, "echo certified"); out != "" || status == 0 || !strings.Contains(notes, "host_cas") {
			t.Errorf("%q, %q, %d", out, notes, status)
		}
	}
	again(authority)
	speaks("certified\n")
}

// A laptop is lost: one command, and nothing on it opens anything, while its owner signs in anew.
func sshRevocation(t *testing.T, bin string) {
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{}, nil)
	key, _ := servers.NewSSHKey(t, w.laptop.home, "id_ed25519")
	w.laptop.sally("ssh-cert", "--key", key+".pub")
	w.logsIn(alice, key)
	s := w.openShell(server)
	s.types("echo shown-$((40+2))\n")
	s.until("shown-42")
	begun := time.Now()
	said := w.admin("", "users", "revoke", alice)
	for _, want := range []string{"signed out everywhere", "certificates", "access tokens", "refuses since", "sessions cut: 1"} {
		if !strings.Contains(said, want) {
			t.Errorf("the receipt does not say %q:\n%s", want, said)
		}
	}
	s.ends()
	if took := time.Since(begun); took > 5*time.Second { // most of it is the admin's program
		t.Errorf("the terminal ended after %s", took)
	}
	w.isRefused(alice, key)
	if _, notes, status := w.ssh(server, "true"); status == 0 {
		t.Errorf("by the tunnel: %d, %q", status, notes)
	}
	w.find("type:admin action:users.revoke target:"+alice, 1)

	_, link, _ := strings.Cut(w.admin("", "sign-in-link", alice), "#")
	if strings.Fields(link)[0] == "" {
		t.Error("she cannot sign in anew")
	}
}
