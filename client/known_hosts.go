package client

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// KnownHosts gives the path of the known_hosts file by which ssh knows the profile's gateways, and sees to it that it holds the authority of
// their host certificates.
func (s *Store) KnownHosts(p *Profile) (string, error) {
	if p.SSHHosts == "" {
		return "", errors.New("this sign-in is from before your server had SSH; sign in again: sally login")
	}
	path := s.sshPath(p.Name + ".known_hosts")
	content := []byte("@cert-authority " + GatewayName + " " + p.SSHHosts + "\n")
	if p.SSHHostsOther != "" {
		content = append(content, "@cert-authority "+GatewayName+" "+p.SSHHostsOther+"\n"...)
	}
	if present, err := os.ReadFile(path); err == nil && bytes.Equal(present, content) {
		return path, nil
	}
	if err := privateDir(s.sshPath("")); err != nil {
		return "", fmt.Errorf("keep authority of SSH hosts: %w", err)
	}
	if err := ReplaceFile(path, content); err != nil {
		return "", fmt.Errorf("keep authority of SSH hosts: %w", err)
	}
	return path, nil
}

// SSHConfig is the path of the ssh_config that names the profile's servers.
func (s *Store) SSHConfig(profile string) string { return s.sshPath(profile + ".config") }

func (s *Store) sshPath(name string) string { return filepath.Join(s.dir, "ssh", name) }
