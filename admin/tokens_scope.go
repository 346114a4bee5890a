package admin

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/access"
)

// statementClasses are those that a scope may name, as in audit.Event's Class.
var statementClasses = []string{"read", "write", "ddl", "admin", "other"}

// checkScope refuses what the scope could not mean: a typing error in it would make a token that opens nothing. It gives
// the scope in its one form: lists sorted, networks in CIDR form, nil for one that narrows nothing.
func (s *snapshot) checkScope(in *access.Scope) (*access.Scope, error) {
	if in == nil {
		return nil, nil
	}
	var out access.Scope
	var err error
	for _, l := range []struct {
		field string
		from  []string
		to    *[]string
	}{
		{"scope.resources", in.Resources, &out.Resources}, {"scope.accounts", in.Accounts, &out.Accounts},
		{"scope.statements", in.Statements, &out.Statements}, {"scope.from", in.From, &out.From},
	} {
		if *l.to, err = uniqueNames(l.field, l.from); err != nil {
			return nil, err
		}
	}
	for _, name := range out.Resources {
		if _, ok := s.Resources[name]; !ok {
			return nil, invalid("scope.resources", "there is no resource %q", name)
		}
	}
	for _, account := range out.Accounts {
		if !s.hasAccount(out.Resources, account) {
			return nil, invalid("scope.accounts", "no resource that the token may open has an account %q", account)
		}
	}
	for _, class := range out.Statements {
		if !slices.Contains(statementClasses, class) {
			return nil, invalid("scope.statements", "there is no class of statements %q; there are: %s", class, strings.Join(statementClasses, ", "))
		}
	}
	if out.From, err = networks(out.From); err != nil {
		return nil, err
	}
	if out.Resources == nil && out.Accounts == nil && out.Statements == nil && out.From == nil {
		return nil, nil
	}
	return &out, nil
}

// hasAccount looks at the named resources; at all when none is named.
func (s *snapshot) hasAccount(resources []string, account string) bool {
	for name, r := range s.Resources {
		if _, ok := r.Accounts[account]; ok && (len(resources) == 0 || slices.Contains(resources, name)) {
			return true
		}
	}
	return false
}

// networks writes each in CIDR form; an address is a network of one.
func networks(in []string) ([]string, error) {
	var out []string
	for _, text := range in {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, aerr := netip.ParseAddr(text)
			if aerr != nil || a.Zone() != "" {
				return nil, invalid("scope.from", "%q is no network; write it as 10.0.0.0/8 or 192.0.2.7", text)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		out = append(out, p.Masked().String())
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// scopeAdmits checks a scoped token that comes to the API: its networks count here as everywhere.
func scopeAdmits(scope *access.Scope, addr string) error {
	if scope == nil || fromOneOf(scope.From, addr) {
		return nil
	}
	return &access.Denial{Cause: access.WrongPlace,
		Sentence: fmt.Sprintf("this access token may be used from %s only", strings.Join(scope.From, ", "))}
}

// fromOneOf says whether the address is in one of the networks; none stand for all.
func fromOneOf(networks []string, addr string) bool {
	from, err := netip.ParseAddr(hostOf(addr))
	return len(networks) == 0 || err == nil && slices.ContainsFunc(networks, func(text string) bool {
		p, err := netip.ParsePrefix(text)
		return err == nil && p.Contains(from.Unmap().WithZone(""))
	})
}
