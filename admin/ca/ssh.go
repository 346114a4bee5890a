package ca

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
)

// SSHHostLifetime is how long a gateway's host certificate is good for. Nothing takes it back from clients that know the authority, so it
// is short: a gateway that was removed gets no other.
const SSHHostLifetime = 24 * time.Hour

// sshAuthorities sign SSH certificates, each of one kind. They follow from the root's private key, so that whoever has that has
// them, and nothing more is kept; none of them is that key, nor tells of it or of the others.
type sshAuthorities struct {
	users, hosts, logins ssh.Signer
}

// UseSSH signs from here on by the keys whose numbers these are, and gives their public halves; it fills in the keys that count besides.
func (a *Authority) UseSSH(r *access.SSHRotations) (access.SSHAuthorities, error) {
	var next sshAuthorities
	for _, one := range []struct {
		purpose  string
		rotation *access.SSHRotation
		into     *ssh.Signer
	}{{"users", &r.Users, &next.users}, {"hosts", &r.Hosts, &next.hosts}, {"logins", &r.Logins, &next.logins}} {
		var err error
		if *one.into, err = a.deriveSSH(one.purpose, one.rotation.Signs); err != nil {
			return access.SSHAuthorities{}, err
		}
		one.rotation.OtherKey = ""
		if one.rotation.Other == 0 {
			continue
		}
		other, err := a.deriveSSH(one.purpose, one.rotation.Other)
		if err != nil {
			return access.SSHAuthorities{}, err
		}
		one.rotation.OtherKey = SSHLine(other.PublicKey())
	}
	a.ssh.Store(&next)
	return a.SSH(), nil
}

// firstSSH are the keys of an authority that was never rotated.
func firstSSH() *access.SSHRotations {
	first := access.SSHRotation{Signs: 1}
	return &access.SSHRotations{Users: first, Hosts: first, Logins: first}
}

// deriveSSH makes the SSH authority's key of that number from the root's private key.
func (a *Authority) deriveSSH(purpose string, number int) (ssh.Signer, error) {
	secret, err := a.key.Bytes()
	if err != nil {
		return nil, fmt.Errorf("read root key: %w", err)
	}
	info := fmt.Sprintf("sallyport ssh %s v%d", purpose, number)
	seed, err := hkdf.Key(sha256.New, secret, nil, info, ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("derive %s: %w", info, err)
	}
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		return nil, fmt.Errorf("derive %s: %w", info, err)
	}
	return signer, nil
}

// SSHUsers signs people's certificates for the native SSH entrance.
func (a *Authority) SSHUsers() ssh.Signer { return a.ssh.Load().users }

// SSHHosts signs the gateways' host certificates.
func (a *Authority) SSHHosts() ssh.Signer { return a.ssh.Load().hosts }

// SSHLogins signs the certificates by which gateways log in at servers.
func (a *Authority) SSHLogins() ssh.Signer { return a.ssh.Load().logins }

// SSH tells the authorities' public keys.
func (a *Authority) SSH() access.SSHAuthorities {
	line := func(s ssh.Signer) string { return SSHLine(s.PublicKey()) }
	present := a.ssh.Load()
	return access.SSHAuthorities{Users: line(present.users), Hosts: line(present.hosts), Logins: line(present.logins)}
}

// IssueSSHUser certifies the public key for the identity from now until then, for the native SSH entrance of Sallyport's
// gateways alone: key ID and only principal are the user's name, and nothing is permitted that another server would ask for.
// When they last used a passkey, and the access token that proved them, stand in extensions (access.SSHExtensions). It
// lasts MaxUserLifetime at most.
func (a *Authority) IssueSSHUser(id access.Identity, public ssh.PublicKey, now, until time.Time) (*ssh.Certificate, error) {
	if lifetime := until.Sub(now); lifetime <= 0 || lifetime > MaxUserLifetime {
		return nil, fmt.Errorf("lifetime %s: more than none and at most %s", lifetime, MaxUserLifetime)
	}
	certificate := newSSHCertificate(ssh.UserCert, id.User, []string{id.User}, public, now, until)
	certificate.Extensions = access.SSHExtensions(id)
	return certificate, sign(certificate, a.SSHUsers())
}

// IssueSSHHost certifies a gateway's host key for the names by which clients know it, for SSHHostLifetime.
func (a *Authority) IssueSSHHost(gateway string, names []string, public ssh.PublicKey, now time.Time) (*ssh.Certificate, error) {
	if len(names) == 0 {
		return nil, errors.New("a host certificate without names would be good for every host")
	}
	certificate := newSSHCertificate(ssh.HostCert, "gateway:"+gateway, names, public, now, now.Add(SSHHostLifetime))
	return certificate, sign(certificate, a.SSHHosts())
}

// newSSHCertificate makes a certificate whose serial number, which access.SSHCertified reads, is the time of issue in
// microseconds.
func newSSHCertificate(kind uint32, id string, principals []string, public ssh.PublicKey, now, until time.Time) *ssh.Certificate {
	return &ssh.Certificate{
		Key: public, Serial: uint64(now.UnixMicro()), CertType: kind, KeyId: id, ValidPrincipals: principals,
		ValidAfter: uint64(now.Add(-skew).Unix()), ValidBefore: uint64(until.Unix()),
	}
}

func sign(certificate *ssh.Certificate, by ssh.Signer) error {
	if err := certificate.SignCert(rand.Reader, by); err != nil {
		return fmt.Errorf("sign SSH certificate: %w", err)
	}
	return nil
}

// minSSHRSABits is what auditors of SSH ask for today; certificates of TLS clients go by minRSABits.
const minSSHRSABits = 3072

// ParseSSHKey reads a public key as it stands in id_ed25519.pub, and gives the comment behind it. Errors are sentences for the
// person who sent it.
func ParseSSHKey(text string) (public ssh.PublicKey, comment string, err error) {
	if strings.Contains(text, "PRIVATE KEY") {
		return nil, "", errors.New("this is a private key, which must stay where it is; the public one is in the file that ends in .pub")
	}
	public, comment, options, rest, err := ssh.ParseAuthorizedKey([]byte(text))
	switch {
	case err != nil:
		return nil, "", errors.New("this is no public key of SSH's; it is one line that begins like: ssh-ed25519 AAAA")
	case strings.TrimSpace(string(rest)) != "":
		return nil, "", errors.New("this is more than one key; give one line")
	case len(options) > 0:
		return nil, "", errors.New("there are options before the key; give the key alone")
	}
	return public, comment, checkSSHStrength(public)
}

func checkSSHStrength(public ssh.PublicKey) error {
	switch public.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return nil
	case ssh.KeyAlgoRSA:
		if bits := rsaBits(public); bits < minSSHRSABits {
			return fmt.Errorf("the RSA key is too small: it has %d bits; make another with: ssh-keygen -t ed25519", bits)
		}
		return nil
	}
	return fmt.Errorf("keys of the kind %s are not taken; make another with: ssh-keygen -t ed25519", public.Type())
}

// rsaBits is the size of an RSA key's modulus (RFC 4253, section 6.6).
func rsaBits(public ssh.PublicKey) int {
	var key struct {
		Kind string
		E, N *big.Int
	}
	if err := ssh.Unmarshal(public.Marshal(), &key); err != nil {
		return 0
	}
	return key.N.BitLen()
}

// SSHLine is a key or a certificate as a line of authorized_keys, without its end.
func SSHLine(public ssh.PublicKey) string {
	return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(public)), "\n")
}
