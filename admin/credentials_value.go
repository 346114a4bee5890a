package admin

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/creds"
)

// maxRounds bounds the work that a passphrase costs here: ssh-keygen's own default is 16 rounds.
const maxRounds = 200

// secret is the value as it is kept: a password, a TLS certificate with its key, or an SSH key, alone or with a certificate.
func (in secretInput) secret() (creds.Secret, error) {
	secret := creds.Secret{Username: in.Username, Password: in.Password, Certificate: []byte(in.Certificate), Key: []byte(in.Key)}
	switch {
	case in.Key == "" && in.Certificate != "":
		return creds.Secret{}, invalid("certificate", "a certificate needs its key")
	case in.Password == "" && in.Key == "":
		return creds.Secret{}, invalid("password", "give a password, a certificate with its key, or an SSH key")
	case in.Key == "" && in.Passphrase != "":
		return creds.Secret{}, invalid("passphrase", "a passphrase is that of a key; give the key, too")
	case in.Key == "":
		return secret, nil
	}
	if block, _ := pem.Decode(secret.Certificate); block != nil {
		if in.Passphrase != "" {
			return creds.Secret{}, invalid("passphrase", "only an SSH key may be encrypted; give the key of a TLS certificate without a passphrase")
		}
		if _, err := tls.X509KeyPair(secret.Certificate, secret.Key); err != nil {
			return creds.Secret{}, invalid("certificate", "certificate and key are not a pair in PEM")
		}
		return secret, nil
	}
	signer, err := in.readSSHKey(&secret)
	if err != nil {
		return creds.Secret{}, err
	}
	if in.Certificate != "" {
		if err := checkSSHCertificate(in.Certificate, signer); err != nil {
			return creds.Secret{}, err
		}
	}
	return secret, nil
}

func isPublicSSHKey(text string) bool {
	_, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
	return err == nil
}

// readSSHKey reads the private key, and puts it into the secret in OpenSSH's form without a passphrase.
func (in secretInput) readSSHKey(secret *creds.Secret) (ssh.Signer, error) {
	key, err := ssh.ParseRawPrivateKey([]byte(in.Key))
	if locked := (*ssh.PassphraseMissingError)(nil); errors.As(err, &locked) {
		switch {
		case in.Passphrase == "":
			return nil, invalid("passphrase", "the key is encrypted; give its passphrase with it (sally admin credentials: --passphrase-prompt)")
		case rounds([]byte(in.Key)) > maxRounds:
			return nil, invalid("key", "the key is encrypted in more than %d rounds; write it anew with: ssh-keygen -p -a %d -f FILE", maxRounds, maxRounds)
		}
		if key, err = ssh.ParseRawPrivateKeyWithPassphrase([]byte(in.Key), []byte(in.Passphrase)); err != nil {
			return nil, invalid("passphrase", "the passphrase does not open the key")
		}
	}
	switch {
	case err != nil && strings.HasPrefix(strings.TrimSpace(in.Key), "-----BEGIN ENCRYPTED PRIVATE KEY"):
		return nil, invalid("key", "keys that are encrypted in this form (PKCS #8) are not read; write it anew with: ssh-keygen -p -f FILE")
	case err != nil && isPublicSSHKey(in.Key):
		return nil, invalid("key", "this is a public key; the private one is in the file of that name without .pub")
	case err != nil:
		return nil, invalid("key", "this is no private key that SSH knows; it is a text that begins like: -----BEGIN OPENSSH PRIVATE KEY-----")
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, invalid("key", "SSH has no use for a key of this kind; make another with: ssh-keygen -t ed25519")
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return nil, invalid("key", "a key of this kind cannot be kept; make another with: ssh-keygen -t ed25519")
	}
	secret.Key = pem.EncodeToMemory(block)
	return signer, nil
}

// rounds is how often bcrypt hashes the passphrase of an encrypted key (OpenSSH's PROTOCOL.key); 0 for keys in other forms.
func rounds(key []byte) uint32 {
	const magic = "openssh-key-v1\x00"
	block, _ := pem.Decode(key)
	if block == nil {
		return 0
	}
	body, ok := bytes.CutPrefix(block.Bytes, []byte(magic))
	var head struct {
		Cipher, Hash, Options string
		Rest                  []byte `ssh:"rest"`
	}
	var options struct {
		Salt   string
		Rounds uint32
	}
	if !ok || ssh.Unmarshal(body, &head) != nil || ssh.Unmarshal([]byte(head.Options), &options) != nil {
		return 0
	}
	return options.Rounds
}

func checkSSHCertificate(text string, signer ssh.Signer) error {
	public, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(text))
	certificate, ok := public.(*ssh.Certificate)
	switch {
	case err != nil || !ok || len(bytes.TrimSpace(rest)) > 0:
		return invalid("certificate", "the certificate is neither PEM nor one line as in id_ed25519-cert.pub")
	case certificate.CertType != ssh.UserCert:
		return invalid("certificate", "this certificate is a host's; one for logging in is needed")
	case !bytes.Equal(certificate.Key.Marshal(), signer.PublicKey().Marshal()):
		return invalid("certificate", "certificate and key are not a pair")
	}
	return nil
}
