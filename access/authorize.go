package access

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Authorize decides whether the identity may open the resource as the account. It goes by what the user holds now, not
// by what the identity held when it was proven. Without an account it takes the first that is open: in the order of
// roles by name, of grants, and of each role's accounts.
func (e *Engine) Authorize(a Ask) (Permit, error) {
	d, err := e.decide(&a)
	if err != nil {
		return Permit{}, err
	}
	p := d.permit()
	credential, ok := e.snapshot.Credentials[p.Credential.Name]
	if !ok {
		return Permit{}, fmt.Errorf("resource %s: account %s: no credential %s", a.Resource, p.Account, p.Credential.Name)
	}
	p.Credential = credential
	return p, nil
}

// decision is why a session may be opened.
type decision struct {
	engine  *Engine
	q       *question
	scope   *scope
	account string
	sources []*source  // that let it through
	hand    []*written // that do so, too
}

// decide is Authorize without the permit.
func (e *Engine) decide(a *Ask) (*decision, error) {
	id, err := e.present(a.Identity, a.Now)
	if err != nil {
		return nil, err
	}
	res, ok := e.snapshot.Resources[a.Resource]
	if !ok {
		return nil, e.unknownResource(id, a.Resource, a.Now)
	}
	q := e.newQuestion(id, &res, a)
	d := &decision{engine: e, q: q, scope: compileScope(&id)}
	sources := e.candidates(id.User, res.Name)
	hand := e.about(e.opens, q)
	var forbidden *Denial
	for _, account := range e.tries(q, a.Account, sources, hand) {
		v := e.ask(openPolicies(sources), hand, d.scope.rules(false), q.open(account), false)
		if v.allowed {
			d.account = account
			d.admit(v, sources, hand)
			return d, nil
		}
		if v.forbid != nil && forbidden == nil && !v.scoped {
			forbidden = e.forbidden(v, "open "+res.Name+" as "+account)
		}
	}
	return nil, e.whyNot(d, a.Account, sources, forbidden)
}

// candidates are the user's roles and grants that cover the resource.
func (e *Engine) candidates(user, resource string) []*source {
	h, number := e.users[user], e.resources[resource]
	var out []*source
	for _, list := range [][]*source{h.held, h.granted} {
		for _, s := range list {
			if s.role.covers.has(number) {
				out = append(out, s)
			}
		}
	}
	return out
}

func openPolicies(sources []*source) cedarPolicies {
	out := make(cedarPolicies, len(sources))
	for i, s := range sources {
		out[i] = s.open
	}
	return out
}

// tries are the accounts to ask Cedar about, the one wished for or else the default first: those of the roles and grants
// that are in force, and then, where a hand-written policy may permit them, the others.
func (e *Engine) tries(q *question, wish string, sources []*source, hand []*written) []string {
	if wish != "" {
		if _, ok := q.resource.Accounts[wish]; !ok {
			return nil
		}
		return []string{wish}
	}
	return e.inOrder(q.resource, e.inForce(q, sources), hand)
}

// inOrder are the accounts that may be open, the default first.
func (e *Engine) inOrder(res *Resource, inForce []*source, hand []*written) []string {
	out := accountsOf(res, inForce)
	if slices.ContainsFunc(hand, func(w *written) bool { return !w.forbid }) {
		for _, account := range e.accounts[res.Name] {
			if !slices.Contains(out, account) {
				out = append(out, account)
			}
		}
	}
	return out
}

// accountsOf are the accounts that the sources give, each once.
func accountsOf(res *Resource, sources []*source) []string {
	var out []string
	for _, s := range sources {
		if len(out) == len(res.Accounts) {
			break
		}
		for _, account := range s.accountsAt(res) {
			if !slices.Contains(out, account) {
				out = append(out, account)
			}
		}
	}
	return out
}

// inForce are those of the sources whose conditions hold, but for resource and account.
func (e *Engine) inForce(q *question, sources []*source) []*source {
	var out []*source
	request := q.open("")
	for _, s := range sources {
		if (s.gate == nil || e.holds(s.gate, request)) && (s.here == nil || q.anywhere || e.holds(s.here, request)) {
			out = append(out, s)
		}
	}
	return out
}

// admit notes what let the session through.
func (d *decision) admit(v verdict, sources []*source, hand []*written) {
	for _, s := range sources {
		if v.permits(s.open.id) {
			d.sources = append(d.sources, s)
		}
	}
	for _, w := range hand {
		if v.permits(w.id) {
			d.hand = append(d.hand, w)
		}
	}
}

func (d *decision) permit() Permit {
	q := d.q
	p := Permit{Identity: q.identity, Resource: *q.resource, Account: d.account, Started: q.started,
		Credential: Credential{Name: q.resource.Accounts[d.account]}}
	if len(d.sources) > 0 {
		first := d.sources[0]
		p.Role, p.Policy = first.role.Name, first.id
		if first.grant != nil {
			p.Grant = first.grant.ID
		}
	} else {
		p.Policy = string(d.hand[0].id)
	}
	p.Until = d.until()
	p.MaxRows = d.maxRows()
	p.statements = d.compileStatements(p.Until)
	return p
}

// until is when the last of what lets the session through ends, and the access token at the latest.
func (d *decision) until() time.Time {
	var until time.Time
	if len(d.hand) == 0 {
		for i, s := range d.sources {
			ends := s.ends(d.q.now, d.q.started)
			if ends.IsZero() {
				until = ends
				break
			}
			if i == 0 || ends.After(until) {
				until = ends
			}
		}
	}
	if d.q.identity.Token != "" {
		until = earlier(until, d.q.identity.Expires)
	}
	return until
}

func (d *decision) maxRows() int64 {
	rows := int64(-1)
	for _, s := range d.sources {
		rows = moreRows(rows, s.maxRows())
	}
	return max(rows, 0)
}

// moreRows is the larger of two limits, of which 0 is none, and below 0 nothing yet.
func moreRows(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

func (s *source) maxRows() int64 {
	if s.role.Statements == nil {
		return 0
	}
	return s.role.Statements.MaxRows
}

// suggestions bounds how many names a denial lists.
const suggestions = 10

func (e *Engine) unknownResource(id Identity, name string, now time.Time) *Denial {
	open := e.Open(id, now)
	if len(open) == 0 {
		return &Denial{Cause: UnknownResource, Sentence: fmt.Sprintf("there is no resource %s, and no resource is open to you", name)}
	}
	return &Denial{Cause: UnknownResource, Sentence: fmt.Sprintf("there is no resource %s; open to you: %s", name, some(open))}
}

// forbidden is a hand-written policy's no.
func (e *Engine) forbidden(v verdict, act string) *Denial {
	w := v.forbid
	switch {
	case v.broken != "":
		return &Denial{Cause: ForbiddenBy, Sentence: fmt.Sprintf(
			"policy %s (line %d) could not be judged, so you may not %s; tell an admin: %s", w.name, w.line, act, v.broken)}
	case w.reason != "":
		return &Denial{Cause: ForbiddenBy, Sentence: fmt.Sprintf("policy %s does not let you %s: %s", w.name, act, strings.TrimSuffix(w.reason, "."))}
	default:
		return &Denial{Cause: ForbiddenBy, Sentence: fmt.Sprintf("policy %s (line %d) does not let you %s; ask an admin about it", w.name, w.line, act)}
	}
}
