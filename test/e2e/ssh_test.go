package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/test/servers"
)

// TestSSH builds the program once for all that is tested with it.
func TestSSH(t *testing.T) {
	bin := servers.BuildSally(t)
	for _, part := range []struct {
		name string
		test func(t *testing.T, bin string)
	}{
		{"commands", sshCommands}, {"shell", sshShell}, {"files", sshFiles}, {"rsync and git", sshRsyncAndGit}, {"control master", sshControlMaster},
		{"suspension", sshSuspension}, {"crash", sshCrash}, {"ssh-config", sshConfigIsInstalledAndTakenOut},
		{"signed out", sshSaysWhenTheSignInHasEnded}, {"native by certificate", sshNativeByCertificate}, {"native by key", sshNativeByKey},
		{"native by link", sshNativeByLink}, {"forwards", sshForwards}, {"what is not named is closed", sshClosed},
		{"own authority", sshOwnAuthority}, {"Vault", sshVault}, {"X11", sshX11}, {"fleet", sshFleet}, {"revocation", sshRevocation},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, bin) })
	}
}

// commandsOf are the texts of what was done, oldest first.
func commandsOf(events []audit.Event) (texts []string) {
	for _, e := range slices.Backward(events) {
		texts = append(texts, string(e.Statement.Bytes))
	}
	return texts
}

func sshCommands(t *testing.T, bin string) {
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{}, nil)

	if out, notes, status := w.ssh(server, "echo out; echo err >&2; exit 42"); out != "out\n" || notes != "err\n" || status != 42 {
		t.Errorf("printed %q, beside it %q, ended with %d", out, notes, status)
	}
	e := w.find(`resource:`+server+` class:exec "exit 42"`, 1)[0]
	if string(e.Statement.Bytes) != "echo out; echo err >&2; exit 42" || e.Account != w.sshd.Account || e.Protocol != "ssh" || e.Entrance != "tunnel" {
		t.Errorf("recorded: %+v", e)
	}
	if out, _, status := w.ssh(server, "kill -TERM $$"); out != "" || status != 255 {
		t.Errorf("killed by a signal: %q, %d; ssh's own answer is 255", out, status)
	}
	cat := w.program("ssh", "-F", w.config, server, "cat; echo end")
	cat.Stdin = strings.NewReader("what was piped\n")
	if out, _, status := w.end(cat); out != "what was piped\nend\n" || status != 0 {
		t.Errorf("piped: %q, %d", out, status)
	}
	sets := w.program("ssh", "-F", w.config, "-o", "SendEnv=LC_ALL SECRET", server, "echo $LC_ALL-$SECRET-")
	sets.Env = append(sets.Env, "LC_ALL=C.UTF-8", "SECRET=hidden")
	if out, _, _ := w.end(sets); out != "C.UTF-8--\n" {
		t.Errorf("environment: %q", out)
	}

	// Accounts that are not Alice's, and names that are nobody's, are refused in words.
	if _, notes, status := w.ssh("nobody@"+server, "true"); status != 1 || !strings.Contains(notes, "sallyport: you may not open web-1 as nobody") {
		t.Errorf("another account: %d, %q", status, notes)
	}
	w.laptop.refuse("there is no resource", "ssh", "web-2", "true")

	// sally ssh is ssh, for a person and for programs that run ssh.
	if out := w.laptop.sally("ssh", w.sshd.Account+"@"+server, "id", "-un"); out != w.sshd.Account+"\n" {
		t.Errorf("sally ssh: %q", out)
	}
	if out := w.laptop.sally("db", "connect", server, "--", "echo connected"); out != "connected\n" {
		t.Errorf("sally db connect: %q", out)
	}
}

func sshShell(t *testing.T, bin string) {
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{}, nil)
	s := w.openShell(server)
	s.types("PS1=; stty -echo; tty; echo shown-on-the-$((40+2))\n")
	s.until("shown-on-the-42")

	// An auditor sees what stands on the screen, and what comes then, to the end.
	open := w.find("resource:"+server+" class:shell", 1)[0]
	watched := make(chan string, 1)
	go func() {
		out, err := w.sally.Run(w.ctx, nil, "admin", "sessions", "watch", open.Session)
		watched <- fmt.Sprint(out, err)
	}()
	w.find("action:recordings.watch target:"+open.ID, 1)
	s.types("echo watched-$((40+3))\n")
	s.until("watched-43")
	s.types("exit 7\n")
	out := <-watched
	if !strings.Contains(out, "shown-on-the-42") || !strings.Contains(out, "watched-43") || !strings.HasSuffix(out, "<nil>") {
		t.Errorf("watched: %q", out)
	}
	if status := s.ends(); status != 7 || !strings.Contains(s.all.String(), "/dev/pts/") {
		t.Errorf("ended with %d:\n%s", status, s.all.String())
	}
	e := w.find("resource:"+server+" class:shell done:true", 1)[0]
	if e.Recording == nil || e.Tag != "exit 7" {
		t.Fatalf("the result tells of no recording: %+v", e)
	}
	out, err := w.sally.Run(w.ctx, nil, "replay", e.Session)
	if err != nil || !strings.Contains(out, "shown-on-the-42") {
		t.Errorf("replayed: %v\n%s", err, out)
	}
}

