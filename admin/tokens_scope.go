package admin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/access"
)

// statementClasses are those that a scope or a role may name, as in audit.Event's Class.
var statementClasses = append([]string{"read", "write", "ddl", "admin", "other"}, access.SSHClasses()...)

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
	if out.From, err = networks("scope.from", out.From); err != nil {
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

// scopeAdmits checks a scoped token that comes to the API: its networks count here as everywhere.
func scopeAdmits(scope *access.Scope, addr string) error {
	if scope == nil || fromOneOf(scope.From, addr) {
		return nil
	}
	return &access.Denial{Cause: access.WrongPlace,
		Sentence: fmt.Sprintf("this access token may be used from %s only", strings.Join(scope.From, ", "))}
}
