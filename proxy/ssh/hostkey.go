package ssh

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

// hostKeys decide whether a server is the resource's. Keys that are pinned and certificates of the resource's authorities are;
// where it has neither, the first key is.
type hostKeys struct {
	resource    string
	pinned      []ssh.PublicKey
	authorities []ssh.PublicKey
	algorithms  []string // that the server may show a key by: only those that can be verified, so that it shows one of these

	seen    ssh.PublicKey
	refused error
}

// newHostKeys reads what the resource says. An error is a *proxy.Refusal.
func newHostKeys(store *access.Resource) (*hostKeys, error) {
	h := &hostKeys{resource: store.Name}
	if store.SSH != nil {
		var err error
		if h.pinned, err = parseKeys("host_keys", store.SSH.HostKeys); err != nil {
			return nil, err
		}
		if h.authorities, err = parseKeys("host_cas", store.SSH.HostCAs); err != nil {
			return nil, err
		}
	}
	switch {
	case h.learns():
		h.algorithms = plainHostKeys()
	case len(h.authorities) > 0:
		h.algorithms = certifiedHostKeys()
	}
	for _, key := range h.pinned {
		for _, algorithm := range algorithmsOf(key) {
			if !slices.Contains(h.algorithms, algorithm) {
				h.algorithms = append(h.algorithms, algorithm)
			}
		}
	}
	return h, nil
}

func parseKeys(name string, lines []string) ([]ssh.PublicKey, error) {
	var keys []ssh.PublicKey
	for _, line := range lines {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return nil, &proxy.Refusal{Sentence: "the resource's " + name + " cannot be read; an admin has to correct them", Err: err}
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// algorithmsOf are the signatures that a key may be shown by; for RSA none with SHA-1.
func algorithmsOf(key ssh.PublicKey) []string {
	if key.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{key.Type()}
}

// learns says that nothing is known of the server yet.
func (h *hostKeys) learns() bool { return len(h.pinned) == 0 && len(h.authorities) == 0 }

// check is ssh.HostKeyCallback. x/crypto calls it at each exchange of keys, once the key's signature is verified.
func (h *hostKeys) check(address string, remote net.Addr, key ssh.PublicKey) error {
	switch {
	case h.seen != nil: // at a later exchange in the same connection
		if !same(h.seen, key) {
			return h.refuse(key)
		}
		return nil
	case h.learns():
		if _, certified := key.(*ssh.Certificate); certified {
			return h.refuse(key)
		}
	case slices.ContainsFunc(h.pinned, func(known ssh.PublicKey) bool { return same(known, key) }):
	default:
		if err := h.checkCertificate(address, remote, key); err != nil {
			return err
		}
	}
	h.seen = key
	return nil
}

func (h *hostKeys) checkCertificate(address string, remote net.Addr, key ssh.PublicKey) error {
	if _, certified := key.(*ssh.Certificate); !certified || len(h.authorities) == 0 {
		return h.refuse(key)
	}
	checker := ssh.CertChecker{IsHostAuthority: func(authority ssh.PublicKey, _ string) bool {
		return slices.ContainsFunc(h.authorities, func(known ssh.PublicKey) bool { return same(known, authority) })
	}}
	err := checkNarrow(key.(*ssh.Certificate))
	if err == nil {
		err = checker.CheckHostKey(address, remote, key)
	}
	if err != nil {
		host, _, _ := net.SplitHostPort(address)
		h.refused = &proxy.Refusal{Sentence: fmt.Sprintf("the server's certificate is none that an authority of the resource's host_cas has given %s, "+
			"or it has expired; nobody is logged in before an admin has looked into it", host), Err: err}
		return h.refused
	}
	return nil
}

// checkNarrow refuses what x/crypto takes and OpenSSH does not, or no longer: certificates that are good for every host, and signatures by
// SHA-1, of which somebody else may make another (RFC 9142, section 1.1).
func checkNarrow(c *ssh.Certificate) error {
	switch {
	case len(c.ValidPrincipals) == 0:
		return errors.New("the certificate names no host")
	case !slices.Contains(ofClients(), c.Signature.Format):
		return fmt.Errorf("the certificate is signed by %s", c.Signature.Format)
	}
	return nil
}

func (h *hostKeys) refuse(key ssh.PublicKey) error {
	h.refused = &proxy.Refusal{Sentence: fmt.Sprintf("the server at the address of %s shows the host key %s, and not %s, which is known of it: somebody may be "+
		"between, or it was set up anew; nobody is logged in before %s", h.resource, describe(key), h.known(), h.remedy())}
	return h.refused
}

// remedy is what an admin does about a server whose keys are others than those that are known.
func (h *hostKeys) remedy() string {
	return "an admin has compared this with the server's own key, by ssh-keygen -lf FILE.pub on its console, and where they are the same has run: " +
		"sally admin resources set " + h.resource + " --host-key FILE.pub"
}

// disagreement says that the server has no key of a kind that can be verified, or that nothing else could be agreed upon.
func (h *hostKeys) disagreement() string {
	if h.learns() {
		return "the server and Sallyport know no algorithm in common; the server's SSH is too old"
	}
	return fmt.Sprintf("the server at the address of %s offers no host key of the kind that is known of it (%s), or no algorithm that Sallyport takes; "+
		"an admin has to look at the server, and where its keys have changed: sally admin resources set %s --host-key FILE.pub", h.resource, h.known(), h.resource)
}

// known names the keys and authorities by which the server is verified.
func (h *hostKeys) known() string {
	var names []string
	for _, key := range h.pinned {
		names = append(names, describe(key))
	}
	for _, key := range h.authorities {
		names = append(names, "one certified by "+describe(key))
	}
	if h.seen != nil {
		names = []string{describe(h.seen)}
	}
	return strings.Join(names, " or ")
}

func describe(key ssh.PublicKey) string { return key.Type() + " " + ssh.FingerprintSHA256(key) }

// pin keeps the key that was learned; it does nothing where the server was known.
func (h *hostKeys) pin(keep func(key string) error) error {
	if !h.learns() {
		return nil
	}
	if err := keep(strings.TrimSpace(string(ssh.MarshalAuthorizedKey(h.seen)))); err != nil {
		return &proxy.Refusal{Sentence: "the server's host key is not known yet, and could not be kept, or another one was meanwhile; try again", Err: err}
	}
	return nil
}

func same(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }
