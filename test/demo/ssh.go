package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sallyport/sallyport/audit"
)

// uploaded is the file that alice brings to the server, within the directory of the run's servers.
const uploaded = "release.tar"

// showSSH runs a command, a terminal and scp through the tunnel, and a robot's command natively.
func (w *world) showSSH(ctx context.Context) error {
	say("\nServers are no different. Her own ssh asks for no key, password or fingerprint:")
	uptime := statement{resource: webResource, account: w.stores.sshd.Account, text: "uptime --pretty"}
	say("  $ sally ssh %s %s", webResource, uptime.text)
	out, err := w.asAlice(ctx, "", "ssh", webResource, uptime.text)
	if err != nil {
		return fmt.Errorf("run ssh through the tunnel: %w: %s", err, out)
	}
	say("%s", indent(out))
	w.done = append(w.done, uptime)

	w.shell = rand.Text()
	say("  $ sally ssh %s", webResource)
	if out, err = w.asAlice(ctx, "stty -echo; PS1=; echo; echo '"+w.shell+"' is on the screen; exit\n", "ssh", "-tt", webResource); err != nil {
		return fmt.Errorf("open a terminal through the tunnel: %w: %s", err, out)
	}
	w.done = append(w.done, statement{resource: webResource, account: w.stores.sshd.Account, text: "shell"})
	if err := w.showFiles(ctx); err != nil {
		return err
	}
	return w.showRobot(ctx)
}

// showFiles brings a file to the server with scp, which knows it by name.
func (w *world) showFiles(ctx context.Context) error {
	config, local := filepath.Join(w.aliceHome(), "ssh_config"), filepath.Join(w.aliceHome(), uploaded)
	if err := os.WriteFile(local, bytes.Repeat([]byte("what is released\n"), 10_000), 0o600); err != nil {
		return fmt.Errorf("write a file to copy: %w", err)
	}
	if out, err := w.asAlice(ctx, "", "ssh-config", "--output", config); err != nil {
		return fmt.Errorf("write ssh's configuration: %w: %s", err, out)
	}
	say("  $ sally ssh-config --install\n  $ scp %s %s:%s", uploaded, webResource, w.uploadedTo())
	if out, err := w.runAsAlice(ctx, "", "scp", "-F", config, local, webResource+":"+w.uploadedTo()); err != nil {
		return fmt.Errorf("copy a file through the tunnel: %w: %s", err, out)
	}
	return nil
}

func (w *world) uploadedTo() string { return filepath.Join(w.stores.dir, uploaded) }

// showRobot registers the robot's key and uses it at the native entrance, where the gateway is known by its host certificate.
func (w *world) showRobot(ctx context.Context) error {
	host, port, err := w.sally.Native("ssh")
	if err != nil {
		return err
	}
	hosts, err := w.admin(ctx, "", "ssh-ca", "hosts")
	if err != nil {
		return err
	}
	key, known := filepath.Join(w.stores.dir, "robot"), filepath.Join(w.stores.dir, "known_hosts")
	if err := os.WriteFile(known, []byte(hosts), 0o600); err != nil {
		return fmt.Errorf("write known_hosts: %w", err)
	}
	if out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		return fmt.Errorf("make the robot's key: %w: %s", err, out)
	}
	say("A robot has an SSH key of its own, and no client of ours:")
	if err := w.step(ctx, true, "", "ssh-keys", "add", robot, key+".pub"); err != nil {
		return err
	}
	say("  $ ssh -p %s '%s#%s@%s' id -un", port, robot, webResource, host)
	out, err := exec.CommandContext(ctx, "ssh", "-F", "none", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
		"-o", "UserKnownHostsFile="+known, "-p", port, "-l", robot+"#"+webResource, host, "id -un").CombinedOutput()
	if err != nil {
		return fmt.Errorf("run ssh natively: %w: %s", err, out)
	}
	say("%s", indent(string(out)))
	return nil
}

// checkSSH looks for the file's hash, the robot's command, and the words of the terminal in its recording.
func (w *world) checkSSH(ctx context.Context) error {
	content, err := os.ReadFile(w.uploadedTo())
	if err != nil {
		return fmt.Errorf("read the file that was brought: %w", err)
	}
	sum := sha256.Sum256(content)
	want := "sha256:" + hex.EncodeToString(sum[:])
	put := fmt.Sprintf("user:%s resource:%s class:write since:1h %q", alice, webResource, "put "+w.uploadedTo())
	if err := w.eventually(ctx, put, func(events []audit.Event) error {
		if len(events) == 0 || events[0].Tag != want {
			return fmt.Errorf("%d events; none with the file's hash", len(events))
		}
		return nil
	}); err != nil {
		return err
	}
	if err := w.eventually(ctx, "user:"+robot+" resource:"+webResource+` entrance:native class:exec since:1h "id -un"`, func(events []audit.Event) error {
		if len(events) == 0 {
			return errors.New("the robot's command is not on the record")
		}
		return nil
	}); err != nil {
		return err
	}
	return w.eventually(ctx, "user:"+alice+" resource:"+webResource+" class:shell done:true since:1h", func(events []audit.Event) error {
		if len(events) == 0 || events[0].Recording == nil {
			return errors.New("the terminal has no recording")
		}
		shown, err := w.sally.Run(ctx, nil, "replay", events[0].ID)
		if err == nil && !strings.Contains(shown, w.shell+" is on the screen") {
			err = errors.New("its recording does not show what it showed")
		}
		return err
	})
}
