package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/hashicorp/vault/api"

	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/creds/sshca"
)

const (
	defaultSSHMount = "ssh"
	// certificateTTL is how long a certificate is good for. It is needed once, at login.
	certificateTTL = 3 * time.Minute
)

// errAddress is wrapped where a one-time password is for an address that is none.
var errAddress = errors.New("the server's address cannot be found")

// signSSH has Vault sign a fresh key for one session. The credential's path is the name of a role of the SSH engine; the only
// principal is the credential's username, or else the account. Where the role does not let the key ID or extensions be asked for, its
// own key_id_format and default_extensions are taken.
func (s *Source) signSSH(ctx context.Context, l *login, r creds.Request) (*creds.Lease, error) {
	path, err := pathBelow(cmp.Or(r.Credential.Mount, defaultSSHMount), "sign", r.Credential.Path)
	if err != nil {
		return nil, err
	}
	principal, err := loginOf(&r)
	if err != nil {
		return nil, err
	}
	key, public, err := sshca.NewKey()
	if err != nil {
		return nil, err
	}
	ask := map[string]any{"public_key": string(ssh.MarshalAuthorizedKey(public)), "valid_principals": principal, "cert_type": "user",
		"ttl": certificateTTL.String(), "extensions": sshca.Extensions(), "key_id": sshca.KeyID(&r)}
	answer, err := l.client.Logical().WriteWithContext(ctx, path, ask)
	for _, left := range []string{"key_id", "extensions"} { // in the order in which Vault looks at them
		if a, ok := answered(wrap("", err)); ok && a.says(left) {
			delete(ask, left)
			answer, err = l.client.Logical().WriteWithContext(ctx, path, ask)
		}
	}
	if err != nil {
		return nil, wrap("write "+path, err)
	}
	certificate, err := signedKey(answer, public)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return &creds.Lease{Secret: creds.Secret{Username: r.Credential.Username, Key: key, Certificate: certificate}}, nil
}

// signedKey is the certificate in Vault's answer.
func signedKey(answer *api.Secret, public ssh.PublicKey) ([]byte, error) {
	if answer == nil {
		return nil, errMissing
	}
	line := []byte(text(answer.Data["signed_key"]))
	parsed, _, _, _, err := ssh.ParseAuthorizedKey(line)
	certificate, ok := parsed.(*ssh.Certificate)
	if err != nil || !ok || string(certificate.Key.Marshal()) != string(public.Marshal()) {
		return nil, errFields
	}
	return line, nil
}

// readOTP has Vault make a one-time password for the server's address. The credential's path is the name of a role of the SSH
// engine. The session lives on when the password's lease ends: it is used once.
func (s *Source) readOTP(ctx context.Context, l *login, r creds.Request) (*creds.Lease, error) {
	path, err := pathBelow(cmp.Or(r.Credential.Mount, defaultSSHMount), "creds", r.Credential.Path)
	if err != nil {
		return nil, err
	}
	username, err := loginOf(&r)
	if err != nil {
		return nil, err
	}
	ip, err := resolve(ctx, r.Address)
	if err != nil {
		return nil, err
	}
	lease, err := s.lend(ctx, "write "+path, func(ctx context.Context) (*lease, creds.Secret, error) {
		asked := time.Now()
		answer, err := l.client.Logical().WriteWithContext(ctx, path, map[string]any{"ip": ip.String(), "username": username})
		if err != nil {
			return nil, creds.Secret{}, wrap("write "+path, err)
		}
		if answer == nil {
			return nil, creds.Secret{}, fmt.Errorf("write %s: %w", path, errMissing)
		}
		value := creds.Secret{Username: r.Credential.Username, Password: text(answer.Data["key"])}
		if value.Password == "" || text(answer.Data["key_type"]) != "otp" {
			return nil, creds.Secret{}, fmt.Errorf("write %s: %w", path, errFields)
		}
		x, err := borrowed("write "+path, answer, l, r.Credential.Name, asked)
		return x, value, err
	})
	if err != nil {
		return nil, err
	}
	lease.Lost = nil
	return lease, nil
}

// loginOf is the account at the server.
func loginOf(r *creds.Request) (string, error) {
	name := cmp.Or(r.Credential.Username, r.Account)
	if name == "" || strings.Contains(name, ",") { // Vault reads a list
		return "", fmt.Errorf("%q is no account's name: %w", name, errConfig)
	}
	return name, nil
}

// resolve is the IP address of host:port, the IPv4 one where there are both.
func resolve(ctx context.Context, address string) (netip.Addr, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("address %q: %w: %w", address, errAddress, err)
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("look up %q: %w: %w", host, errAddress, err)
	}
	if i := slices.IndexFunc(found, func(a netip.Addr) bool { return a.Unmap().Is4() }); i >= 0 {
		return found[i].Unmap(), nil
	}
	return found[0], nil
}
