package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const shopYAML = `
credentials:
  - {name: orders-app, source: sealed, username: app}
resources:
  - name: orders-db
    protocol: postgres
    address: 127.0.0.1:5432
    ssl_mode: disable
    labels: {env: prod}
    accounts: {app: orders-app}
  - name: cache
    protocol: redis
    address: 10.0.0.1:6379
    nodes: [{name: n2, address: "10.0.0.2:6379"}, {name: n1, address: "10.0.0.1:6379"}]
    accounts: {app: orders-app}
  - {name: queue, protocol: redis, master: mymaster, address: "10.0.1.1:26379,10.0.1.2:26379", accounts: {app: orders-app}}
  - {name: shop-db, protocol: mysql, address: "shop.internal:3306", database: shop, accounts: {app: orders-app}}
roles:
  - name: developers
    resources: [orders-db]
    accounts: [app]
    groups: [shop, eng]
users:
  - {name: alice@acme.com, groups: [eng]}
  - {name: bob@acme.com, roles: [developers]}
`

// applyFile writes a file for one test.
func applyFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "access.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestApplyThenExportIsTheSame(t *testing.T) {
	m := newMachine(t)
	file := applyFile(t, shopYAML)
	plan := m.sally("", "apply", "-f", file, "--plan")
	for _, want := range []string{"+ credentials orders-app\n", "+ resources orders-db\n", `    + groups: ["eng","shop"]`, "+ users bob@acme.com\n"} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan lacks %q:\n%s", want, plan)
		}
	}
	m.refuse("there is no role", "", "admin", "roles", "show", "developers")

	if out := m.sally("", "apply", "-f", file); !strings.HasSuffix(out, "\n8 changes made\n") {
		t.Errorf("applied: %s", out)
	}
	const same = "everything is as the files say\n"
	if out := m.sally("", "apply", "-f", file); out != same {
		t.Errorf("applied again: %s", out)
	}
	exported := m.sally("", "export")
	if out := m.sally("", "apply", "-f", applyFile(t, exported), "--prune"); out != same {
		t.Errorf("what was exported differs: %s\n%s", out, exported)
	}
	changes := strings.TrimSpace(m.sally("", "audit", "count", "action:roles.create target:developers"))
	if changes != "1" {
		t.Errorf("%s events of the role's creation, want 1", changes)
	}
}

func TestApplyOrdersByNeed(t *testing.T) {
	m := newMachine(t)
	file := applyFile(t, `
roles:
  - {name: a-dba, resources: ["*"], accounts: ["*"], request: {approvers: [b-leads], approvals: 1}}
  - {name: b-leads, accounts: [], request: {approvers: [c-heads], approvals: 1}}
  - {name: c-heads, accounts: []}
`)
	if out := m.sally("", "apply", "-f", file); !strings.HasSuffix(out, "\n3 changes made\n") {
		t.Errorf("applied: %s", out)
	}
	if out := m.sally("", "apply", "-f", file); out != "everything is as the files say\n" {
		t.Errorf("applied again: %s", out)
	}
}

func TestApplyPrunesWhatNoFileNames(t *testing.T) {
	m := newMachine(t)
	m.sally("", "apply", "-f", applyFile(t, shopYAML))
	smaller := applyFile(t, `
roles: [{name: developers, resources: [orders-db], accounts: [app]}, {name: admins, admin: true, auditor: true, accounts: []}]
users: [{name: admin, roles: [admins]}, {name: bob@acme.com, roles: [developers]}]
`)
	m.refuse("nothing was changed; say --yes", "", "apply", "-f", smaller, "--prune")
	out := m.sally("", "apply", "-f", smaller, "--prune", "--yes")
	for _, want := range []string{"~ roles developers\n    - groups: [\"eng\",\"shop\"]", "- users alice@acme.com\n", "\n2 changes made"} {
		if !strings.Contains(out, want) {
			t.Errorf("lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "orders-db\n") {
		t.Errorf("a kind that the file does not name was touched:\n%s", out)
	}
}

func TestApplyRefusesWhatItDoesNotUnderstand(t *testing.T) {
	m := newMachine(t)
	for text, want := range map[string]string{
		"rolls: []":                        `there is no kind "rolls"`,
		"roles: [{name: a, acounts: [b]}]": `unknown field "acounts"`,
		"roles: [{accounts: []}]":          "a name of its own",
		"roles: [{name: a, accounts: []}, {name: a, accounts: [\"*\"]}]": "a name of its own",
		"roles: {a: b}":                       "want a list",
		"- a":                                 "want lists by kind",
		"roles: [":                            "1",
		"users: [{name: eve, roles: [gone]}]": "there is no role",
	} {
		m.refuse(want, "", "apply", "-f", applyFile(t, text))
	}
	m.refuse("name files with -f", "", "apply")
}
