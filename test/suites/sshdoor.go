package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// sshConfig writes an ssh_config that leads OpenSSH's programs by the door to the resource's name, and to no other. The tunnel's is what
// `sally ssh-config` writes.
func (w *world) sshConfig(ctx context.Context, entrance string, d *door) error {
	d.config = filepath.Join(w.dir, "ssh_config."+entrance)
	if entrance == tunnel {
		return w.asPerson(ctx, "ssh-config", "--output", d.config)
	}
	known, err := w.knownHosts(ctx, entrance, *d)
	if err != nil {
		return err
	}
	d.known = filepath.Join(w.dir, "known_hosts."+entrance)
	if err := os.WriteFile(d.known, []byte(known+"\n"), 0o600); err != nil {
		return fmt.Errorf("write known hosts: %w", err)
	}
	block := []string{"Host " + resource, "HostName " + d.host, "Port " + d.port, `User "` + d.user + `"`, "IdentityFile " + d.key, "IdentitiesOnly yes",
		"IdentityAgent none", "UserKnownHostsFile " + d.known, "StrictHostKeyChecking yes"}
	if err := os.WriteFile(d.config, []byte(strings.Join(block, "\n    ")+"\n"), 0o600); err != nil {
		return fmt.Errorf("write ssh_config: %w", err)
	}
	return nil
}

// knownHosts is the line of known_hosts by which clients know who answers at the door.
func (w *world) knownHosts(ctx context.Context, entrance string, d door) (string, error) {
	if s, ok := w.store.(*sshStore); ok && entrance == direct {
		return fmt.Sprintf("[%s]:%s %s", d.host, d.port, s.HostKey), nil
	}
	authority, err := w.sally.Run(ctx, nil, "admin", "ssh-ca", "hosts")
	return lastLine(authority), err
}

// trustGateway has the store trust the authority by which the gateway logs in.
func (w *world) trustGateway(ctx context.Context) error {
	authority, err := w.sally.Run(ctx, nil, "admin", "ssh-ca", "logins")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(w.dir, sshAuthority), []byte(lastLine(authority)+"\n"), 0o644); err != nil {
		return fmt.Errorf("write authority: %w", err)
	}
	return nil
}

// lastLine is the last line of what a program printed.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// robot is a service account, which comes in natively by a key that is registered: clients that know no certificates can.
const robot = "suite-robot"

// sshKey makes the robot and its key.
func (w *world) sshKey(ctx context.Context) (file string, err error) {
	file = filepath.Join(w.dir, "id_native")
	if out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file).CombinedOutput(); err != nil {
		return "", fmt.Errorf("make key: %w: %s", err, out)
	}
	for _, args := range [][]string{{"users", "add", robot, "--service-account", "--role", "tester"}, {"ssh-keys", "add", robot, file + ".pub"}} {
		if _, err := w.sally.Run(ctx, nil, append([]string{"admin"}, args...)...); err != nil {
			return "", err
		}
	}
	return file, nil
}

// sshEnv is the environment in which ssh finds its way by the door: who is signed in stands below a home of its own.
func (d door) sshEnv() []string { return append(cleanEnv("SSH_"), d.personEnv()...) }

// address is host:port.
func (d door) address() string { return net.JoinHostPort(d.host, d.port) }

// sshTestEnv is what tests of ours are told of the door.
func (j *job) sshTestEnv() []string {
	d := j.door
	return append(d.sshEnv(), "HOST="+resource, "SSH_CONFIG="+d.config, "SSH_HOST="+d.host, "SSH_PORT="+d.port, "SSH_USER="+d.user, "SSH_KEY="+d.key,
		"SSH_KNOWN_HOSTS="+d.known, "SUITES="+j.cache, "SSHD_PORT="+j.direct().port, "SSHD_KEY="+j.direct().key, "SSHD_USER="+j.direct().user,
		"NODE_PATH="+filepath.Join(j.cache, "node", "node_modules"), "CLASSPATH="+filepath.Join(j.cache, "jvm", "*"))
}
