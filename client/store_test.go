package client_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sallyport/sallyport/client"
)

func TestStoreKeepsProfilesPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sallyport")
	// An older, open directory is closed to others.
	if err := os.MkdirAll(filepath.Join(dir, "profiles"), 0o755); err != nil {
		t.Fatal(err)
	}
	store := client.NewStore(dir)
	want := newAuthority(t, "ca").profile("alice", "127.0.0.1:1", hour().UTC().Round(0))
	want.Token = "sally_1_secret"
	if err := store.Save(want); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o700)
		if !d.IsDir() {
			files++
			mode = 0o600
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), mode)
		}
		return nil
	})
	if err != nil || files != 2 {
		t.Fatalf("%d files, want the profile and the name of the active one; %v", files, err)
	}
	got, err := store.Active()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*want, *got, cmpopts.IgnoreUnexported(client.Profile{})); diff != "" {
		t.Error(diff)
	}
	path := filepath.Join(dir, "profiles", "test.json")
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Active(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a profile that others may read was loaded: %v", err)
	}
}

func TestStoreHoldsSeveralServers(t *testing.T) {
	store := client.NewStore(t.TempDir())
	if _, err := store.Active(); !errors.Is(err, client.ErrSignedOut) {
		t.Fatalf("empty store: %v", err)
	}
	for _, name := range []string{"one", "two"} {
		if err := store.Save(&client.Profile{Name: name, Server: "https://" + name}); err != nil {
			t.Fatal(err)
		}
	}
	names, err := store.Names()
	if diff := cmp.Diff([]string{"one", "two"}, names); diff != "" || err != nil {
		t.Fatal(diff, err)
	}
	if p, err := store.Active(); err != nil || p.Name != "two" {
		t.Fatalf("active: %v, %v", p, err)
	}
	if p, err := store.ForServer("https://one/", ""); err != nil || p == nil || p.Name != "one" {
		t.Fatalf("for https://one: %v, %v", p, err)
	}
	if err := store.Remove("one"); err != nil {
		t.Fatal(err)
	}
	if p, err := store.Active(); err != nil || p.Name != "two" {
		t.Fatalf("active after another was removed: %v, %v", p, err)
	}
	if err := store.Remove("two"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Active(); !errors.Is(err, client.ErrSignedOut) {
		t.Fatalf("after all were removed: %v", err)
	}
}

func TestStoreRefusesNamesThatArePaths(t *testing.T) {
	store := client.NewStore(t.TempDir())
	for _, name := range []string{"", "..", "../x", "a/b", "A", ".hidden", strings.Repeat("a", 101)} {
		if err := store.Save(&client.Profile{Name: name}); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}

func TestProfileNeverPrintsItsSecrets(t *testing.T) {
	p := client.Profile{Name: "test", Token: "s3cr3t", Refresh: "s3cr3t", NextRefresh: "s3cr3t", Key: "s3cr3t"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, printed := range []string{fmt.Sprintf(verb, p), fmt.Sprintf(verb, &p)} {
			if strings.Contains(printed, "s3cr3t") {
				t.Errorf("%s prints %s", verb, printed)
			}
		}
	}
	if printed := p.LogValue().String(); strings.Contains(printed, "s3cr3t") {
		t.Errorf("the log shows %s", printed)
	}
}

func TestPreferredPortIsStable(t *testing.T) {
	// These numbers stand in people's saved connections. They must never change.
	for name, want := range map[string]int{"orders-db": 28741, "billing-db": 24949, "": 26261} {
		if got := client.PreferredPort(name); got != want {
			t.Errorf("%q: %d, want %d", name, got, want)
		}
	}
	for i := range 10000 {
		if port := client.PreferredPort(fmt.Sprint("resource-", i)); port < 20000 || port > 29999 {
			t.Fatalf("resource-%d: %d", i, port)
		}
	}
}

func TestListenTakesTheNextPortWhenItsOwnIsTaken(t *testing.T) {
	// Any resource will do whose own port is free on this machine just now.
	for i := range 100 {
		name := fmt.Sprint("resource-", i)
		first, err := client.ListenFrom(t.Context(), client.PreferredPort(name))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = first.Close() }()
		if port(first) != client.PreferredPort(name) {
			continue
		}
		second, err := client.ListenFrom(t.Context(), client.PreferredPort(name))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = second.Close() }()
		if port(second) <= port(first) || port(second) > port(first)+50 {
			t.Errorf("%d, then %d: want the next free one", port(first), port(second))
		}
		if ip := second.Addr().(*net.TCPAddr).IP; !ip.IsLoopback() {
			t.Errorf("listens on %v", ip)
		}
		if _, err := client.ListenOn(t.Context(), port(first)); err == nil {
			t.Error("a port asked for by number was replaced by another")
		}
		return
	}
	t.Fatal("no resource of a hundred got its own port")
}

func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
