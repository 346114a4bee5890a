package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/sallyport/sallyport/test/servers"
)

// logsIn comes natively as the user by the key, and expects to be who the account is. Nothing is asked: there is no terminal, and BatchMode.
func (w *sshWorld) logsIn(user, key string) {
	w.t.Helper()
	if out, notes, status := w.end(w.program("ssh", append(w.native(user, "-o", "BatchMode=yes", "-i", key), "id -un")...)); out != w.sshd.Account+"\n" || status != 0 {
		w.t.Errorf("%q, %q, %d", out, notes, status)
	}
}

func (w *sshWorld) isRefused(user, key string) {
	w.t.Helper()
	out, notes, status := w.end(w.program("ssh", append(w.native(user, "-o", "BatchMode=yes", "-i", key), "id -un")...))
	if out != "" || status != 255 || !strings.Contains(notes, "Permission denied") {
		w.t.Errorf("%q, %q, %d", out, notes, status)
	}
}

func sshNativeByCertificate(t *testing.T, bin string) {
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{}, nil)
	key, _ := servers.NewSSHKey(t, w.laptop.home, "id_ed25519")
	w.isRefused(alice, key)
	w.laptop.sally("ssh-cert", "--key", key+".pub")
	w.logsIn(alice, key)
	if e := w.find(`resource:`+server+` "id -un" class:exec`, 1)[0]; e.Entrance != "native" || e.User != alice {
		t.Errorf("recorded: %s by the %s entrance", e.User, e.Entrance)
	}
	w.admin("", "users", "suspend", alice)
	w.eventually("the certificate opens nothing any more", func() bool {
		_, _, status := w.end(w.program("ssh", append(w.native(alice, "-o", "BatchMode=yes", "-i", key), "true")...))
		return status == 255
	})
}

func sshNativeByKey(t *testing.T, bin string) {
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{}, nil)
	key, _ := servers.NewSSHKey(t, w.laptop.home, "id_etl")
	w.admin("", "users", "add", "etl", "--service-account", "--role", "operators")
	w.isRefused("etl", key)
	w.admin("", "ssh-keys", "add", "etl", key+".pub")
	w.eventually("the key is known", func() bool {
		_, _, status := w.end(w.program("ssh", append(w.native("etl", "-o", "BatchMode=yes", "-i", key), "true")...))
		return status == 0
	})
	w.logsIn("etl", key)
	w.isRefused(alice, key) // it is not hers
}

// A person without a key opens a link in a browser; there is no prompt.
func sshNativeByLink(t *testing.T, bin string) {
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{}, nil)
	cmd := w.program("ssh", append(w.native(alice, "-o", "PreferredAuthentications=keyboard-interactive"), "id -un")...)
	var out bytes.Buffer
	cmd.Stdout = &out
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	link, all := regexp.MustCompile(`http://\S+/sign-in/ssh#(\S+)`), strings.Builder{}
	for lines := bufio.NewScanner(said); lines.Scan(); {
		all.WriteString(lines.Text() + "\n")
		if match := link.FindStringSubmatch(lines.Text()); match != nil {
			w.confirm(match[1])
		}
	}
	if err := cmd.Wait(); err != nil || out.String() != w.sshd.Account+"\n" {
		t.Errorf("by the link: %v, %q\n%s", err, out.String(), all.String())
	}
}

// confirm is what the page /sign-in/ssh does for Alice, who signs in there by a link of her own.
func (w *sshWorld) confirm(secret string) {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	_, own, _ := strings.Cut(w.admin("", "sign-in-link", alice), "#")
	w.posts(browser, "/api/v1/sign-in", `{"token": "`+strings.Fields(own)[0]+`"}`)
	w.posts(browser, "/api/v1/sign-in/ssh/approve", `{"secret": "`+secret+`"}`)
}

func (w *sshWorld) posts(browser *http.Client, path, body string) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.ctx, http.MethodPost, "http://"+w.sally.Web+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Sallyport", "1")
	response, err := browser.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		w.t.Errorf("%s: %s", path, response.Status)
	}
}

// Logins by certificates of Sallyport's own authority, each for one session.
func sshOwnAuthority(t *testing.T, bin string) {
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{}, []string{"--engine", "ssh-ca"})
	if out, notes, _ := w.ssh(server, "echo certified"); out != "certified\n" {
		t.Errorf("%q, %q", out, notes)
	}
	if log := w.sshd.Log(t); !strings.Contains(log, "ED25519-CERT") {
		t.Errorf("sshd saw no certificate:\n%s", log)
	}
}

func sshVault(t *testing.T, bin string) {
	vault := servers.StartVault(t, servers.VaultOptions{})
	if err := vault.Client.Sys().Mount("ssh", &api.MountInput{Type: "ssh"}); err != nil {
		t.Fatal(err)
	}
	made, err := vault.Client.Logical().Write("ssh/config/ca", map[string]any{"generate_signing_key": true, "key_type": "ed25519"})
	if err != nil {
		t.Fatal(err)
	}
	authority, _ := made.Data["public_key"].(string)
	if err := vault.Write("ssh/roles/ops", map[string]any{"key_type": "ca", "allow_user_certificates": true, "allowed_users": "*",
		"allowed_extensions": "permit-pty,permit-port-forwarding,permit-agent-forwarding,permit-X11-forwarding", "max_ttl": "5m"}); err != nil {
		t.Fatal(err)
	}
	roleID, secret, err := vault.AppRole(servers.VaultAppRole{Name: "sallyport", TokenPeriod: time.Hour,
		Policy: `path "ssh/sign/*" { capabilities = ["update"] }`})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	secretID, config := filepath.Join(dir, "secret-id"), filepath.Join(dir, "sally.yaml")
	write(t, secretID, secret)
	write(t, config, fmt.Sprintf("vault:\n  address: %s\n  auth: {method: approle, role_id: %s, secret_id_file: %s}\n", vault.Addr, roleID, secretID))

	w := newSSHWorld(t, bin, []string{"--config", config}, servers.SSHDOptions{UserCAs: []string{strings.TrimSpace(authority)}},
		[]string{"--source", "vault", "--engine", "ssh", "--path", "ops"})
	if out, notes, _ := w.ssh(server, "echo signed"); out != "signed\n" {
		t.Errorf("%q, %q", out, notes)
	}
	if log := w.sshd.Log(t); !strings.Contains(log, "CERT") || strings.Contains(log, "operator") {
		t.Errorf("sshd saw no certificate:\n%s", log)
	}
	if err := vault.Seal(); err != nil {
		t.Fatal(err)
	}
	if _, notes, status := w.ssh(server, "true"); status == 0 || !strings.Contains(notes, "sallyport:") {
		t.Errorf("while Vault is sealed: %d, %q", status, notes)
	}
}
