package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// post asks the API and decodes its answer.
func (w *world) post(path string, header http.Header, body, into any) *http.Response {
	w.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, "http://"+w.sally.Web+path, bytes.NewReader(text))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}}
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil || res.StatusCode >= 300 {
			w.t.Fatalf("%s: %s %s", path, res.Status, answer)
		}
	}
	return res
}

// secretsOfALife makes every secret that the control plane gives out or is given, uses them rightly and wrongly, and
// names them.
func (w *world) secretsOfALife() map[string]string {
	w.t.Helper()
	secrets := map[string]string{"store's password": "a-password-nobody-sees", "access token": w.token, "user's password": "seven-brown-foxes-dance",
		"wrong password": "seven-brown-foxes-sleep"}
	linkOf := func(user string) string {
		_, secret, _ := strings.Cut(w.admin("", "sign-in-link", user), "#")
		return strings.Fields(secret)[0]
	}
	secrets["sign-in link"] = linkOf("admin")
	res := w.post("/api/v1/sign-in", nil, map[string]string{"token": secrets["sign-in link"]}, &struct{}{})
	secrets["session cookie"] = res.Cookies()[0].Value
	secrets["unspent link"] = linkOf(alice)
	w.post("/api/v1/sign-in", nil, map[string]string{"token": secrets["sign-in link"]}, nil) // a second time
	secrets["forged token"] = w.token + "x"
	w.post("/api/v1/certificates", http.Header{"Authorization": {"Bearer " + secrets["forged token"]}}, map[string]string{"public_key": "none"}, nil)

	w.admin("", "users", "add", "break-glass")
	w.admin(secrets["user's password"], "users", "set-password", "break-glass")
	signIn := func(password string) *http.Response {
		return w.post("/api/v1/sign-in/password", nil, map[string]string{"user": "break-glass", "password": password}, nil)
	}
	signIn(secrets["wrong password"])
	w.post("/api/v1/sign-in/password", nil, map[string]string{"user": secrets["wrong password"], "password": "x"}, nil) // in the wrong field
	for _, c := range signIn(secrets["user's password"]).Cookies() {
		secrets["password's "+c.Name] = c.Value
	}

	w.admin("", "roles", "add", "provisioners", "--provisioner")
	w.admin("", "users", "add", "okta", "--service-account", "--role", "provisioners")
	var token struct{ Token string }
	if err := json.Unmarshal([]byte(w.admin("", "tokens", "add", "okta", "-o", "json")), &token); err != nil {
		w.t.Fatal(err)
	}
	secrets["directory's token"] = token.Token
	secrets["directory's password"] = "what-a-directory-sends"
	w.post("/scim/v2/Users", http.Header{"Authorization": {"Bearer " + token.Token}},
		map[string]any{"userName": "carol@acme.com", "password": secrets["directory's password"], "active": true}, &struct{}{})

	secrets["join token"] = strings.TrimSpace(w.admin("", "gateways", "add", "gw-2", "--tunnel", "gw-2.acme.com:7443"))
	w.admin("", "users", "suspend", alice)
	return secrets
}

// TestSecretsLeaveNoTrace makes every kind of secret, and looks for each in all that the server wrote: its state, its
// record, its index and its log, in its command line and its environment.
func TestSecretsLeaveNoTrace(t *testing.T) {
	w := newWorld(t, "")
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	if _, err := w.mustConnect().Exec(w.ctx, "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	secrets := w.secretsOfALife()
	var traces [][2]string // where, what
	for _, file := range []string{"cmdline", "environ"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", w.sally.PID(), file))
		if err != nil {
			t.Fatal(err)
		}
		traces = append(traces, [2]string{"/proc/" + file, string(b)})
	}
	w.stop()
	err := filepath.WalkDir(w.sally.DataDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		traces = append(traces, [2]string{path, string(b)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(w.sally.LogFile)
	if err != nil {
		t.Fatal(err)
	}
	traces = append(traces, [2]string{"the log", string(log)})
	for kind, secret := range secrets {
		if len(secret) < 16 {
			t.Fatalf("%s is %q, which proves nothing", kind, secret)
		}
		for _, trace := range traces {
			if strings.Contains(trace[1], secret) {
				t.Errorf("%s is in %s", kind, trace[0])
			}
		}
	}
	if len(traces) < 6 || !strings.Contains(string(log), "msg=") && !strings.Contains(string(log), `"msg"`) {
		t.Errorf("looked at %d places; log:\n%s", len(traces), log)
	}
}
