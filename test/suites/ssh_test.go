package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
)

// TestRsyncAndGit runs what most people use SSH for besides shells directly and by both entrances: each must pass, and the record must have each
// command that the server has run.
func TestRsyncAndGit(t *testing.T) {
	comparePrograms(t, func() store { return &sshStore{} }, "sshd", []string{""}, runSSHPrograms)
}

func runSSHPrograms(ctx context.Context, t *testing.T, w *world, d door) map[string][]string {
	t.Helper()
	printed := make(map[string][]string)
	for file, tests := range map[string][]string{
		"rsync.sh":  {"push", "delete_on_pull", "daemon"},
		"git.sh":    {"clone", "push"},
		"editor.sh": {"script_on_stdin"},
	} {
		j := &job{lab: &lab{}, world: w, door: d, logs: t.TempDir()}
		results, err := j.runDriverBy(ctx, "bash", file, j.sshTestEnv(), tests...)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range tests {
			printed[file] = append(printed[file], test+" "+string(results[test]))
			if results[test] != passed {
				out, _ := os.ReadFile(filepath.Join(j.logs, "output.txt"))
				t.Errorf("%s of %s: %s\n%s", test, file, results[test], out)
			}
		}
	}
	return printed
}

// What sftp-server logs is looked for in the record's words.
func TestFileOperations(t *testing.T) {
	w := &sshWitness{home: "/home/alice"}
	for line, want := range map[string]string{
		`open "/srv/a" flags READ mode 0666`:                   "get /srv/a",
		`open "/srv//b" flags WRITE,CREATE,TRUNCATE mode 0644`: "put /srv/b",
		`open "notes" flags READ,WRITE mode 0666`:              "put /home/alice/notes",
		`opendir "/srv"`:                                        "list /srv",
		`remove name "/srv/a"`:                                  "remove /srv/a",
		`posix-rename old "/srv/a" new "/srv/b"`:                "rename /srv/a /srv/b",
		`rename old "/srv/a" new "/srv/b"`:                      "rename /srv/a /srv/b",
		`hardlink old "/srv/a" new "/srv/b"`:                    "link /srv/a /srv/b",
		`symlink old "a" new "/srv/b"`:                          "symlink a /srv/b",
		`mkdir name "/srv/d" mode 0777`:                         "mkdir /srv/d",
		`rmdir name "/srv/d"`:                                   "rmdir /srv/d",
		`readlink "/srv/l"`:                                     "readlink /srv/l",
		`open "/srv/a."b"" flags READ mode 0666`:                "",
		`open "/srv/a name" flags READ mode 0666`:               "",
		`close "/srv/a" bytes read 3 written 0`:                 "",
		`sent status No such file`:                              "",
		`session opened for local user alice from [127.0.0.1]`:  "",
		`debug1: request 3: open "/srv/a" flags READ mode 0666`: "",
	} {
		if got := w.operation(line); got != want {
			t.Errorf("%s: %q, not %q", line, got, want)
		}
	}
}

// A command, a file operation and a forward that the record lacks are missing, each as often as they were done.
func TestWhatTheRecordLacks(t *testing.T) {
	w, err := newSSHWitness(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{w.commands: "uptime\x00uptime\x00shell\x00cat a\nb\x00", w.files: "opendir \"/srv\"\r\nremove name \"/srv/a\"\r\n"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	recorded := &texts{left: make(map[string]int)}
	for _, e := range []audit.Event{
		{Command: "exec", Statement: audit.Text{Bytes: []byte("uptime")}}, {Command: "shell", Statement: audit.Text{Bytes: []byte("shell")}},
		{Command: "exec", Statement: audit.Text{Bytes: []byte("cat a\nb")}}, {Command: "sftp", Statement: audit.Text{Bytes: []byte("list /srv (and more)")}},
	} {
		for _, key := range w.textsOf(&e, e.Statement.String()) {
			recorded.left[key]++
		}
	}
	r := &record{}
	if err := w.compare(r, recorded); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"run uptime", "sftp remove /srv/a"}, r.missing); diff != "" || r.logged != 6 {
		t.Errorf("of %d (-want +got):\n%s", r.logged, diff)
	}
}