// file makes a file of random bytes on Alice's machine, and gives its sum.
func (w *sshWorld) file(name string, size int) (sum string) {
	w.t.Helper()
	content := make([]byte, size)
	_, _ = rand.Read(content) // never fails
	if err := os.WriteFile(filepath.Join(w.laptop.home, name), content, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return sumOf(content)
}

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (w *sshWorld) same(one, other string) {
	w.t.Helper()
	a, err := os.ReadFile(one)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := os.ReadFile(other)
	if err != nil {
		w.t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		w.t.Errorf("%s and %s differ", one, other)
	}
}

func sshFiles(t *testing.T, bin string) {
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{}, nil)
	there, here := t.TempDir(), w.laptop.home
	sum := w.file("data", 3<<20+17)
	at := func(name string) string { return filepath.Join(there, name) }

	for name, args := range map[string][]string{"sftp": nil, "scp": {"-O"}} {
		scp := func(from, to string) {
			w.run("scp", append(append([]string{"-F", w.config, "-q"}, args...), from, to)...)
		}
		scp("data", server+":"+at(name))
		w.same(filepath.Join(here, "data"), at(name))
		scp(server+":"+at(name), "back-"+name)
		w.same(at(name), filepath.Join(here, "back-"+name))
		put := w.find("resource:"+server+" command:"+name+` done:true "put `+at(name)+`"`, 1)[0]
		if put.Class != "write" || put.Tag != sum || put.BytesIn != 3<<20+17 {
			t.Errorf("%s: put is recorded as %s, %s, %d bytes", name, put.Class, put.Tag, put.BytesIn)
		}
		get := w.find("resource:"+server+" command:"+name+` done:true "get `+at(name)+`"`, 1)[0]
		if get.Class != "read" || get.Tag != sum || get.BytesOut != 3<<20+17 {
			t.Errorf("%s: get is recorded as %s, %s, %d bytes", name, get.Class, get.Tag, get.BytesOut)
		}
	}

	batch := filepath.Join(here, "batch")
	write(t, batch, strings.Join([]string{"mkdir " + at("d"), "put data " + at("d/one"), "chmod 640 " + at("d/one"), "rename " + at("d/one") + " " + at("d/two"),
		"symlink " + at("d/two") + " " + at("d/link"), "ls -l " + at("d"), "rm " + at("d/link"), "rm " + at("d/two"), "rmdir " + at("d")}, "\n")+"\n")
	if out := w.run("sftp", "-F", w.config, "-b", batch, server); !strings.Contains(out, "two") {
		t.Errorf("sftp:\n%s", out)
	}
	for _, text := range []string{"mkdir " + at("d"), "rename " + at("d/one") + " " + at("d/two"), "rmdir " + at("d")} {
		w.find("resource:"+server+` command:sftp type:statement "`+text+`"`, 1)
	}

	// A role that only reads.
	w.allow("read", "exec")
	denied := w.program("scp", "-F", w.config, "-q", "data", server+":"+at("never"))
	if _, notes, status := w.end(denied); status == 0 || !strings.Contains(notes, "sallyport") && !strings.Contains(notes, "Permission denied") {
		t.Errorf("put without the right to write: %d, %q", status, notes)
	}
	if _, err := os.Stat(at("never")); err == nil {
		t.Error("the file is there")
	}
	w.find("resource:"+server+` verdict:deny class:write "put `+at("never")+`"`, 1)
}

