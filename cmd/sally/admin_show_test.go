package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func TestShowTellsOfServersWhatListsDoNot(t *testing.T) {
	m := newMachine(t)
	m.sally("", "admin", "credentials", "add", "web-login", "--engine", "ssh-ca")
	m.sally("", "admin", "resources", "add", "web-1", "--protocol", "ssh", "--address", "web-1.internal:22", "--account", "deploy=web-login")
	shown := func(want ...string) {
		t.Helper()
		out := strings.Join(strings.Fields(m.sally("", "admin", "resources", "show", "web-1")), " ")
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%q is missing in: %s", w, out)
			}
		}
	}
	shown("HOST KEY none yet: the first that is seen will be pinned", "ENV LANG, LC_* (the default)", "RECORDS terminals, shells without a terminal")
	m.sally("", "admin", "resources", "set", "web-1", "--host-key", hostKey+" root@web-1", "--host-ca", otherCA, "--env", "TZ", "--record-exec", "--record-input")
	shown("HOST KEY ssh-ed25519 SHA256:", " root@web-1 (given 20", " by local:", "HOST CA ssh-ed25519 SHA256:", "ENV TZ ",
		"RECORDS terminals, shells without a terminal, what is typed, the output of commands")
	m.sally("", "admin", "resources", "set", "web-1", "--env", "none")
	shown("ENV none ")
	forget := func(want string, args ...string) {
		t.Helper()
		got := runSally(m.ctx, "", append([]string{"admin", "resources", "forget-host-key", "web-1", "--data-dir", m.data}, args...)...)
		if text := got.out + fmt.Sprint(got.err); !strings.Contains(text, want) {
			t.Errorf("%q is missing in: %s", want, text)
		}
	}
	m.sally("", "admin", "resources", "set", "web-1", "--host-key", hostKey, "--host-key", otherCA)
	forget("web-1 has 2 host keys; name one with --fingerprint: SHA256:")
	forget("there is no host key", "--fingerprint", "SHA256:x")
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(otherCA))
	if err != nil {
		t.Fatal(err)
	}
	forget("forgotten; it is known by its others", "--fingerprint", ssh.FingerprintSHA256(key))
	forget("forgotten; it is known by its others") // by the authority that is left
	forget("no host key of web-1 is known")
	m.sally("", "admin", "resources", "set", "web-1", "--host-key", hostKey, "--host-ca", "")
	forget("forgotten; the next key that it shows is pinned")
	shown("HOST KEY none yet")
}

func TestNamesOfObjectsAreCompleted(t *testing.T) {
	m := newMachine(t)
	for _, name := range []string{"web-1", "web-2", "db-1"} {
		m.sally("", "admin", "resources", "add", name, "--protocol", "ssh", "--address", name+".internal:22")
	}
	for typed, want := range map[string]string{
		"resources set we":          "web-1\nweb-2\n",
		"resources remove web-1 we": "web-2\n",
		"resources show web-1 we":   "",
		"resources show d":          "db-1\n",
		"users show ad":             "admin\n",
	} {
		if got := m.sally("", append([]string{"__complete", "admin"}, strings.Fields(typed)...)...); !strings.HasPrefix(got, want+":") {
			t.Errorf("%s: %q", typed, got)
		}
	}
}

func TestSignInLinksAreWholeWhereTheAddressIsConfigured(t *testing.T) {
	m := newMachine(t)
	if out := m.sally("", "admin", "sign-in-link", "admin"); !regexp.MustCompile(`^/sign-in#\S+\n\(put it behind .* url in the server's configuration`).MatchString(out) {
		t.Errorf("without: %s", out)
	}
	config := writeConfig(t, "url: https://sally.acme.com\nlisten: {web: '127.0.0.1:0', tunnel: off, postgres: off, mysql: off, redis: off, ssh: off}\n")
	data := filepath.Join(t.TempDir(), "data")
	background(t, `(/sign-in#\S+)`, "server", "--config", config, "--data-dir", data)
	if out := m.sally("", "admin", "sign-in-link", "admin", "--data-dir", data); !regexp.MustCompile(`^https://sally\.acme\.com/sign-in#\S+\n$`).MatchString(out) {
		t.Errorf("with: %s", out)
	}
}
