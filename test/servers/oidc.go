package servers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

const (
	oidcVersion   = "9.13.3"
	oidcScript    = "scripts/oidc-provider.sh"
	oidcStart     = 30 * time.Second
	oidcStopGrace = 5 * time.Second
)

// OIDCProvider is a private identity provider: npm's oidc-provider, whose people take any password.
type OIDCProvider struct {
	Issuer       string
	ClientID     string
	ClientSecret string
	LogFile      string

	control string
	process *Process
}

// StartOIDCProvider starts an identity provider for one test and ends it with the test. It knows nobody yet.
func StartOIDCProvider(t testing.TB) *OIDCProvider {
	t.Helper()
	dir, err := install(t.Context(), oidcScript)
	if err != nil {
		t.Logf("install oidc-provider: %v", err)
		Missing(t, "oidc-provider "+oidcVersion, oidcScript)
	}
	p, err := runOIDCProvider(dir, t.TempDir())
	if err != nil {
		t.Fatalf("start oidc-provider: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of oidc-provider's log:\n%s", tail(p.LogFile, 40))
		}
		if err := errors.Join(p.Resume(), p.process.Stop(oidcStopGrace)); err != nil {
			t.Errorf("stop oidc-provider: %v", err)
		}
	})
	return p
}

func runOIDCProvider(install, dir string) (*OIDCProvider, error) {
	program, err := repositoryFile("test/servers/oidcprovider/provider.mjs")
	if err != nil {
		return nil, err
	}
	// Node finds packages beside the program that asks for them, so the program goes where they are installed.
	text, err := os.ReadFile(program)
	if err != nil {
		return nil, fmt.Errorf("read oidc-provider's program: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "provider.mjs"), text, 0o600); err != nil {
		return nil, fmt.Errorf("write oidc-provider's program: %w", err)
	}
	if err := os.Symlink(filepath.Join(install, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		return nil, fmt.Errorf("find oidc-provider: %w", err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("find node: %w (%w)", ErrMissing, err)
	}
	p := &OIDCProvider{ClientID: "sallyport", ClientSecret: "a secret + of % the client", LogFile: filepath.Join(dir, "provider.log")}
	if err := onFreePort(func() error { return p.run(node, dir) }); err != nil {
		return nil, err
	}
	return p, nil
}

// run starts the provider's process on free ports and returns when it answers.
func (p *OIDCProvider) run(node, dir string) error {
	port, err := FreePort()
	if err != nil {
		return err
	}
	control, err := FreePort()
	if err != nil {
		return err
	}
	p.Issuer, p.control = "http://127.0.0.1:"+strconv.Itoa(port), "http://127.0.0.1:"+strconv.Itoa(control)
	p.process, err = Start(Command{
		Path: node, Args: []string{"provider.mjs", strconv.Itoa(port), strconv.Itoa(control), p.ClientID, p.ClientSecret},
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, Dir: dir, LogFile: p.LogFile,
	})
	if err != nil {
		return err
	}
	ready := func() bool {
		return answersHTTP(p.Issuer+"/.well-known/openid-configuration") && p.command("/rotate", struct{}{}) == nil
	}
	if err := p.process.waitUntil(ready, oidcStart); err != nil {
		return errors.Join(err, p.process.Kill())
	}
	return nil
}

// answersHTTP says whether GET of the address succeeds.
func answersHTTP(address string) bool {
	response, err := http.Get(address)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

// Person is somebody whom the provider knows. The claims' subject is the name they sign in by.
type Person map[string]any

// NewPerson has a verified address and groups.
func NewPerson(email string, groups ...string) Person {
	if groups == nil {
		groups = []string{}
	}
	return Person{"email": email, "email_verified": true, "name": "Test " + email, "groups": groups}
}

// Put adds the person, or changes what the provider says of them from here on.
func (p *OIDCProvider) Put(t testing.TB, login string, who Person) {
	t.Helper()
	p.must(t, "/account", map[string]any{"id": login, "claims": who})
}

// Remove forgets the person: their refresh tokens are refused from here on.
func (p *OIDCProvider) Remove(t testing.TB, login string) {
	t.Helper()
	p.must(t, "/account", map[string]any{"id": login})
}

// Allow lets the provider send people back to the address.
func (p *OIDCProvider) Allow(t testing.TB, redirect string) {
	t.Helper()
	p.must(t, "/redirect", map[string]any{"uri": redirect})
}

// RotateKeys makes the provider sign with another key from here on, and forget the former one.
func (p *OIDCProvider) RotateKeys(t testing.TB) {
	t.Helper()
	p.must(t, "/rotate", struct{}{})
}

func (p *OIDCProvider) must(t testing.TB, path string, in any) {
	t.Helper()
	if err := p.command(path, in); err != nil {
		t.Fatal(err)
	}
}

func (p *OIDCProvider) command(path string, in any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode command: %w", err)
	}
	response, err := http.Post(p.control+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("tell oidc-provider: %w", err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusNoContent {
		return fmt.Errorf("tell oidc-provider %s: %s (%w)", path, response.Status, err)
	}
	return nil
}

// Stop ends the provider before its test does.
func (p *OIDCProvider) Stop(t testing.TB) {
	t.Helper()
	if err := p.process.Stop(oidcStopGrace); err != nil {
		t.Fatal(err)
	}
}

// Pause makes the provider take connections and answer nothing, until Resume.
func (p *OIDCProvider) Pause() error { return p.process.Pause() }

// Resume ends Pause.
func (p *OIDCProvider) Resume() error { return p.process.Resume() }

// install runs a script that gets a server into the cache and prints where it is. It is quick when the server is there.
func install(ctx context.Context, script string) (dir string, err error) {
	path, err := repositoryFile(script)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, path)
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("run %s: %w\n%s", script, err, trouble.String())
	}
	return string(bytes.TrimSpace(out)), nil
}