func sshRsyncAndGit(t *testing.T, bin string) {
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{}, nil)
	there, here := t.TempDir(), w.laptop.home
	if err := os.MkdirAll(filepath.Join(here, "tree/deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.file("tree/one", 1<<20)
	w.file("tree/deep/two", 100)
	w.run("rsync", "-a", "-e", "ssh -F "+w.config, "tree/", server+":"+there+"/tree/")
	w.run("rsync", "-a", "-e", w.sally.Bin+" ssh", "--delete", server+":"+there+"/tree/", "back/")
	w.same(filepath.Join(here, "tree/deep/two"), filepath.Join(here, "back/deep/two"))

	origin := filepath.Join(there, "repo.git")
	w.run("git", "init", "-q", "--bare", origin)
	url := w.sshd.Account + "@" + server + ":" + origin
	w.run("git", "clone", "-q", url, "work")
	commit := []string{"-C", "work", "-c", "user.name=Alice", "-c", "user.email=" + alice}
	w.file("work/file", 1<<20)
	w.run("git", append(commit, "add", "file")...)
	w.run("git", append(commit, "commit", "-q", "-m", "a file")...)
	w.run("git", append(commit, "push", "-q", "origin", "HEAD:refs/heads/main")...)
	w.run("git", "clone", "-q", "-b", "main", url, "again")
	w.same(filepath.Join(here, "work/file"), filepath.Join(here, "again/file"))
	w.find("resource:"+server+" class:exec type:statement git-receive-pack", 1)
}

func sshControlMaster(t *testing.T, bin string) {
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{}, nil)
	dir, err := os.MkdirTemp("", "sally-cm-") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	shared := []string{"-o", "ControlPath=" + socket}
	master := w.program("ssh", slices.Concat([]string{"-F", w.config, "-N", "-o", "ControlMaster=yes"}, shared, []string{server})...)
	if err := master.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Process.Kill(); _ = master.Wait() })
	w.eventually("the connection is shared", func() bool { _, err := os.Stat(socket); return err == nil })
	for _, words := range []string{"one", "two", "three"} {
		if out, notes, _ := w.ssh(append(slices.Clone(shared), server, "echo", words)...); out != words+"\n" {
			t.Errorf("%q, %q", out, notes)
		}
	}
	events := w.find("resource:"+server+" class:exec type:statement echo", 3)
	if got := commandsOf(events); !slices.Equal(got, []string{"echo one", "echo two", "echo three"}) {
		t.Errorf("recorded: %q", got)
	}
	if events[0].Session != events[2].Session {
		t.Error("they are of several sessions")
	}
}

// Suspending Alice ends her terminal at once.
func sshSuspension(t *testing.T, bin string) {
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{}, nil)
	s := w.openShell(server)
	s.types("echo shown-$((40+2))\n")
	s.until("shown-42")
	begun := time.Now()
	w.admin("", "users", "suspend", alice)
	if status := s.ends(); status == 0 {
		t.Errorf("the terminal ended in order:\n%s", s.all.String())
	}
	if took := time.Since(begun); took > 5*time.Second { // most of it is the admin's program
		t.Errorf("it ended after %s", took)
	}
	w.eventually("no connection is left at the server", func() bool { return len(w.sshd.Connections()) == 0 })
	w.find("resource:"+server+" type:session.end", 1)
}

// sshCrash kills the program while a terminal is open: what was on the screen is in the recording.
func sshCrash(t *testing.T, bin string) {
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{}, nil)
	s := w.openShell(server)
	s.types("stty -echo; PS1=; i=0; while :; do i=$((i+1)); echo line-$i-end; done\n")
	s.until("line-2000-end")
	if err := w.sally.Kill(); err != nil {
		t.Fatal(err)
	}
	s.ends()
	text := s.all.String()
	last := strings.LastIndex(text, "line-")
	if end := strings.LastIndex(text, "-end"); last > end {
		last = strings.LastIndex(text[:last], "line-")
	}
	shown := text[last : last+strings.Index(text[last:], "-end")+len("-end")]
	w.start()
	e := w.find("resource:"+server+" class:shell done:true", 1)[0]
	out, err := w.sally.Run(w.ctx, nil, "replay", e.Session)
	if err != nil || !strings.Contains(out, shown) {
		t.Errorf("the screen showed %s, the recording of %d bytes does not (%v)", shown, len(out), err)
	}
}

func sshConfigIsInstalledAndTakenOut(t *testing.T, bin string) {
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{}, nil)
	own := filepath.Join(w.laptop.home, ".ssh/config")
	if err := os.MkdirAll(filepath.Dir(own), 0o700); err != nil {
		t.Fatal(err)
	}
	const before = "Host old\n    HostName old.acme.com\n"
	write(t, own, before)
	w.laptop.sally("ssh-config", "--install")
	w.laptop.sally("ssh-config", "--install")
	if out := w.run("ssh", "-F", own, server+".sally", "echo by name"); out != "by name\n" {
		t.Errorf("%q", out)
	}
	if text, err := os.ReadFile(own); err != nil || strings.Count(string(text), "Include") != 1 || !strings.HasSuffix(string(text), before) {
		t.Errorf("installed twice: %v\n%s", err, text)
	}
	w.admin("", "resources", "add", "web-2", "--protocol", "ssh", "--address", w.sshd.Addr(), "--account", w.sshd.Account+"=web-login")
	w.admin("", "roles", "set", "operators", "--resource", server, "--resource", "web-2")
	w.laptop.sally("ls")
	if out := w.run("ssh", "-F", own, "web-2", "echo given later"); out != "given later\n" {
		t.Errorf("%q", out)
	}
	w.laptop.sally("ssh-config", "--uninstall")
	if text, err := os.ReadFile(own); err != nil || string(text) != before {
		t.Errorf("taken out: %v\n%s", err, text)
	}
}

// Nobody is left to guess what to do once the sign-in has ended.
func sshSaysWhenTheSignInHasEnded(t *testing.T, bin string) {
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{}, nil)
	w.laptop.sally("logout")
	_, notes, status := w.ssh(server, "true")
	if status != 255 || !strings.Contains(notes, "sally login") {
		t.Errorf("%d, %q", status, notes)
	}
}
