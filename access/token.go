package access

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
)

// present is the identity as the snapshot knows it now: the user must still be there, and so must the access token or the
// SSH key that proved it. What a certificate proved outlives the certificate.
func (e *Engine) present(id Identity, now time.Time) (Identity, error) {
	known, err := e.Known(id.User)
	if err != nil {
		return Identity{}, err
	}
	if !id.Issued.IsZero() && !id.Issued.After(e.snapshot.Users[id.User].CertificatesValidFrom) {
		return Identity{}, &Denial{Cause: Expired, Sentence: "the sign-in that this session came from has ended; run: sally login"}
	}
	if k, ok := e.snapshot.SSHKeys[id.SSHKey]; id.SSHKey != "" && (!ok || k.User != id.User) {
		return Identity{}, &Denial{Cause: Expired, Sentence: "the SSH key by which you signed in was removed"}
	}
	known.Expires, known.Issued, known.MFA, known.Token, known.SSHKey, known.Scope = id.Expires, id.Issued, id.MFA, id.Token, id.SSHKey, id.Scope
	if id.Token == "" {
		return known, nil
	}
	t, ok := e.snapshot.Tokens[id.Token]
	if !ok || t.User != id.User {
		return Identity{}, &Denial{Cause: Expired, Sentence: "your access token was deleted; ask an admin for a new one"}
	}
	if !t.Expires.IsZero() && !now.Before(t.Expires) {
		return Identity{}, expiredToken(&t)
	}
	known.Expires, known.Scope = t.Expires, t.Scope
	return known, nil
}

func expiredToken(t *Token) *Denial {
	return &Denial{Cause: Expired,
		Sentence: fmt.Sprintf("your access token expired at %s; ask an admin for a new one", t.Expires.Format(time.RFC3339))}
}

// scope is what a Scope compiles to.
type scope struct {
	*Scope
	open []scopeRule
	run  cedarPolicies
}

// scopeRule forbids what lies outside of one part of a scope.
type scopeRule struct {
	part string // resources, accounts or from
	cedarPolicy
}

// compileScope compiles what narrows an identity. A network that cannot be read lets nobody in.
func compileScope(id *Identity) *scope {
	if id.Scope == nil {
		return &scope{Scope: &Scope{}}
	}
	s := &scope{Scope: id.Scope}
	forbid := func(part string, action string, unless ast.Node) cedarPolicy {
		return cedarPolicy{cedar.PolicyID("token:" + id.Token + "/" + part),
			cedar.NewPolicyFromAST(ast.Forbid().ActionEq(uid(actionType, action)).Unless(unless))}
	}
	open := func(part string, unless ast.Node) {
		s.open = append(s.open, scopeRule{part, forbid(part, "open", unless)})
	}
	if len(s.Resources) > 0 {
		named := set(s.Resources, func(n string) cedar.Value { return uid(resourceType, n) })
		open("resources", ast.Value(named).Contains(ast.Resource()))
	}
	if len(s.Accounts) > 0 {
		open("accounts", strSet(s.Accounts).Contains(ast.Context().Access("account")))
	}
	if len(s.From) > 0 {
		inside := ast.False()
		if networks, err := readNetworks(s.From); err == nil {
			inside = fromNetworks(networks)
		}
		open("from", inside)
	}
	if len(s.Statements) > 0 {
		s.run = append(s.run, forbid("statements", "run",
			strSet(slices.Concat(s.Statements, alwaysRuns())).Contains(ast.Context().Access("class"))))
	}
	return s
}

// rules are the forbids about opening; anywhere leaves out the one about networks.
func (s *scope) rules(anywhere bool) cedarPolicies {
	var out cedarPolicies
	for _, r := range s.open {
		if r.part != "from" || !anywhere {
			out = append(out, r.cedarPolicy)
		}
	}
	return out
}

// denial says which part of the scope forbids; nil: none does.
func (s *scope) denial(e *Engine, q *question, account string) *Denial {
	for _, rule := range s.open {
		if _, d := cedar.Authorize(cedarPolicies{rule.cedarPolicy}, e.entities, q.open(account)); len(d.Reasons) == 0 {
			continue
		}
		switch rule.part {
		case "resources":
			return &Denial{Cause: OutOfScope, Sentence: fmt.Sprintf(
				"your access token does not open %s, only %s; use another token, or ask an admin for one", q.resource.Name, some(s.Resources))}
		case "accounts":
			return &Denial{Cause: OutOfScope, Sentence: fmt.Sprintf(
				"your access token does not open %s as %s, only as %s; use another token, or ask an admin for one", q.resource.Name, account, some(s.Accounts))}
		default:
			return &Denial{Cause: WrongPlace, Sentence: fmt.Sprintf(
				"your access token may be used from %s only, and you come from %s", some(s.From), place(q.from))}
		}
	}
	return nil
}

func place(from netip.Addr) string {
	if !from.IsValid() {
		return "an unknown address"
	}
	return from.String()
}

// some lists names, the first ones if there are many.
func some(names []string) string {
	if len(names) > suggestions {
		return strings.Join(names[:suggestions], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}
