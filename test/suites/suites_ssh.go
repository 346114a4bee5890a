package main

import (
	"context"
	"path/filepath"
)

// opensshTests are those of OpenSSH's own tests that are about what passes through a connection.
var opensshTests = []string{"connect", "connect-uri", "proxy-connect", "exit-status", "exit-status-signal", "envpass", "transfer", "stderr-data",
	"stderr-after-eof", "broken-pipe", "yes-head", "agent", "scp", "scp3", "scp-uri", "sftp", "sftp-cmds", "sftp-badcmds", "sftp-batch", "sftp-glob",
	"sftp-perm", "sftp-uri", "reconfigure", "dynamic-forward", "forwarding", "multiplex", "localcommand", "forward-control", "channel-timeout",
	"connection-timeout", "host-expand", "cfgmatch", "banner", "rekey"}

// Why tests differ behind the gateway.
const (
	keysOptions = "what authorized_keys says of a person's key is not said of the gateway, which logs in by a certificate"
	ownBanner   = "a server's banner is not passed on: the person is in by then"
	ownRekeying = "the gateway offers no chacha20-poly1305, and the client does not see when the server renews its keys with the gateway"
	noPlainMAC  = "Dropbear 2022.83 has no MAC that ssh-audit has nothing against"
	ownOffer    = "the server itself offers what ssh-audit has something against"
)

// sshTests are tests of ours, which a program runs.
func sshTests(program, file string, args ...string) func(context.Context, *job) (map[string]result, error) {
	return func(ctx context.Context, j *job) (map[string]result, error) {
		if program == "python" {
			program = filepath.Join(j.cache, "venv-ssh", "bin", program)
		}
		return j.runDriverBy(ctx, program, file, j.sshTestEnv(), args...)
	}
}

func sshSuites() []*suite {
	return []*suite{
		{
			name: "openssh", title: "OpenSSH 9.2's own tests, those that go through a connection", store: "openssh",
			run: func(ctx context.Context, j *job) (map[string]result, error) { return runOpenSSH(ctx, j, opensshTests) },
			explained: map[string]string{
				"forward-control": keysOptions,
				"banner":          ownBanner,
				"rekey":           ownRekeying,
			},
		},
		{name: "rsync", title: "rsync over SSH, tests of ours", store: "ssh", run: sshTests("bash", "rsync.sh")},
		{name: "git", title: "git over SSH, tests of ours", store: "ssh", run: sshTests("bash", "git.sh")},
		{
			name: "ansible", title: "Ansible (ansible-core 2.18.19), a playbook of ours and its own tests of the connection", store: "ssh",
			run: runAnsible,
		},
		{name: "editor", title: "OpenSSH as editors use it, tests of ours", store: "ssh", run: sshTests("bash", "editor.sh")},
		{
			name: "putty", title: "PuTTY's plink, pscp and psftp, and Dropbear's dbclient, tests of ours", store: "ssh", run: sshTests("bash", "putty.sh"),
			explained: map[string]string{"dropbear_command": noPlainMAC, "dropbear_large": noPlainMAC, "dropbear_stdio": noPlainMAC},
		},
		{name: "paramiko", title: "Python: paramiko 3.5.1, tests of ours", store: "ssh", run: sshTests("python", "paramiko_test.py")},
		{name: "asyncssh", title: "Python: asyncssh 2.24.1, tests of ours", store: "ssh", run: sshTests("python", "asyncssh_test.py")},
		{name: "libssh2", title: "libssh2 (ssh2-python 1.2.0), tests of ours", store: "ssh", run: sshTests("python", "libssh2_test.py")},
		{name: "ssh2", title: "Node.js: ssh2 1.17.0, tests of ours", store: "ssh", run: sshTests("node", "ssh2.cjs")},
		{name: "jsch", title: "Java: JSch 2.27.7, tests of ours", store: "ssh", run: sshTests("java", "SSHClients.java", "jsch")},
		{name: "sshj", title: "Java: sshj 0.40.0, tests of ours", store: "ssh", run: sshTests("java", "SSHClients.java", "sshj")},
		{name: "mina", title: "Java: Apache MINA SSHD 2.19.0, tests of ours", store: "ssh", run: sshTests("java", "SSHClients.java", "mina")},
		{
			name: "ssh-audit", title: "ssh-audit 3.9.0", store: "ssh", run: runSSHAudit,
			explained: map[string]string{"no failure": ownOffer, "no warning": ownOffer},
		},
	}
}
