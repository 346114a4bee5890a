package admin

import (
	"context"
	"net/http"
)

const oidcPath = "/sign-in/oidc"

// signInMethods tells the sign-in page what to offer.
type signInMethods struct {
	OIDC     *signInProvider `json:"oidc,omitempty" doc:"The identity provider; absent: none is configured"`
	Link     bool            `json:"link" doc:"One-time links, which admins make"`
	Passkey  bool            `json:"passkey" doc:"Passkeys work at the address that was asked"`
	Password bool            `json:"password" doc:"There are break-glass accounts, which sign in by password"`
}

type signInProvider struct {
	Name string `json:"name" doc:"What people call it"`
	Path string `json:"path" doc:"Where the browser is to go; return_to says where it comes back to"`
}

func (s *Service) registerSignInMethods(a *api) {
	add(a, route{method: http.MethodGet, path: "/sign-in/methods", id: "get-sign-in-methods", summary: "Show the ways to sign in", level: anyone},
		func(ctx context.Context, in *atSite) (*answer[signInMethods], error) {
			m, err := s.methods(ctx, in.At)
			return &answer[signInMethods]{Body: m}, err
		})
}

func (s *Service) methods(ctx context.Context, at site) (signInMethods, error) {
	m := signInMethods{Link: true, Passkey: s.accounts.passkeysAt(at)}
	passwords, err := s.store.Passwords(ctx)
	if err != nil {
		return m, err
	}
	m.Password = len(passwords) > 0
	if p := s.signIns.provider; p != nil {
		m.OIDC = &signInProvider{Name: p.Name(), Path: apiRoot + oidcPath}
	}
	return m, nil
}
