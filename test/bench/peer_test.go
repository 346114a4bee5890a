package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// forwarding is a peer by OpenSSH's own client: it logs in to the server and passes on to it what comes.
const forwarding = `#!/bin/sh
exec ssh -N -F none -i "$SALLY_BENCH_KEY" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
	-L "$SALLY_BENCH_LISTEN:$SALLY_BENCH_SERVER" -p "${SALLY_BENCH_SERVER##*:}" "$SALLY_BENCH_ACCOUNT@${SALLY_BENCH_SERVER%:*}"
`

func writeProgram(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "peer")
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestParseSSHPeers(t *testing.T) {
	o, err := parse([]string{"-cases", "ssh-true", "-ssh-peer", "one=/bin/proxy  -p 22", "-ssh-peer", "an.other-2=proxy --to=x"})
	if err != nil {
		t.Fatal(err)
	}
	want := []sshPeer{{"one", []string{"/bin/proxy", "-p", "22"}}, {"an.other-2", []string{"proxy", "--to=x"}}}
	if diff := cmp.Diff(want, o.sshPeers, cmp.AllowUnexported(sshPeer{})); diff != "" {
		t.Error(diff)
	}
	for name, bad := range map[string]struct{ cases, peer, says string }{
		"no command":     {"ssh-true", "one", "NAME=COMMAND"},
		"blank command":  {"ssh-true", "one= ", "NAME=COMMAND"},
		"no name":        {"ssh-true", "=proxy", "NAME=COMMAND"},
		"name with path": {"ssh-true", "../one=proxy", "NAME=COMMAND"},
		"name of two":    {"ssh-true", "one,two=proxy", "NAME=COMMAND"},
		"taken name":     {"ssh-true", "jump=proxy", `two targets are named "jump"`},
		"nothing to do":  {"connect", "one=proxy", "none of them is chosen"},
	} {
		if _, err := parse([]string{"-cases", bad.cases, "-ssh-peer", bad.peer}); err == nil || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := parse([]string{"-ssh-peer", "one=proxy", "-ssh-peer", "one=other"}); err == nil {
		t.Error("two peers have one name")
	}
}

func TestSSHPeer(t *testing.T) {
	l := sshLab(t)
	l.options.sshPeers = []sshPeer{{"forward", []string{writeProgram(t, forwarding)}}}
	if err := l.startSSHPeers(t.Context()); err != nil {
		t.Fatal(err)
	}
	through := l.targets[0]
	if s, err := sshBulk(t.Context(), l, through, 1); err != nil || s.cpuUS == 0 {
		t.Errorf("bulk: %+v, %v", s, err) // ssh decrypts and encrypts 64 MB
	}
	if s, err := sshTrue(t.Context(), l, through, 1); err != nil || s.p50 == 0 {
		t.Errorf("true: %+v, %v", s, err)
	}
}

// TestJumpsProcessesCount: sshd does its work in processes of its own, which end with their connection.
func TestJumpsProcessesCount(t *testing.T) {
	l := sshLab(t)
	l.targets = []target{l.jumpTarget()}
	if err := l.weigh(); err != nil {
		t.Fatal(err)
	}
	if s, err := sshBare(t.Context(), l, l.targets[0], 0); err != nil || s.kb == 0 && os.Geteuid() == 0 { // only root may know
		t.Errorf("bare: %+v, %v", s, err)
	}
	if s, err := sshBulk(t.Context(), l, l.targets[0], 1); err != nil || s.cpuUS == 0 {
		t.Errorf("bulk: %+v, %v", s, err)
	}
}

func TestSSHPeerThatDoesNotLead(t *testing.T) {
	for name, peer := range map[string]struct{ text, says string }{
		"ends":            {"#!/bin/sh\necho no configuration; exit 2\n", "no configuration"},
		"leads elsewhere": {strings.ReplaceAll(forwarding, `LISTEN:$SALLY_BENCH_SERVER"`, `LISTEN:127.0.0.1:$OTHER_SERVER"`), "does not lead to the server"},
	} {
		t.Run(name, func(t *testing.T) {
			l := sshLab(t)
			_, port, _ := strings.Cut(l.jump.Addr(), ":")
			t.Setenv("OTHER_SERVER", port)
			_, err := l.startSSHPeer(t.Context(), sshPeer{"bad", []string{writeProgram(t, peer.text)}})
			if err == nil || !strings.Contains(err.Error(), peer.says) {
				t.Errorf("says %v", err)
			}
		})
	}
}

// sshLab is a lab with SSH alone.
func sshLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{options: options{seconds: 1, sshMB: 64, sshIdle: 2}, dir: t.TempDir()}
	t.Cleanup(func() {
		if err := l.close(); err != nil {
			t.Error(err)
		}
	})
	err := l.openSSH(t.Context())
	skipWithout(t, err)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
