package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/test/servers"
)

// awayResource is a server that is away.
const awayResource = "suite-away"

// runAnsible runs our tests of Ansible, which are also told of a server that is away, and of an account that is nobody's.
func runAnsible(ctx context.Context, j *job) (map[string]result, error) {
	config, err := j.awayConfig(ctx)
	if err != nil {
		return nil, err
	}
	var denied string // directly nobody denies
	switch {
	case j.door.home != "":
		denied = "nobody"
	case !j.isDirect():
		denied = j.door.user + "/nobody"
	}
	return j.runDriverBy(ctx, "bash", "ansible.sh", append(j.sshTestEnv(), "AWAY="+awayResource, "AWAY_CONFIG="+config, "DENIED_USER="+denied))
}

func (j *job) isDirect() bool { return j.door.port == j.direct().port }

// awayConfig writes an ssh_config that leads by the door to a server that is away.
func (j *job) awayConfig(ctx context.Context) (file string, err error) {
	port, err := servers.FreePort()
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(j.door.config)
	if err != nil {
		return "", fmt.Errorf("read ssh_config: %w", err)
	}
	config := strings.ReplaceAll(string(text), resource, awayResource)
	if j.isDirect() {
		config = strings.ReplaceAll(config, "Port "+j.door.port, "Port "+strconv.Itoa(port))
	} else if _, err := j.sally.Run(ctx, nil, "admin", "resources", "add", awayResource, "--protocol", "ssh",
		"--address", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), "--account", j.direct().user+"=suite"); err != nil {
		return "", err
	}
	file = filepath.Join(j.dir, "ssh_config.away")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return "", fmt.Errorf("write ssh_config: %w", err)
	}
	return file, nil
}
