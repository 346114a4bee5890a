package access

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
)

// compiledRole is a role, read.
type compiledRole struct {
	Role
	windows  []window
	networks []netip.Prefix
	rules    *patternRules // nil: nothing that needs tables or columns
	covers   bitset        // resources, by the engine's numbers
	held     *source       // gives the role to its holders; nil: it must be asked for
}

// source is one reason to let somebody through: a role that they hold, or a grant of one.
type source struct {
	id    string // role:NAME or grant:ID
	role  *compiledRole
	grant *Grant // nil: the role is held

	open cedarPolicy // may the session be opened?
	// gate and here are the parts of open that are the same for all resources; here is about where the client comes from
	// and how long the session lasts, which lists do not ask. nil: there is no such condition.
	gate, here *cedarPolicy
	run        cedarPolicy // may a statement run?
}

// clauseKind names a condition. They are judged in this order, and the first that fails is told.
type clauseKind int

const (
	coversResource clauseKind = iota
	givesAccount
	stillHeld
	grantRuns
	inTime
	inPlace
	notTooLong
	byPasskey
)

// clause is one condition of a source as a Cedar expression.
type clause struct {
	kind clauseKind
	node ast.Node
}

func compileRole(r *Role) (*compiledRole, error) {
	c := &compiledRole{Role: *r}
	for i := range r.When {
		w, err := readWindow(&r.When[i])
		if err != nil {
			return nil, fmt.Errorf("role %s: when: %w", r.Name, err)
		}
		c.windows = append(c.windows, w)
	}
	var err error
	if c.networks, err = readNetworks(r.From); err != nil {
		return nil, fmt.Errorf("role %s: from: %w", r.Name, err)
	}
	if c.rules, err = readPatterns(r.Statements); err != nil {
		return nil, fmt.Errorf("role %s: statements: %w", r.Name, err)
	}
	if r.Request == nil {
		c.held = newSource("role:"+r.Name, c, nil)
	}
	return c, nil
}

func readNetworks(texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil || addr.Zone() != "" {
				return nil, fmt.Errorf("%q is no network; write it as 10.0.0.0/8 or 2001:db8::/32", text)
			}
			network = netip.PrefixFrom(addr, addr.BitLen())
		}
		out = append(out, network.Masked())
	}
	return out, nil
}

func newSource(id string, r *compiledRole, g *Grant) *source {
	s := &source{id: id, role: r, grant: g}
	open := ast.Permit().ActionEq(uid(actionType, "open"))
	run := ast.Permit().ActionEq(uid(actionType, "run"))
	var gate, here *ast.Policy
	if g == nil {
		open, run = open.PrincipalIn(uid(roleType, r.Name)), run.PrincipalIn(uid(roleType, r.Name))
	} else {
		open, run = open.PrincipalEq(uid(userType, g.User)), run.PrincipalEq(uid(userType, g.User))
	}
	and := func(p *ast.Policy, node ast.Node) *ast.Policy {
		if p == nil {
			p = ast.Permit()
		}
		return p.When(node)
	}
	for _, c := range s.clauses() {
		open = open.When(c.node)
		switch c.kind {
		case stillHeld, grantRuns, inTime, byPasskey:
			gate = and(gate, c.node)
		case inPlace, notTooLong:
			here = and(here, c.node)
		}
	}
	s.open = cedarPolicy{cedar.PolicyID(id), cedar.NewPolicyFromAST(open)}
	if gate != nil {
		s.gate = &cedarPolicy{cedar.PolicyID(id), cedar.NewPolicyFromAST(gate)}
	}
	if here != nil {
		s.here = &cedarPolicy{cedar.PolicyID(id), cedar.NewPolicyFromAST(here)}
	}
	s.run = cedarPolicy{cedar.PolicyID(id), cedar.NewPolicyFromAST(run.When(r.statementNode()))}
	return s
}

