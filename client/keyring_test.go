package client_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/zalando/go-keyring"

	"github.com/sallyport/sallyport/client"
)

// useKeyring has OpenStore use a keyring that lives in memory, and a directory of the test's.
func useKeyring(t *testing.T) string {
	t.Helper()
	keyring.MockInit()
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("SALLY_PROFILE", "")
	t.Setenv("SALLY_KEYRING", "")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/there/is/none")
	return filepath.Join(dir, "sallyport")
}

func open(t *testing.T) *client.Store {
	t.Helper()
	store, err := client.OpenStore()
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestSecretsLiveInTheKeyring(t *testing.T) {
	dir := useKeyring(t)
	want := newAuthority(t, "ca").profile("alice", "127.0.0.1:1", hour().UTC().Round(0))
	want.Token, want.Refresh, want.NextRefresh = "sally_1_secret", "secret-refresh", "secret-next"
	path := filepath.Join(dir, "profiles", "test.json")

	// Kept in a file first; the next save moves it, and turning the keyring off moves it back.
	t.Setenv("SALLY_KEYRING", "off")
	if err := open(t).Save(want); err != nil {
		t.Fatal(err)
	}
	inFile := func() bool {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, secret := range []string{"sally_1_secret", "secret-refresh", "secret-next", "PRIVATE KEY"} {
			n += strings.Count(string(content), secret)
		}
		if n != 0 && n < 4 {
			t.Errorf("some secrets are in the file: %s", content)
		}
		return n != 0
	}
	if !inFile() {
		t.Fatal("the secrets are nowhere")
	}
	t.Setenv("SALLY_KEYRING", "")
	for range 2 {
		got, err := open(t).Active()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(*want, *got, cmpopts.IgnoreUnexported(client.Profile{})); diff != "" {
			t.Error(diff)
		}
		if err := open(t).Save(got); err != nil {
			t.Fatal(err)
		}
		if inFile() {
			t.Error("secrets are in the file beside a keyring")
		}
	}

	t.Setenv("SALLY_KEYRING", "off")
	if _, err := open(t).Active(); err == nil || !strings.Contains(err.Error(), "are in the keyring, which cannot be reached here") {
		t.Errorf("%v", err)
	}
	if err := open(t).Remove("test"); err == nil {
		t.Error("a key was left in the keyring that nobody knows of")
	}
	t.Setenv("SALLY_KEYRING", "")
	if err := open(t).Remove("test"); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Get("sallyport", "test in "+dir); !errors.Is(err, keyring.ErrNotFound) {
		t.Errorf("after signing out: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after signing out: %v", err)
	}
	if err := client.CheckKeyring(client.SystemKeyring()); err != nil {
		t.Error(err)
	}
}

func TestAKeyringThatFailsIsNoReasonNotToSignIn(t *testing.T) {
	useKeyring(t)
	keyring.MockInitWithError(errors.New("locked"))
	p := newAuthority(t, "ca").profile("alice", "127.0.0.1:1", hour())
	if err := open(t).Save(p); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t).Active(); err != nil {
		t.Error(err)
	}
}

func TestAKeyThatIsGoneFromTheKeyringMeansSignedOut(t *testing.T) {
	useKeyring(t)
	if err := open(t).Save(newAuthority(t, "ca").profile("alice", "127.0.0.1:1", hour())); err != nil {
		t.Fatal(err)
	}
	keyring.MockInit()
	if _, err := open(t).Active(); !errors.Is(err, client.ErrSignedOut) {
		t.Errorf("%v", err)
	}
}

// A new member of Profile is either no secret, and named here, or must be kept in the keyring.
func TestEveryMemberOfAProfileIsJudged(t *testing.T) {
	useKeyring(t)
	public := []string{"name", "session", "server", "server_ca", "user", "session_expires", "certificate", "ca", "expires", "tunnel", "ssh_hosts", "ssh_hosts_other"}
	p := newAuthority(t, "ca").profile("alice", "127.0.0.1:1", hour())
	v := reflect.ValueOf(p).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.CanSet() && f.Kind() == reflect.String && f.String() == "" {
			f.SetString("x")
		}
	}
	store := open(t)
	if err := store.Save(p); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(store.Dir(), "profiles", "test.json"))
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(content, &members); err != nil {
		t.Fatal(err)
	}
	for _, name := range public {
		delete(members, name)
	}
	delete(members, "in_keyring")
	for name, value := range members {
		if value != "" {
			t.Errorf("%s is in the file: is it no secret?", name)
		}
	}
}