// What OpenSSH's own tests have their servers log of forwards is looked for in the record's words.
func TestForwardsThatServersLog(t *testing.T) {
	s := &opensshStore{inetd: &inetd{dir: t.TempDir()}}
	log := "debug1: server_request_direct_tcpip: originator 127.0.0.1 port 35786, target ::1 port 22\r\n" +
		"debug1: server_request_direct_streamlocal: originator  port 0, target /tmp/unix-3.fwd\r\n" +
		"debug1: server_input_global_request: tcpip-forward listen localhost port 3350\r\n" +
		"debug1: server_input_global_request: streamlocal-forward listen path /tmp/unix-1.fwd\r\n" +
		"debug1: server_input_global_request: rtype tcpip-forward want_reply 1\r\n"
	if err := os.WriteFile(s.inetd.log(), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	told, err := s.readLog()
	want := [][2]string{{"forward", "[::1]:22"}, {"forward", "/tmp/unix-3.fwd"}, {"listen", "localhost:3350"}, {"listen", "/tmp/unix-1.fwd"}}
	if diff := cmp.Diff(want, s.asked); diff != "" || told != 4 || err != nil {
		t.Errorf("%d, %v (-want +got):\n%s", told, err, diff)
	}
	r := &record{}
	recorded := &texts{left: map[string]int{"forward [::1]:22": 1}, once: map[string]bool{"listen localhost:3350": true}}
	if err := s.compare(r, recorded); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"forward /tmp/unix-3.fwd", "listen /tmp/unix-1.fwd"}, r.missing); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOpenSSHResult(t *testing.T) {
	for out, want := range map[string]result{
		"connect: something\nok simple connect\n":         passed,
		"+ RESULT=0\n+ echo ok scp3\nok scp3\n+ exit 0\n": passed,
		"bad SSH_CONNECTION\nfailed proxy connect\n":      failed,
		"FATAL: no sshd running on port 4242\n":           failed,
		"SKIPPED: putty interop tests not enabled\n":      skipped,
		"":                  failed,
		"test: ok so far\n": failed,
		"skipped (not supported on this platform)\n":               skipped,
		"ok one part\nssh failed with exit code 255\nfailed whole": failed,
	} {
		if got := opensshResult(out); got != want {
			t.Errorf("%q: %s, not %s", out, got, want)
		}
	}
}

func TestSSHAuditReport(t *testing.T) {
	report := map[string]any{"cves": []any{}}
	line := func(warnings ...string) map[string]any {
		return map[string]any{"algorithm": "a", "notes": map[string]any{"info": []string{"fine"}, "warn": warnings}}
	}
	for _, kind := range []string{"enc", "kex", "key", "mac"} {
		report[kind] = []any{line()}
	}
	read := func() map[string]result {
		t.Helper()
		b, err := json.Marshal(report)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readSSHAudit(b)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if diff := cmp.Diff(map[string]result{"no failure": passed, "no warning": passed, "no known weakness": passed,
		"every key exchange is post-quantum": passed}, read()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	report["mac"] = []any{line(), line("uses encrypt-and-MAC mode")}
	if got := read(); got["no warning"] != failed || got["no failure"] != passed {
		t.Errorf("with a warning: %v", got)
	}
	report["mac"], report["kex"] = []any{line()}, []any{line(noQuantum)}
	if got := read(); got["no warning"] != passed || got["every key exchange is post-quantum"] != failed {
		t.Errorf("with a key exchange of old: %v", got)
	}
	delete(report, "kex")
	b, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readSSHAudit(b); err == nil {
		t.Error("a report without key exchanges is taken for one")
	}
}