// clauses are the conditions under which the source lets a session be opened.
func (s *source) clauses() []clause {
	r, g := s.role, s.grant
	ctx := ast.Context()
	out := r.reach()
	if g != nil {
		if g.Resource != "" {
			out = append(out, clause{coversResource, ast.Resource().Equal(ast.Value(uid(resourceType, g.Resource)))})
		}
		if g.Account != "" {
			out = append(out, clause{givesAccount, ctx.Access("account").Equal(ast.String(g.Account))})
		}
		if g.Request != "" {
			out = append(out, clause{stillHeld, ast.Principal().In(ast.Value(uid(roleType, r.Name)))})
		}
		out = append(out, clause{grantRuns, ctx.Access("instant").GreaterThanOrEqual(ast.Long(g.From.UnixMicro())).
			And(ctx.Access("instant").LessThan(ast.Long(g.Until.UnixMicro())))})
	}
	if len(r.windows) > 0 {
		out = append(out, clause{inTime, anyOf(r.windows, func(w window) ast.Node { return w.node() })})
	}
	if len(r.networks) > 0 {
		out = append(out, clause{inPlace, fromNetworks(r.networks)})
	}
	if r.MaxSession > 0 {
		out = append(out, clause{notTooLong, ctx.Access("session_age").LessThan(ast.Duration(time.Duration(r.MaxSession)))})
	}
	if r.MFA > 0 {
		out = append(out, clause{byPasskey, ctx.Has("mfa_age").And(ctx.Access("mfa_age").LessThanOrEqual(ast.Duration(time.Duration(r.MFA))))})
	}
	return out
}

// reach are the clauses about resources and accounts.
func (r *compiledRole) reach() []clause {
	var out []clause
	if !slices.Contains(r.Resources, "*") {
		covered := ast.False()
		if len(r.Resources) > 0 {
			covered = covered.Or(ast.Value(set(r.Resources, func(n string) cedar.Value { return uid(resourceType, n) })).Contains(ast.Resource()))
		}
		if len(r.Labels) > 0 {
			covered = covered.Or(carries(r.Labels))
		}
		out = append(out, clause{coversResource, covered})
	}
	if !slices.Contains(r.Accounts, "*") {
		out = append(out, clause{givesAccount, strSet(r.Accounts).Contains(ast.Context().Access("account"))})
	}
	return out
}

// carries says that the resource has every one of the labels. An empty value stands for a label that is missing, too.
func carries(labels map[string]string) ast.Node {
	all := ast.True()
	of := ast.Resource().Access("labels")
	for _, k := range sortedKeys(labels) {
		key, value := cedar.String(k), labels[k]
		equal := of.Has(key).And(of.Access(key).Equal(ast.String(value)))
		if value == "" {
			equal = ast.Not(of.Has(key)).Or(equal)
		}
		all = all.And(equal)
	}
	return all
}

func fromNetworks(networks []netip.Prefix) ast.Node {
	client := ast.Context().Access("client")
	return ast.Context().Has("client").And(anyOf(networks, func(n netip.Prefix) ast.Node { return client.IsInRange(ast.IPAddr(n)) }))
}

func anyOf[T any](list []T, node func(T) ast.Node) ast.Node {
	out := node(list[0])
	for _, v := range list[1:] {
		out = out.Or(node(v))
	}
	return out
}

func set(names []string, value func(string) cedar.Value) cedar.Set {
	values := make([]cedar.Value, len(names))
	for i, n := range names {
		values[i] = value(n)
	}
	return cedar.NewSet(values...)
}

func strSet(names []string) ast.Node {
	return ast.Value(set(names, func(n string) cedar.Value { return cedar.String(n) }))
}

// ends is when the source stops letting a session go on that began at started; zero: never by itself.
func (s *source) ends(now, started time.Time) time.Time {
	until := closes(s.role.windows, now)
	if s.grant != nil {
		until = earlier(until, s.grant.Until)
	}
	if s.role.MaxSession > 0 {
		until = earlier(until, started.Add(time.Duration(s.role.MaxSession)))
	}
	return until
}

// accountsAt lists the resource's accounts that the source gives, in the role's order.
func (s *source) accountsAt(res *Resource) []string {
	if s.grant == nil {
		return s.role.accountsAt(res)
	}
	if s.grant.Resource != "" && s.grant.Resource != res.Name {
		return nil
	}
	open := s.role.accountsAt(res)
	if s.grant.Account == "" {
		return open
	}
	if slices.Contains(open, s.grant.Account) {
		return []string{s.grant.Account}
	}
	return nil
}

// by names the source in a sentence.
func (s *source) by() string {
	if s.grant != nil {
		return "your grant of role " + s.role.Name
	}
	return "role " + s.role.Name
}

// bitset is a set of small numbers.
type bitset []uint64

func newBitset(n int) bitset    { return make(bitset, (n+63)/64) }
func (b bitset) add(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bitset) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

func (b bitset) fill() {
	for i := range b {
		b[i] = ^uint64(0)
	}
}

// keep takes out what is not in other; a nil other is empty.
func (b bitset) keep(other bitset) {
	for i := range b {
		if other == nil {
			b[i] = 0
		} else {
			b[i] &= other[i]
		}
	}
}
