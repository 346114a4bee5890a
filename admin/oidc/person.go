package oidc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Why a person whom the provider knows may not sign in here.
var (
	// ErrUnverified says that the provider has not verified the address by which the person would be known.
	ErrUnverified = errors.New("the identity provider has not verified the person's email address")
	// ErrDomain says that the person's address is of a domain that may not sign in.
	ErrDomain = errors.New("the domain of the person's email address may not sign in")
)

// Bounds of a person's groups.
const (
	maxGroups    = 1000
	maxGroupName = 256 // bytes
)

// Person is who signed in, as the provider says.
type Person struct {
	Subject string // names the person at the issuer, for ever
	User    string // the name here; an address of mail is in lower case
	Email   string // verified, in lower case; empty: none
	Title   string // the name that people read
	Groups  []string
	Refresh string // refresh token; empty: the provider gave none
}

// claims are those of an ID token and of user info together.
type claims map[string]any

func (c claims) text(name string) string {
	s, _ := c[name].(string)
	return s
}

// person gathers the claims. id may be nil if subject is not empty; else subject may be.
func (p *Provider) person(ctx context.Context, found *discovered, t tokens, id *oidc.IDToken, subject string) (Person, error) {
	all := claims{}
	if id != nil {
		if subject != "" && id.Subject != subject {
			return Person{}, fmt.Errorf("%w: it is about another person", ErrUntrusted)
		}
		subject = id.Subject
		if err := id.Claims(&all); err != nil {
			return Person{}, fmt.Errorf("%w: %w", ErrUntrusted, err)
		}
	}
	if p.incomplete(all) && found.UserInfoEndpoint() != "" {
		info, err := p.userInfo(ctx, found, t)
		if err != nil {
			return Person{}, err
		}
		if info.Subject != subject { // OpenID Connect Core, section 5.3.2
			return Person{}, fmt.Errorf("%w: the user info is about another person", ErrUntrusted)
		}
		more := claims{}
		if err := info.Claims(&more); err != nil {
			return Person{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		for name, value := range more {
			if _, signed := all[name]; !signed {
				all[name] = value
			}
		}
	}
	who, err := p.read(all)
	who.Subject, who.Refresh = subject, t.Refresh
	return who, err
}

// incomplete says whether user info could tell more.
func (p *Provider) incomplete(all claims) bool {
	_, groups := all[p.config.GroupsClaim]
	_, user := all[p.config.UserClaim]
	return !groups || !user
}

// read makes a person of the claims, unless they may not sign in.
func (p *Provider) read(all claims) (Person, error) {
	who := Person{Title: all.text("name"), Email: strings.ToLower(all.text("email"))}
	if len(who.Title) > maxGroupName {
		who.Title = ""
	}
	verified, said := all["email_verified"]
	if said && verified != true && verified != "true" { // some providers write it as text
		who.Email = ""
	}
	who.User = all.text(p.config.UserClaim)
	if p.config.UserClaim == defaultUserClaim {
		if who.User != "" && who.Email == "" {
			return who, ErrUnverified
		}
		who.User = who.Email
	}
	if who.User == "" {
		return who, fmt.Errorf("%w: it has no claim %q, which user_claim names; is the scope for it asked for?", ErrUntrusted, p.config.UserClaim)
	}
	if err := p.checkDomain(who.Email); err != nil {
		return who, err
	}
	var err error
	who.Groups, err = readGroups(all[p.config.GroupsClaim])
	return who, err
}

func (p *Provider) checkDomain(email string) error {
	if len(p.config.AllowedDomains) == 0 {
		return nil
	}
	at := strings.LastIndexByte(email, '@')
	if at < 0 || !slices.ContainsFunc(p.config.AllowedDomains, func(domain string) bool {
		return strings.EqualFold(domain, email[at+1:])
	}) {
		return ErrDomain
	}
	return nil
}

// readGroups takes a list of names, or one name. What it cannot take whole it does not take in part: a rule that
// forbids a group something would not hold.
func readGroups(claim any) ([]string, error) {
	var groups []string
	switch v := claim.(type) {
	case nil:
	case string:
		groups = []string{v}
	case []any:
		for _, item := range v {
			name, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("%w: its groups are no list of names", ErrUntrusted)
			}
			groups = append(groups, name)
		}
	default:
		return nil, fmt.Errorf("%w: its groups are no list of names", ErrUntrusted)
	}
	slices.Sort(groups)
	groups = slices.Compact(groups)
	if len(groups) > maxGroups {
		return nil, fmt.Errorf("%w: it names more than %d groups; narrow them at the provider", ErrUntrusted, maxGroups)
	}
	for _, name := range groups {
		if name == "" || len(name) > maxGroupName {
			return nil, fmt.Errorf("%w: the name of one of its groups is empty or longer than %d bytes", ErrUntrusted, maxGroupName)
		}
	}
	return groups, nil
}
