package access

import (
	"errors"
	"fmt"
	"time"

	"github.com/cedar-policy/cedar-go"
)

// Explanation is a decision with everything that led to it.
type Explanation struct {
	Allowed  bool   `json:"allowed"`
	Sentence string `json:"sentence" doc:"What the person is told, or by what they are let through"`
	Cause    Cause  `json:"cause,omitempty" doc:"Why not"`
	// Account is the one that was asked for, or the default.
	Account string `json:"account,omitempty"`
	// Policies decided: role:NAME, grant:ID, policy:NAME#n or token:ID/part.
	Policies []string  `json:"policies,omitempty" doc:"IDs of the Cedar policies that decided"`
	Role     string    `json:"role,omitempty"`
	Grant    string    `json:"grant,omitempty"`
	Until    time.Time `json:"until,omitzero" doc:"When the session would end"`
	MaxRows  int64     `json:"max_rows,omitempty"`
	// Considered are all roles, grants and policies that are about the user and the resource.
	Considered []Consideration `json:"considered"`
}

// Consideration is what became of one role, grant or policy.
type Consideration struct {
	Policy  string `json:"policy" doc:"role:NAME, grant:ID or policy:NAME#n"`
	Effect  string `json:"effect" enum:"permit,forbid"`
	Applies bool   `json:"applies"`
	Why     string `json:"why"`
}

// Explain decides as Authorize does, and as Judge does if s is not nil, and says why. It fails where Authorize would fail
// with what is no *Denial.
func (e *Engine) Explain(a Ask, s *Statement) (Explanation, error) {
	var x Explanation
	p, err := e.Authorize(a)
	var denied *Denial
	switch {
	case errors.As(err, &denied):
	case err != nil:
		return x, err
	default:
		x.Allowed, x.Account, x.Role, x.Grant, x.Until, x.MaxRows = true, p.Account, p.Role, p.Grant, p.Until, p.MaxRows
		x.Policies = []string{p.Policy}
		x.Sentence = fmt.Sprintf("%s may open %s as %s by %s", a.Identity.User, a.Resource, p.Account, p.Policy)
	}
	x.Considered = e.consider(&a, p.Account)
	if denied != nil {
		for _, c := range x.Considered {
			if c.Applies && c.Effect == "forbid" {
				x.Policies = append(x.Policies, c.Policy)
			}
		}
	} else if s != nil {
		denied = e.explainStatement(&x, &p, s)
	}
	if denied != nil {
		x.Allowed, x.Cause, x.Sentence = false, denied.Cause, denied.Sentence
	}
	return x, nil
}

// consider goes through everything that has a say in whether the session is opened. account is the one that was; empty:
// the one asked for, or the default.
func (e *Engine) consider(a *Ask, account string) []Consideration {
	out := []Consideration{}
	id, err := e.present(a.Identity, a.Now)
	res, ok := e.snapshot.Resources[a.Resource]
	if err != nil || !ok {
		return out
	}
	q := e.newQuestion(id, &res, a)
	sources := e.candidates(id.User, res.Name)
	hand := e.about(e.opens, q)
	wish := account
	if wish == "" {
		wish = a.Account
	}
	for _, s := range sources {
		out = append(out, e.considerSource(q, wish, s))
	}
	for _, role := range e.users[id.User].asked {
		if role.covers.has(e.resources[res.Name]) {
			out = append(out, Consideration{"role:" + role.Name, "permit", false, fmt.Sprintf("must be asked for: %s",
				howToAsk(res.Name, a.Account, role.Name))})
		}
	}
	if wish == "" {
		if tries := e.tries(q, "", sources, hand); len(tries) > 0 {
			wish = tries[0]
		}
	}
	if rule := compileScope(&id).denial(e, q, wish); rule != nil {
		out = append(out, Consideration{"token:" + id.Token, "forbid", true, rule.Sentence})
	}
	return append(out, e.considerHand(hand, q.open(wish))...)
}

func (e *Engine) considerSource(q *question, wish string, s *source) Consideration {
	c := Consideration{Policy: s.id, Effect: "permit", Applies: true, Why: "all its conditions hold"}
	if r := e.refusal(q, wish, s); r != nil {
		c.Applies, c.Why = false, r.denial.Sentence
	}
	return c
}

func (e *Engine) considerHand(hand []*written, r cedar.Request) []Consideration {
	var out []Consideration
	for _, w := range hand {
		c := Consideration{Policy: string(w.id), Effect: "permit"}
		if w.forbid {
			c.Effect = "forbid"
		}
		_, d := cedar.Authorize(cedarPolicies{w.cedarPolicy}, e.entities, r)
		switch {
		case len(d.Errors) > 0:
			c.Applies, c.Why = w.forbid, fmt.Sprintf("line %d: it could not be judged: %s", w.line, d.Errors[0].Message)
		case len(d.Reasons) > 0:
			c.Applies, c.Why = true, fmt.Sprintf("line %d: its conditions hold", w.line)
			if w.reason != "" {
				c.Why += ": " + w.reason
			}
		default:
			c.Why = fmt.Sprintf("line %d: its conditions do not hold", w.line)
		}
		out = append(out, c)
	}
	return out
}

// explainStatement goes on from the session to the statement; the denial is nil if it may run.
func (e *Engine) explainStatement(x *Explanation, p *Permit, s *Statement) *Denial {
	ruling, denied := p.Judge(s)
	x.Policies, x.MaxRows = nil, ruling.MaxRows
	if ruling.Policy != "" {
		x.Policies = []string{ruling.Policy}
	}
	x.Sentence += fmt.Sprintf(", and run this statement by %s", ruling.Policy)
	r := p.statements
	if r == nil {
		return denied
	}
	t := touchedBy(s, r.decision.q.resource)
	request := r.request
	request.Context = cedar.NewRecord(r.facts(s, &t, r.find(&t)))
	for _, source := range r.sources {
		c := Consideration{Policy: source.id, Effect: "permit", Applies: true, Why: "lets the session be opened and the statement run"}
		if kind, fails := r.firstFailing(source, request, s); fails {
			c.Applies, c.Why = false, source.refuses(kind, s, &t)
		}
		x.put(c)
	}
	if denied != nil && denied.Cause == OutOfScope {
		x.put(Consideration{ruling.Policy, "forbid", true, denied.Sentence})
	}
	for _, c := range e.considerHand(r.hand, request) {
		x.put(c)
	}
	return denied
}

// put adds a consideration, or puts it in the place of what was said of the same policy before.
func (x *Explanation) put(c Consideration) {
	for i := range x.Considered {
		if x.Considered[i].Policy == c.Policy {
			x.Considered[i] = c
			return
		}
	}
	x.Considered = append(x.Considered, c)
}
