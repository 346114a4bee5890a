package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
)

// sshFlags adds the flags of SSH servers.
func sshFlags(fs *pflag.FlagSet) func(*access.Resource) error {
	hostKeys := fs.StringArray("host-key", nil, "SSH: the server's public key, or a file with its keys (repeat)")
	hostCAs := fs.StringArray("host-ca", nil, "SSH: public key of an authority whose host certificates are taken, or a file with such keys (repeat)")
	env := fs.StringSlice("env", nil, "SSH: environment variable that clients may set, with * for any characters (repeat); none: they set none; default: LANG and LC_*")
	fs.Bool("record-input", false, "SSH: record what is typed in terminals, but never while they show nothing of it; with --record-exec also what commands read on stdin")
	fs.Bool("record-exec", false, "SSH: record the output of commands without a terminal, too; with --record-input also their stdin")
	return func(r *access.Resource) error {
		if !slices.ContainsFunc([]string{"host-key", "host-ca", "env", "record-input", "record-exec"}, fs.Changed) {
			return nil
		}
		s := access.SSH{}
		if r.SSH != nil {
			s = *r.SSH
		}
		for _, l := range []struct {
			flag  string
			given []string
			into  *[]string
		}{{"host-key", *hostKeys, &s.HostKeys}, {"host-ca", *hostCAs, &s.HostCAs}} {
			if !fs.Changed(l.flag) {
				continue
			}
			*l.into = []string{} // which forgets those that are known
			for _, given := range l.given {
				keys, err := readPublicKeys(given)
				if err != nil {
					return fmt.Errorf("--%s: %w", l.flag, err)
				}
				*l.into = append(*l.into, keys...)
			}
		}
		takeList(fs, "env", *env, false, &s.Env)
		if slices.Equal(s.Env, []string{"none"}) {
			s.Env = []string{}
		}
		takeBool(fs, "record-input", &s.RecordInput)
		takeBool(fs, "record-exec", &s.RecordExec)
		r.SSH = plainSSH(&s)
		return nil
	}
}

// readPublicKeys reads a public key, or a file with one a line, as in .pub files or as ssh-keyscan tells them. Nothing gives none.
func readPublicKeys(given string) ([]string, error) {
	lines := []string{given}
	if !strings.Contains(strings.TrimSpace(given), " ") {
		if given == "" {
			return nil, nil
		}
		b, err := os.ReadFile(given)
		if err != nil {
			return nil, fmt.Errorf("read keys: %w", err)
		}
		if strings.Contains(string(b), "PRIVATE KEY-----") {
			return nil, fmt.Errorf("%s holds a private key; give the public one, which is in the file that ends in .pub", given)
		}
		lines = strings.Split(string(b), "\n")
	}
	var keys []string
	for _, line := range lines {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if _, _, options, _, err := ssh.ParseAuthorizedKey([]byte(line)); err == nil && len(options) == 0 {
			keys = append(keys, line)
			continue
		}
		marker, _, key, _, _, err := ssh.ParseKnownHosts([]byte(line))
		if err != nil || marker != "" {
			return nil, fmt.Errorf("%.60q is no public key; write it as in ssh_host_ed25519_key.pub, or name a file", line)
		}
		keys = append(keys, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))))
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("there is no public key in %s", given)
	}
	return keys, nil
}

// keepHostKeys takes over the host keys that are known, as the server does. An empty list says nothing where none is known.
func keepHostKeys(wanted, old *access.Resource) {
	wanted.KeepHostKeys(old)
	if wanted.SSH == nil || len(wanted.SSH.HostKeys) > 0 || old.SSH != nil && len(old.SSH.HostKeys) > 0 {
		return
	}
	s := *wanted.SSH
	s.HostKeys = nil
	wanted.SSH = plainSSH(&s)
}

// plainSSH brings keys into the server's form; nil: it says nothing. An empty list of host keys says that there are none.
func plainSSH(s *access.SSH) *access.SSH {
	if s == nil || s.HostKeys == nil && len(s.HostCAs) == 0 && s.Env == nil && !s.RecordInput && !s.RecordExec {
		return nil
	}
	out := *s
	for _, keys := range []*[]string{&out.HostKeys, &out.HostCAs} {
		*keys = slices.Clone(*keys)
		for i, key := range *keys {
			(*keys)[i] = strings.Join(strings.Fields(key), " ")
		}
	}
	return &out
}
