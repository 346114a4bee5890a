package admin_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
)

// serverRecorded is a record, and the server web-1, which alice may open by the role operators.
func serverRecorded(t *testing.T) (*recorded, who) {
	t.Helper()
	r := newRecorded(t, nil)
	root := r.start()
	r.must(root, "POST", "/credentials", object{"name": "web-login", "source": "sealed", "engine": "ssh-ca"}, 201)
	r.must(root, "POST", "/resources", object{"name": "web-1", "protocol": "ssh", "address": "10.0.0.9:22", "accounts": object{"deploy": "web-login"}}, 201)
	r.must(root, "POST", "/roles", object{"name": "operators", "resources": []string{"web-1"}, "accounts": []string{"deploy"}}, 201)
	r.must(root, "POST", "/users", object{"name": "alice", "roles": []string{"operators"}}, 201)
	return r, root
}

func TestWhatIsDoneAtServersIsExplained(t *testing.T) {
	r, root := serverRecorded(t)
	r.must(root, "PUT", "/roles/files", object{"name": "files", "resources": []string{"web-1"}, "accounts": []string{"deploy"},
		"statements": object{"classes": []string{"read", "forward"}, "tables": []string{"/srv/*", "*.internal:5432"}}}, 201)
	r.must(root, "POST", "/users", object{"name": "bob", "roles": []string{"files"}}, 201)
	for _, c := range []struct {
		user, class, table string
		allowed            bool
	}{
		{"alice", "shell", "", true},
		{"alice", "write", "/etc/hosts", true},
		{"alice", "forward", "db.internal:5432", false}, // which a role has to name
		{"bob", "shell", "", false},
		{"bob", "read", "/srv/a", true},
		{"bob", "read", "/etc/hosts", false},
		{"bob", "forward", "DB.internal:5432", true},
		{"bob", "forward", "db.internal:22", false},
	} {
		ask := object{"user": c.user, "resource": "web-1", "class": c.class}
		if c.table != "" {
			ask["tables"] = []string{c.table}
		}
		var x struct {
			Allowed  bool
			Sentence string
		}
		if r.must(root, "POST", "/access/explain", ask, 200).decode(t, &x); x.Allowed != c.allowed {
			t.Errorf("%+v: %s", c, x.Sentence)
		}
		ask["want"] = map[bool]string{true: "allow", false: "deny"}[c.allowed]
		var tested struct{ Failures []struct{ Problem string } }
		if r.must(root, "POST", "/access/test", object{"cases": []object{ask}}, 200).decode(t, &tested); len(tested.Failures) > 0 {
			t.Errorf("%+v: %v", c, tested.Failures)
		}
	}
	for want, ask := range map[string]object{
		"not both":                    {"class": "exec", "statement": "id"},
		"tables go with a class":      {"tables": []string{"/etc"}},
		`"shel" is no class of state`: {"class": "shel"},
	} {
		ask["user"], ask["resource"] = "alice", "web-1"
		if said := r.must(root, "POST", "/access/explain", ask, 422).detail(t); !strings.Contains(said, want) {
			t.Errorf("%v: %s", ask, said)
		}
	}
}

// What was done at servers is judged again by what the record says that it was: its text alone would make a command of everything.
func TestWhatWasDoneAtServersIsRehearsed(t *testing.T) {
	r, root := serverRecorded(t)
	for _, done := range []struct{ class, text, table string }{
		{"shell", "shell", ""}, {"exec", "uptime", ""}, {"read", "get /srv/a", "/srv/a"}, {"read", "get /etc/passwd", "/etc/passwd"}, {"write", "put a", ""},
	} {
		e := &audit.Event{Time: r.now(), Type: audit.StatementBegin, Class: done.class, Verdict: audit.Allow, Statement: audit.Text{Bytes: []byte(done.text)},
			Scope: audit.Scope{User: "alice", Resource: "web-1", Account: "deploy", Protocol: "ssh"}}
		if done.table != "" {
			e.Tables = []string{done.table}
		}
		if err := r.journal.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	denied := func(statements object) (samples []string) {
		t.Helper()
		var out struct {
			Events, Skipped int
			Differences     []struct{ Would, Sample string }
		}
		change := object{"to": r.now().Add(time.Minute), "roles": []object{
			{"name": "operators", "resources": []string{"web-1"}, "accounts": []string{"deploy"}, "statements": statements}}}
		r.must(root, "POST", "/access/simulate", change, 200).decode(t, &out)
		if out.Events != 5 || out.Skipped != 0 {
			t.Errorf("%v: %+v", statements, out)
		}
		for _, d := range out.Differences {
			if d.Would == "denied" {
				samples = append(samples, d.Sample)
			}
		}
		slices.Sort(samples)
		return samples
	}
	if diff := cmp.Diff([]string{"shell", "uptime"}, denied(object{"classes": []string{"read", "write"}})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"get /etc/passwd", "put a", "shell", "uptime"}, denied(object{"tables": []string{"/srv/*"}})); diff != "" {
		t.Error(diff)
	}
}
