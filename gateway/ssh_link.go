package gateway

import (
	"context"
	"errors"
	"net/http"
	"net/netip"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/link"
)

// errNoControl says that no control plane is followed.
var errNoControl = errors.New("no control plane is reached")

// askControl asks the control plane that is followed.
func (l *Link) askControl(ctx context.Context, path string, in, out any) error {
	server := l.server.Load()
	if server == nil {
		return errNoControl
	}
	return post(ctx, l.client.Load(), *server, path, in, out)
}

// BeginSSHSignIn implements Control.
func (l *Link) BeginSSHSignIn(ctx context.Context, user string, from netip.Addr) (link.SSHSignIn, error) {
	var begun link.SSHSignIn
	err := l.askControl(ctx, link.SSHSignInPath, link.BeginSSHSignIn{User: user, From: from}, &begun)
	if err = denialOf(err); err != nil && !isDenial(err) {
		l.log.Warn("SSH sign-in not begun", "error", err)
		err = &access.Denial{Cause: access.Unreachable,
			Sentence: "the control plane cannot be reached just now; try again in a moment, or sign in with a registered key or a certificate"}
	}
	return begun, err
}

// PollSSHSignIn implements Control.
func (l *Link) PollSSHSignIn(ctx context.Context, secret string) (link.SSHSignInState, error) {
	var state link.SSHSignInState
	err := l.askControl(ctx, link.SSHPollPath, link.PollSSHSignIn{Secret: secret}, &state)
	return state, denialOf(err)
}

// PinHostKey implements Control.
func (l *Link) PinHostKey(ctx context.Context, resource, session, key string) error {
	return l.askControl(ctx, link.SSHPinPath, link.PinHostKey{Resource: resource, Session: session, Key: key}, nil)
}

// CertifyHostKey is for HostKeyOptions.Certify.
func (l *Link) CertifyHostKey(ctx context.Context, public string) (string, error) {
	var answer link.HostCertificate
	err := l.askControl(ctx, link.SSHHostPath, link.CertifyHostKey{PublicKey: public}, &answer)
	return answer.Certificate, err
}

// denialOf makes a denial of what a control plane said to the person; other errors stay.
func denialOf(err error) error {
	var said *refused
	if !errors.As(err, &said) || said.status >= http.StatusInternalServerError {
		return err
	}
	d := &access.Denial{Cause: access.BadCredentials, Sentence: said.detail}
	switch said.status {
	case http.StatusTooManyRequests:
		d.Cause = access.RateLimited
	case http.StatusUnauthorized:
		d.Cause = access.Expired
	}
	return d
}

func isDenial(err error) bool {
	var d *access.Denial
	return errors.As(err, &d)
}
