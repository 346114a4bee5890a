package main

import "context"

// opensshTests are those of OpenSSH's own tests that are about what passes through a connection.
var opensshTests = []string{"connect", "connect-uri", "proxy-connect", "exit-status", "exit-status-signal", "envpass", "transfer", "stderr-data",
	"stderr-after-eof", "broken-pipe", "yes-head", "agent", "scp", "scp3", "scp-uri", "sftp", "sftp-cmds", "sftp-badcmds", "sftp-batch", "sftp-glob",
	"sftp-perm", "sftp-uri", "reconfigure", "dynamic-forward", "forwarding", "multiplex", "localcommand", "forward-control", "channel-timeout",
	"connection-timeout", "host-expand", "cfgmatch", "banner", "authinfo", "forcecommand", "rekey"}

func sshSuites() []*suite {
	return []*suite{
		{
			name: "openssh", title: "OpenSSH 9.2's own tests, those that go through a connection", store: "openssh",
			run: func(ctx context.Context, j *job) (map[string]result, error) { return runOpenSSH(ctx, j, opensshTests) },
		},
		{
			name: "rsync", title: "rsync over SSH, tests of ours", store: "ssh",
			run: func(ctx context.Context, j *job) (map[string]result, error) {
				return runSSHTests(ctx, j, "bash", "rsync.sh")
			},
		},
		{
			name: "git", title: "git over SSH, tests of ours", store: "ssh",
			run: func(ctx context.Context, j *job) (map[string]result, error) {
				return runSSHTests(ctx, j, "bash", "git.sh")
			},
		},
	}
}
