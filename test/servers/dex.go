package servers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

const (
	dexVersion   = "2.30.0-f0186ff2651e"
	dexScript    = "scripts/build-dex.sh"
	dexStart     = 30 * time.Second
	dexStopGrace = 5 * time.Second
	// dexPassword is the password whose bcrypt hash stands in the configuration.
	dexPassword     = "password"
	dexPasswordHash = "$2a$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W"
)

// Dex is a private dex: a second identity provider, made by others, whose one person has no groups. Its client is
// public.
type Dex struct {
	Issuer   string
	ClientID string
	Email    string // of its one person
	Password string
	LogFile  string

	process *Process
}

// StartDex starts a dex for one test, which may send people back to the addresses, and ends it with the test.
func StartDex(t testing.TB, redirects ...string) *Dex {
	t.Helper()
	dir, err := install(t.Context(), dexScript)
	if err != nil {
		t.Logf("build dex: %v", err)
		Missing(t, "dex "+dexVersion, dexScript)
	}
	d := &Dex{ClientID: "sallyport", Email: "alice@example.com", Password: dexPassword, LogFile: filepath.Join(t.TempDir(), "dex.log")}
	if err := onFreePort(func() error { return d.run(filepath.Join(dir, "dex"), redirects) }); err != nil {
		t.Fatalf("start dex: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of dex's log:\n%s", tail(d.LogFile, 40))
		}
		if err := d.process.Stop(dexStopGrace); err != nil {
			t.Errorf("stop dex: %v", err)
		}
	})
	return d
}

// run starts dex's process on a free port and returns when it answers.
func (d *Dex) run(binary string, redirects []string) error {
	port, err := FreePort()
	if err != nil {
		return err
	}
	address, dir := "127.0.0.1:"+strconv.Itoa(port), filepath.Dir(d.LogFile)
	d.Issuer = "http://" + address + "/dex"
	config := fmt.Sprintf("issuer: %s\nstorage: {type: memory}\nweb: {http: %q}\noauth2: {skipApprovalScreen: true}\n"+
		"enablePasswordDB: true\nstaticPasswords:\n- {email: %q, hash: %q, username: alice, userID: u-1}\n"+
		"staticClients:\n- {id: %s, name: Sallyport, public: true, redirectURIs: [/device/callback", d.Issuer, address, d.Email, dexPasswordHash, d.ClientID)
	for _, r := range redirects {
		config += ", " + strconv.Quote(r)
	}
	file := filepath.Join(dir, "dex.yaml")
	if err := os.WriteFile(file, []byte(config+"]}\n"), 0o600); err != nil {
		return fmt.Errorf("write configuration of dex: %w", err)
	}
	d.process, err = Start(Command{
		Path: binary, Args: []string{"serve", file}, Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, Dir: dir, LogFile: d.LogFile,
	})
	if err != nil {
		return err
	}
	if err := d.process.waitUntil(func() bool { return answersHTTP(d.Issuer + "/.well-known/openid-configuration") }, dexStart); err != nil {
		return errors.Join(err, d.process.Kill())
	}
	return nil
}
