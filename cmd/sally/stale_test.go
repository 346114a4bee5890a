package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/sallyport/sallyport/access"
)

// TestNobodysChangeIsUndone has somebody else change a role between its reading and its writing, by set and by apply.
func TestNobodysChangeIsUndone(t *testing.T) {
	m := newMachine(t)
	m.sally("", "admin", "roles", "add", "readers", "--resource", "*", "--account", "app")
	api := apiFlags{dataDir: m.data, given: pflag.NewFlagSet("", pflag.ContinueOnError).Changed}
	c, err := api.client()
	if err != nil {
		t.Fatal(err)
	}
	var role access.Role
	revision, err := c.read(m.ctx, "/roles/readers", &role)
	if err != nil || revision == "" {
		t.Fatalf("revision %q: %v", revision, err)
	}
	document, err := readApplied(strings.NewReader("roles:\n  - {name: readers, resources: ['*'], accounts: [reports]}\n"), []string{"-"})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := planChanges(m.ctx, c, document, false)
	if err != nil || len(changes) != 1 {
		t.Fatalf("%d changes: %v", len(changes), err)
	}
	m.sally("", "admin", "roles", "set", "readers", "--account", "app", "--group", "eng")
	stale := map[string]error{"set": c.replace(m.ctx, "/roles/readers", revision, role, nil), "apply": changes[0].make(m.ctx, c)}
	for by, err := range stale {
		if err == nil || !strings.Contains(err.Error(), "changed meanwhile") || !strings.Contains(err.Error(), "repeat the command") {
			t.Errorf("%s: %v", by, err)
		}
	}
	if err := c.do(m.ctx, http.MethodGet, "/roles/readers", nil, &role); err != nil || len(role.Groups) != 1 {
		t.Errorf("the other's change is gone: %+v, %v", role, err)
	}
	if revision, err = c.read(m.ctx, "/roles/readers", &role); err != nil {
		t.Fatal(err)
	}
	if err := c.replace(m.ctx, "/roles/readers", revision, role, nil); err != nil {
		t.Errorf("what is as it was read: %v", err)
	}
}
