package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/link"
)

// openSecret gives a gateway the value of a sealed credential, for one session. It decides again, by its own state,
// whether the user may open the resource as the account, and whether the gateway serves the resource: the gateway's
// word is not enough. Both answers are in the record before they are given.
func (s *Service) openSecret(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	var in link.AskSecret
	if err := readLink(w, r, maxBody, &in); err != nil {
		return err
	}
	ctx := r.Context()
	permit, err := s.permitHandout(ctx, g.Name, &in)
	a := act{action: "credentials.open", target: permit.Credential.Name,
		after: map[string]string{"gateway": g.Name, "user": in.Identity.User, "resource": in.Resource, "account": in.Account, "session": in.Session}}
	if err != nil {
		a.denied = "the control plane does not agree with the gateway"
		if rerr := s.record(ctx, a); rerr != nil {
			return rerr
		}
		return err
	}
	if err := s.record(ctx, a); err != nil {
		return err
	}
	lease, err := s.links.handout.Fetch(ctx, creds.Request{Credential: permit.Credential, Session: in.Session, User: in.Identity.User,
		Resource: in.Resource, Address: permit.Resource.Address, Account: permit.Account})
	var unavailable *creds.Unavailable
	if errors.As(err, &unavailable) {
		return &refusal{status: http.StatusConflict, sentence: unavailable.Sentence}
	}
	if err != nil {
		return err
	}
	return writeLink(w, link.Secret{Credential: permit.Credential.Name, Username: lease.Secret.Username, Password: lease.Secret.Password,
		Certificate: lease.Secret.Certificate, Key: lease.Secret.Key})
}

// permitHandout decides. Of the identity that the gateway reports it takes the user, and what cannot be looked up here:
// when a passkey was used. A token counts with its own scope and time.
func (s *Service) permitHandout(ctx context.Context, gateway string, in *link.AskSecret) (access.Permit, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return access.Permit{}, err
	}
	now := s.now()
	id, err := snap.Known(in.Identity.User)
	if err != nil {
		return access.Permit{}, err
	}
	if in.Identity.Token != "" {
		t, ok := snap.Tokens[in.Identity.Token]
		if !ok || t.User != in.Identity.User {
			return access.Permit{}, &access.Denial{Cause: access.BadCredentials, Sentence: "this access token was taken back"}
		}
		if id, err = snap.AdmitToken(t, now); err != nil {
			return access.Permit{}, err
		}
	}
	id.MFA, id.SSHKey = in.Identity.MFA, in.Identity.SSHKey
	permit, err := snap.Authorize(access.Ask{Identity: id, Resource: in.Resource, Account: in.Account, Addr: in.From, Now: now})
	if err != nil {
		return access.Permit{}, err
	}
	switch {
	case len(permit.Resource.Gateways) > 0 && !slices.Contains(permit.Resource.Gateways, gateway):
		return permit, forbidden(fmt.Sprintf("the gateway %s does not serve %s", gateway, in.Resource))
	case permit.Credential.Source != sourceSealed:
		return permit, forbidden(fmt.Sprintf("the credential %s is kept in %s; configure the gateway for it", permit.Credential.Name, permit.Credential.Source))
	case s.links.handout == nil:
		return permit, forbidden("this control plane keeps no sealed credentials")
	}
	return permit, nil
}
