package admin

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
)

// explainInput is what somebody might do.
type explainInput struct {
	User      string           `json:"user" maxLength:"128"`
	Resource  string           `json:"resource" maxLength:"128"`
	Account   string           `json:"account,omitempty" maxLength:"256" doc:"Default: the one that they would get"`
	From      string           `json:"from,omitempty" maxLength:"64" doc:"The client's address; default: not known"`
	At        time.Time        `json:"at,omitzero" doc:"When; default: now"`
	MFAAgo    *access.Duration `json:"mfa_ago,omitempty" doc:"How long before that they used a passkey; default: never"`
	Token     string           `json:"token,omitempty" maxLength:"128" doc:"ID of the access token that they show; default: none"`
	Statement string           `json:"statement,omitempty" maxLength:"131072" doc:"What they would run; default: only open a session"`
	Class     string           `json:"class,omitempty" maxLength:"16" doc:"Class of what they would do, in a statement's place: over SSH shell, read, forward and the like"`
	Tables    []string         `json:"tables,omitempty" maxItems:"100" doc:"With class: the tables that it would touch; over SSH paths, or HOST:PORT"`
}

type testInput struct {
	Cases []access.Case `json:"cases" maxItems:"10000"`
}

type testResult struct {
	Cases    int              `json:"cases" doc:"How many there were"`
	Failures []access.Failure `json:"failures"`
}

func (s *Service) registerExplain(a *api) {
	add(a, route{method: http.MethodPost, path: "/access/explain", id: "explain-access", level: reader,
		summary: "Say who could do what, and which rule decides", description: "Nothing is done, and nothing recorded."},
		func(ctx context.Context, in *answer[explainInput]) (*answer[access.Explanation], error) {
			x, err := s.explain(ctx, in.Body)
			return &answer[access.Explanation]{Body: x}, err
		})
	add(a, route{method: http.MethodPost, path: "/access/test", id: "test-access", level: reader,
		summary: "Run a table of policy tests on the present state", description: "docs/policies.md has the form of the cases."},
		func(ctx context.Context, in *answer[testInput]) (*answer[testResult], error) {
			snap, err := s.snapshot(ctx)
			if err != nil {
				return nil, err
			}
			failures := snap.Test(in.Body.Cases, s.now(), s.readStatement)
			return &answer[testResult]{Body: testResult{Cases: len(in.Body.Cases), Failures: append([]access.Failure{}, failures...)}}, nil
		})
	s.registerSimulate(a)
}

func (s *Service) explain(ctx context.Context, in explainInput) (access.Explanation, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return access.Explanation{}, err
	}
	if _, ok := snap.Users[in.User]; !ok {
		return access.Explanation{}, invalid("user", "there is no user %q", in.User)
	}
	res, ok := snap.Resources[in.Resource]
	if !ok {
		return access.Explanation{}, invalid("resource", "there is no resource %q", in.Resource)
	}
	ask := access.Ask{Identity: access.Identity{User: in.User}, Resource: in.Resource, Account: in.Account, Now: in.At}
	if in.At.IsZero() {
		ask.Now = s.now()
	}
	if in.MFAAgo != nil {
		ask.Identity.MFA = ask.Now.Add(-time.Duration(*in.MFAAgo))
	}
	if in.Token != "" {
		t, ok := snap.Tokens[in.Token]
		if !ok || t.User != in.User {
			return access.Explanation{}, invalid("token", "%s has no access token %q", in.User, in.Token)
		}
		ask.Identity.Token, ask.Identity.Expires, ask.Identity.Scope = t.ID, t.Expires, t.Scope
	}
	if in.From != "" {
		if ask.Addr, err = netip.ParseAddr(in.From); err != nil {
			return access.Explanation{}, invalid("from", "%q is no address; write one such as 10.1.2.3", in.From)
		}
	}
	facts, err := s.asked(&in, res.Protocol)
	if err != nil {
		return access.Explanation{}, err
	}
	if facts != nil {
		facts.Now = ask.Now
	}
	return snap.Explain(ask, facts)
}

// asked is what they would run; nil: nothing.
func (s *Service) asked(in *explainInput, protocol string) (*access.Statement, error) {
	switch {
	case in.Class != "" && in.Statement != "":
		return nil, invalid("class", "give a statement, or a class, not both")
	case in.Class == "" && len(in.Tables) > 0:
		return nil, invalid("tables", "tables go with a class")
	case in.Class != "" && !slices.Contains(statementClasses, in.Class):
		return nil, invalid("class", "%q is no class of statements; the classes are %s", in.Class, strings.Join(statementClasses, ", "))
	case in.Class != "":
		return &access.Statement{Class: in.Class, Tables: in.Tables, Understood: true}, nil
	case in.Statement == "":
		return nil, nil
	}
	facts, err := s.readStatement(protocol, in.Statement)
	return &facts, err
}

// readStatement tells what a text is about, where this process knows the protocol.
func (s *Service) readStatement(protocol, text string) (access.Statement, error) {
	if s.facts == nil {
		return access.Statement{}, invalid("statement", "this server cannot read statements; only whether a session may be opened can be said")
	}
	return s.facts(protocol, []byte(text))
}
