package admin

import (
	"regexp"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
)

// maxHostKey bounds a host key or host CA, in bytes.
const maxHostKey = 16 << 10

// envPatterns are names of environment variables, with * for any characters.
var envPatterns = regexp.MustCompile(`^[A-Za-z0-9_*]{1,128}$`)

// checkSSH refuses what an SSH server has no place for, and what only one has. It brings keys into their one form, and drops
// what says nothing.
func (p *Protocol) checkSSH(r *access.Resource) error {
	switch {
	case !p.SSH && r.SSH != nil:
		return invalid("ssh", "a resource with protocol %s is no SSH server; leave its ssh out", p.Name)
	case !p.SSH:
		return nil
	case r.Database != "":
		return invalid("database", "an SSH server has no database; leave it out")
	case r.SSLMode != "":
		return invalid("ssl_mode", "SSH has no TLS; the server is known by its host_keys, or by host_cas")
	case r.CA != "":
		return invalid("ca", "SSH has no TLS; name the keys of those who certified the server's in host_cas")
	case r.SSH == nil:
		return nil
	}
	own := *r.SSH
	r.SSH = &own
	for _, l := range []struct {
		field string
		keys  *[]string
	}{{"ssh.host_keys", &own.HostKeys}, {"ssh.host_cas", &own.HostCAs}} {
		if err := checkHostKeys(l.field, l.keys); err != nil {
			return err
		}
	}
	for _, name := range own.Env {
		if !envPatterns.MatchString(name) {
			return invalid("ssh.env", "%q is no environment variable's name; write one such as LANG, or LC_* for all that begin so", name)
		}
	}
	if saysNothing(&own) {
		r.SSH = nil
	}
	return nil
}

// saysNothing is of settings that are all as they are without any.
func saysNothing(s *access.SSH) bool {
	return len(s.HostKeys)+len(s.HostCAs) == 0 && s.Env == nil && !s.RecordInput && !s.RecordExec
}

// checkHostKeys reads each key, and leaves single spaces between kind, key and comment.
func checkHostKeys(field string, keys *[]string) error {
	var lines []string
	seen := map[string]bool{}
	for _, text := range *keys {
		if len(text) > maxHostKey {
			return invalid(field, "a key has at most %d bytes", maxHostKey)
		}
		key, err := readHostKey(text)
		if err != "" {
			return invalid(field, "%.40q: %s", text, err)
		}
		if seen[string(key.Marshal())] {
			return invalid(field, "the key %s is there twice", ssh.FingerprintSHA256(key))
		}
		seen[string(key.Marshal())] = true
		lines = append(lines, strings.Join(strings.Fields(text), " "))
	}
	*keys = lines
	return nil
}

// readHostKey reads one public key; problem is a sentence, or empty.
func readHostKey(text string) (key ssh.PublicKey, problem string) {
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(text))
	_, certified := key.(*ssh.Certificate)
	switch {
	case strings.Contains(text, "PRIVATE KEY"):
		return nil, "this is a private key, which must stay at the server; give the public one"
	case err != nil || len(options) > 0:
		return nil, "this is no public key as in ssh_host_ed25519_key.pub, which begins like: ssh-ed25519 AAAA"
	case strings.TrimSpace(string(rest)) != "":
		return nil, "this is more than one key; give each by itself"
	case certified:
		return nil, "this is a certificate; give the server's plain key, or in host_cas that of the authority"
	}
	return key, ""
}

// SSHLogins signs the certificates by which gateways log in at servers.
func (s *Service) SSHLogins() ssh.Signer { return s.authority.SSHLogins() }

// opensSSH says that nothing but an SSH server takes the credential.
func opensSSH(c *access.Credential) bool {
	return slices.Contains([]string{engineSSH, engineOTP, engineCA}, c.Engine)
}

func (s *Service) speaksSSH(r *access.Resource) bool {
	return slices.ContainsFunc(s.protocols, func(p Protocol) bool { return p.SSH && p.Name == r.Protocol })
}
