package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/test/storetest"
)

func TestStateSurvivesReopening(t *testing.T) {
	storetest.EachConfig(t, testReopening)
}

func TestStateFileIsItsOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d.db") // characters that mean something in a URL
	s := storetest.Open(t, store.Config{File: path})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("state file: %v %v", info, err)
	}
	if want := "SQLite file " + path; s.String() != want {
		t.Errorf("it calls itself %q, want %q", s, want)
	}
}

func testReopening(t *testing.T, config store.Config) {
	ctx := t.Context()
	s, err := store.Open(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMicro(1_700_000_000_123_456).UTC()
	want := &access.Snapshot{
		Generation:  9,
		Groups:      map[string]access.Group{"eng": {Name: "eng", Created: at}},
		Policies:    map[string]access.Policy{},
		Grants:      map[string]access.Grant{},
		Gateways:    map[string]access.Gateway{},
		TokenHashes: map[string]access.TokenHash{"t": {Secret: "x", Native: "y"}},
		Users:       map[string]access.User{"alice": {Name: "alice", Kind: access.Person, Groups: []string{"eng"}, Created: at, CertificatesValidFrom: at}},
		Roles:       map[string]access.Role{"r": {Name: "r", Accounts: []string{"b", "a"}}},
		Resources:   map[string]access.Resource{"db": {Name: "db", Accounts: map[string]string{"a": "c"}}},
		Credentials: map[string]access.Credential{"c": {Name: "c", Source: "sealed"}},
		Tokens:      map[string]access.Token{"t": {ID: "t", User: "alice", Created: at, Expires: at}},
		SSHKeys:     map[string]access.SSHKey{"SHA256:k": {Fingerprint: "SHA256:k", User: "alice", Name: "laptop", Public: "ssh-ed25519 AAAA", Created: at}},
		SSHRotations: access.SSHRotations{Users: access.SSHRotation{Signs: 1}, Hosts: access.SSHRotation{Signs: 2, Other: 1, Changed: at},
			Logins: access.SSHRotation{Signs: 1}},
	}
	for _, err := range []error{
		s.PutUser(ctx, want.Users["alice"]), s.PutGroup(ctx, want.Groups["eng"]), s.PutRole(ctx, want.Roles["r"]), s.PutResource(ctx, want.Resources["db"]),
		s.PutCredential(ctx, want.Credentials["c"]), s.PutToken(ctx, want.Tokens["t"], want.TokenHashes["t"]), s.AddSSHKey(ctx, want.SSHKeys["SHA256:k"]),
		s.PutSSHRotation(ctx, "hosts", want.SSHRotations.Hosts), s.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s = storetest.Open(t, config)
	got, err := s.Load(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := s.DeleteUser(ctx, "alice"); err != nil {
		t.Fatal(err)
	}
	if got, err = s.Load(ctx); err != nil || len(got.Tokens)+len(got.SSHKeys) != 0 {
		t.Errorf("tokens and SSH keys of a removed user: %v %v %v", got.Tokens, got.SSHKeys, err)
	}
	if err := s.DeleteUser(ctx, "alice"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if err := s.PutToken(ctx, want.Tokens["t"], want.TokenHashes["t"]); err == nil {
		t.Error("a token of nobody was kept")
	}
	if err := s.AddSSHKey(ctx, want.SSHKeys["SHA256:k"]); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an SSH key of nobody: %v", err)
	}
}
