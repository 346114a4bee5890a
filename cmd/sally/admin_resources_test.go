package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/sallyport/sallyport/access"
)

// flagged gives the resource as flags change it.
func flagged(t *testing.T, r access.Resource, args ...string) access.Resource {
	t.Helper()
	fs := pflag.NewFlagSet("resources", pflag.ContinueOnError)
	apply := resourceFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := apply(&r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNodesAreGivenOneByOne(t *testing.T) {
	r := flagged(t, access.Resource{Name: "cache"}, "--protocol", "redis", "--address", "10.0.0.1:6379", "--node", "n2=10.0.0.2:6379", "--node", "n1=10.0.0.1:6379")
	want := access.Resource{Name: "cache", Protocol: "redis", Address: "10.0.0.1:6379",
		Nodes: []access.Node{{Name: "n1", Address: "10.0.0.1:6379"}, {Name: "n2", Address: "10.0.0.2:6379"}}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Fatal(diff)
	}
	r = flagged(t, r, "--node", "n1=", "--node", "n2=10.0.0.9:6379", "--node", "n3=10.0.0.3:6379", "--node", "gone=")
	want.Nodes = []access.Node{{Name: "n2", Address: "10.0.0.9:6379"}, {Name: "n3", Address: "10.0.0.3:6379"}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	sentinels := "10.0.1.1:26379,10.0.1.2:26379"
	r = flagged(t, access.Resource{Name: "queue"}, "--protocol", "redis", "--master", "mymaster", "--address", sentinels)
	if r.Master != "mymaster" || r.Address != sentinels {
		t.Errorf("%+v", r)
	}
	if r = flagged(t, r, "--master", ""); r.Master != "" {
		t.Errorf("%+v", r)
	}
}

func TestFilesNameNodesAndMasters(t *testing.T) {
	document, err := readApplied(strings.NewReader(`
resources:
  - name: cache
    protocol: redis
    address: 10.0.0.1:6379
    accounts: {app: cache-app}
    nodes: [{name: n2, address: "10.0.0.2:6379"}, {name: n1, address: "10.0.0.1:6379"}]
  - {name: queue, protocol: redis, address: "10.0.1.1:26379,10.0.1.2:26379", master: mymaster, accounts: {}}
`), []string{"-"})
	if err != nil {
		t.Fatal(err)
	}
	kind := &kindOf[access.Resource]{many: "resources", name: func(r *access.Resource) *string { return &r.Name }}
	objects, err := kind.decode(document["resources"])
	if err != nil {
		t.Fatal(err)
	}
	want := []access.Resource{
		{Name: "cache", Protocol: "redis", Address: "10.0.0.1:6379", Accounts: map[string]string{"app": "cache-app"},
			Nodes: []access.Node{{Name: "n2", Address: "10.0.0.2:6379"}, {Name: "n1", Address: "10.0.0.1:6379"}}},
		{Name: "queue", Protocol: "redis", Address: "10.0.1.1:26379,10.0.1.2:26379", Master: "mymaster", Accounts: map[string]string{}},
	}
	if diff := cmp.Diff(want, objects); diff != "" {
		t.Fatal(diff)
	}
	// What is written out, and read again.
	for i := range objects {
		again, err := kind.decode([]json.RawMessage{encodePlain(&objects[i])})
		if err != nil {
			t.Fatal(err)
		}
		want[i].Accounts = again[0].Accounts // an empty member is left out
		if diff := cmp.Diff(want[i], again[0]); diff != "" {
			t.Error(diff)
		}
	}
}

const (
	hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMvL+rHf8WRDKmafTMcJaQ/41mNIm3GLjLNOG2NZwE3h"
	otherCA = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHgUPheBejKmyDYZFDo3H+HCPlxvxcuxJehbd1KqJHf4"
)

func TestServersAreDescribedByFlags(t *testing.T) {
	scanned := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(scanned, []byte("# web-1.internal:22 SSH-2.0-OpenSSH_9.7\nweb-1.internal "+hostKey+"\n\n"+otherCA+" root@web-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := flagged(t, access.Resource{Name: "web-1"}, "--protocol", "ssh", "--address", "web-1.internal:22", "--host-key", scanned,
		"--host-ca", otherCA+"  of, ours", "--env", "LANG,LC_*", "--env", "TZ", "--record-input", "--record-exec")
	want := access.Resource{Name: "web-1", Protocol: "ssh", Address: "web-1.internal:22", SSH: &access.SSH{HostKeys: []string{hostKey, otherCA + " root@web-1"},
		HostCAs: []string{otherCA + " of, ours"}, Env: []string{"LANG", "LC_*", "TZ"}, RecordInput: true, RecordExec: true}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Fatal(diff)
	}
	if r = flagged(t, r, "--address", "web-1:22"); r.SSH == nil {
		t.Error("another flag took the server's keys away")
	}
	if r = flagged(t, r, "--host-key", "", "--host-ca", "", "--env", "", "--record-input=false"); r.SSH == nil || len(r.SSH.HostKeys) > 0 || !r.SSH.RecordExec {
		t.Errorf("%+v", r.SSH)
	}
	if r = flagged(t, r, "--record-exec=false"); r.SSH == nil || r.SSH.HostKeys == nil || len(r.SSH.HostKeys) > 0 {
		t.Errorf("that the keys are to be forgotten is not said any more: %+v", r.SSH)
	}
	r.SSH = nil
	if r = flagged(t, r, "--env", "none"); r.SSH == nil || r.SSH.Env == nil || len(r.SSH.Env) > 0 {
		t.Errorf("%+v", r.SSH)
	}
	if r = flagged(t, r, "--env", ""); r.SSH != nil {
		t.Errorf("%+v", r.SSH)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("# nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for given, want := range map[string]string{"ssh-ed25519 garbage": "is no public key", empty: "no public key in", "@cert-authority * " + otherCA: "is no public key",
		filepath.Join(t.TempDir(), "missing"): "no such file"} {
		if keys, err := readPublicKeys(given); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", given, keys, err)
		}
	}
}

// A file that says what the server keeps, with other spaces, changes nothing.
func TestFilesDescribeServers(t *testing.T) {
	document, err := readApplied(strings.NewReader(`
resources:
  - name: web-1
    protocol: ssh
    address: web-1.internal:22
    accounts: {deploy: web-login}
    ssh:
      host_keys:
        - "`+strings.Replace(hostKey, " ", "  ", 1)+`   root@web-1 "
      env: [LANG]
      record_exec: true
  - {name: web-2, protocol: ssh, address: "web-2:22", accounts: {}, ssh: {}}
  - {name: web-3, protocol: ssh, address: "web-3:22", accounts: {}, ssh: {env: []}}
`), []string{"-"})
	if err != nil {
		t.Fatal(err)
	}
	var resources appliedKind
	for _, k := range appliedKinds() {
		if k.kind() == "resources" {
			resources = k
		}
	}
	objects, err := resources.(*kindOf[access.Resource]).decode(document["resources"])
	if err != nil {
		t.Fatal(err)
	}
	want := []access.Resource{
		{Name: "web-1", Protocol: "ssh", Address: "web-1.internal:22", Accounts: map[string]string{"deploy": "web-login"},
			SSH: &access.SSH{HostKeys: []string{hostKey + " root@web-1"}, Env: []string{"LANG"}, RecordExec: true}},
		{Name: "web-2", Protocol: "ssh", Address: "web-2:22", Accounts: map[string]string{}},
		{Name: "web-3", Protocol: "ssh", Address: "web-3:22", Accounts: map[string]string{}, SSH: &access.SSH{Env: []string{}}},
	}
	if diff := cmp.Diff(want, objects); diff != "" {
		t.Error(diff)
	}
}

// A host key that was pinned at the first connection stays where a file does not speak of it: otherwise each apply would have the next
// connection trust whoever answers.
func TestFilesKeepPinnedHostKeys(t *testing.T) {
	m := newMachine(t)
	const same = "everything is as the files say\n"
	file := func(settings string) string {
		return applyFile(t, "resources:\n  - {name: web-1, protocol: ssh, address: 'web-1.internal:22', accounts: {}"+settings+"}\n")
	}
	bare := file("")
	m.sally("", "apply", "-f", bare)
	m.sally("", "admin", "resources", "set", "web-1", "--host-key", hostKey) // as a gateway does that has learned it
	if out := m.sally("", "apply", "-f", bare); out != same {
		t.Errorf("a file without host keys: %s", out)
	}
	if out := m.sally("", "apply", "-f", file(", ssh: {record_exec: true}")); !strings.Contains(out, "~ resources web-1") {
		t.Errorf("another setting: %s", out)
	}
	kept := m.sally("", "export")
	if !strings.Contains(kept, hostKey) || !strings.Contains(kept, "record_exec: true") {
		t.Fatalf("left: %s", kept)
	}
	if out := m.sally("", "apply", "-f", applyFile(t, kept)); out != same {
		t.Errorf("what was exported: %s", out)
	}
	m.sally("", "apply", "-f", file(", ssh: {host_cas: ['"+otherCA+"']}"))
	if left := m.sally("", "export"); strings.Contains(left, hostKey) || !strings.Contains(left, otherCA) {
		t.Errorf("an authority instead leaves: %s", left)
	}
	m.sally("", "admin", "resources", "set", "web-1", "--host-key", hostKey, "--host-ca", "")
	none := file(", ssh: {host_keys: []}")
	m.sally("", "apply", "-f", none)
	if out := m.sally("", "apply", "-f", none); out != same {
		t.Errorf("an empty list, again: %s", out)
	}
	if left := m.sally("", "export"); strings.Contains(left, "ssh-ed25519") {
		t.Errorf("an empty list leaves: %s", left)
	}
}

// A private key that is named by mistake is not sent anywhere.
func TestPrivateKeysStayHere(t *testing.T) {
	private := "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----\n"
	path := filepath.Join(t.TempDir(), "id_ed25519")
	if err := os.WriteFile(path, []byte(private), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, "-"} {
		if text, err := readPublicKeyAt(strings.NewReader(private), file); err == nil || !strings.Contains(err.Error(), "this is a private key") {
			t.Errorf("%s: %q, %v", file, text, err)
		}
	}
}
