package gateway

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/link"
)

// Control is what the SSH entrance asks of the control plane; *admin.Service is one, and so is *Link for one that runs elsewhere.
// Errors that a person may read are *access.Denial.
type Control interface {
	// BeginSSHSignIn makes a link by which the user proves themselves in a browser.
	BeginSSHSignIn(ctx context.Context, user string, from netip.Addr) (link.SSHSignIn, error)
	// PollSSHSignIn says whether they have, once.
	PollSSHSignIn(ctx context.Context, secret string) (link.SSHSignInState, error)
	// PinHostKey keeps the host key of a resource that has none.
	PinHostKey(ctx context.Context, resource, session, key string) error
}

// SetControl tells the directory where the SSH entrance's questions go.
func (d *Directory) SetControl(c Control) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.control = c
}

// SetHostKeys tells the directory whose certificate has to be by an authority that counts.
func (d *Directory) SetHostKeys(h *HostKeys) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hostKeys = h
}

// CountsSSHHost is for HostKeyOptions.Counts. While no rules are known, or they name no authority, every one counts.
func (d *Directory) CountsSSHHost(authority string) bool {
	e := d.engine.Load()
	return e == nil || e.Snapshot().SSHAuthorities.Hosts == "" || e.Snapshot().SSHHostAuthority(authority)
}

// ask is the control plane that SetControl told of.
func (d *Directory) ask() (Control, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.control == nil {
		return nil, errors.New("no control plane is there to ask")
	}
	return d.control, nil
}

// unknownSSHKey reads the same whoever comes with it: nobody learns who is known here, or suspended.
func unknownSSHKey() error {
	return &access.Denial{Cause: access.BadCredentials,
		Sentence: "this SSH key opens nothing here; register it under My account, or get a certificate for it with: sally ssh-cert"}
}

// IdentifySSHKey names the person who may be known by the public key, which may be a certificate (*ssh.Certificate): its use in
// the connection is for the caller to verify. Users that are unknown or suspended, keys that are not registered, and certificates
// that do not count all read the same.
func (d *Directory) IdentifySSHKey(_ context.Context, user string, key ssh.PublicKey) (access.Identity, error) {
	e, err := d.present()
	if err != nil {
		return access.Identity{}, err
	}
	var id access.Identity
	if certificate, ok := key.(*ssh.Certificate); ok {
		id, err = d.identifySSHCertificate(e, user, certificate)
	} else {
		id, err = e.AdmitSSHKey(user, ssh.FingerprintSHA256(key))
	}
	if err != nil {
		return access.Identity{}, unknownSSHKey() //nolint:nilerr // the reason would tell who is known
	}
	return id, nil
}

// identifySSHCertificate looks at everything but the user first, so that it takes the same time whoever that is.
func (d *Directory) identifySSHCertificate(e *access.Engine, user string, c *ssh.Certificate) (access.Identity, error) {
	checker := ssh.CertChecker{Clock: d.now}
	switch {
	case c.CertType != ssh.UserCert || c.SignatureKey == nil || !e.Snapshot().SSHUserAuthority(authorizedKey(c.SignatureKey)):
		return access.Identity{}, errors.New("it is not of our authority")
	case c.KeyId != user || len(c.ValidPrincipals) != 1:
		return access.Identity{}, errors.New("it is another user's")
	}
	if err := checker.CheckCert(user, c); err != nil {
		return access.Identity{}, err
	}
	return e.AdmitCertified(access.SSHCertified(user, c.Serial, c.ValidAfter, c.ValidBefore, c.Extensions), d.now())
}

// SignInByLink lets the person prove themselves in a browser: show is called once, with the address to open and the code that
// stands there as well, and opened once they, and nobody else, look at it there. It returns when they have, or when the time for it is
// over or ctx ends.
func (d *Directory) SignInByLink(ctx context.Context, user string, from netip.Addr, show func(url, code string) error, opened func()) (access.Identity, error) {
	if _, err := d.present(); err != nil {
		return access.Identity{}, err
	}
	control, err := d.ask()
	if err != nil {
		return access.Identity{}, err
	}
	begun, err := control.BeginSSHSignIn(ctx, user, from)
	if err != nil {
		return access.Identity{}, err
	}
	if err := show(begun.URL, begun.Code); err != nil {
		return access.Identity{}, err
	}
	for told := false; ; {
		if !sleep(ctx, link.SSHPollEvery) {
			return access.Identity{}, ctx.Err()
		}
		state, err := control.PollSSHSignIn(ctx, begun.Secret)
		if state.Opened && !told {
			told = true
			opened()
		}
		switch {
		case err == nil && state.Done:
			return d.signedInByLink(user, state)
		case isDenial(err) || err != nil && d.now().After(begun.Expires):
			return access.Identity{}, err // other errors may be those of a moment
		}
	}
}

func (d *Directory) signedInByLink(user string, state link.SSHSignInState) (access.Identity, error) {
	e, err := d.present()
	if err != nil {
		return access.Identity{}, err
	}
	if state.User != user {
		return access.Identity{}, &access.Denial{Cause: access.BadCredentials, Sentence: "somebody else has signed in by this link"}
	}
	return e.AdmitCertified(access.Certified{User: user, Issued: state.At, From: time.Time{}, Until: state.Expires, MFA: state.MFA}, d.now())
}

// PinHostKey keeps the host key of a resource that has none, as in authorized_keys. It is on the record, with the session in which it was
// seen. An error says that another one was pinned meanwhile, or that it cannot be kept.
func (d *Directory) PinHostKey(ctx context.Context, resource, session, key string) error {
	control, err := d.ask()
	if err != nil {
		return err
	}
	return control.PinHostKey(ctx, resource, session, key)
}

// authorizedKey is the key as in authorized_keys, without the line's end.
func authorizedKey(key ssh.PublicKey) string {
	line := ssh.MarshalAuthorizedKey(key)
	return string(line[:len(line)-1])
}
