package access

import (
	"fmt"
	"slices"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
)

// refusal is why one role or grant does not let a session through.
type refusal struct {
	source *source
	weight int // of several refusals the person is told the one that is easiest to do something about
	denial *Denial
}

// The weights of refusals, least helpful first.
const (
	notCovered = iota
	notAccount
	notHeld
	notTheTime
	notThePlace
	notAsked
	notAskedAgain
	notProven
	sessionOver
)

// whyNot says why no account could be opened. forbidden is a hand-written policy's no, if there was one.
func (e *Engine) whyNot(d *decision, wish string, sources []*source, forbidden *Denial) *Denial {
	q := d.q
	_, exists := q.resource.Accounts[wish]
	if wish == "" || exists {
		account := wish
		for _, s := range sources {
			if open := s.accountsAt(q.resource); account == "" && len(open) > 0 {
				account = open[0]
			}
		}
		if len(sources) > 0 {
			if denied := d.scope.denial(e, q, account); denied != nil {
				return denied
			}
		}
	}
	if forbidden != nil {
		return forbidden
	}
	best := refusal{weight: -1}
	for _, r := range e.refusals(q, wish, sources) {
		if r.weight > best.weight {
			best = r
		}
	}
	switch {
	case best.denial == nil:
		return &Denial{Cause: NoAccess, Sentence: fmt.Sprintf(
			"you have no access to %s; ask an admin for a role that covers it", q.resource.Name)}
	case best.denial.Cause == NoAccount:
		return noAccount(e.accountsFor(d, sources), q.resource.Name, wish)
	default:
		return best.denial
	}
}

// refusals are those of all sources, and of the roles that could be asked for.
func (e *Engine) refusals(q *question, wish string, sources []*source) []refusal {
	var out []refusal
	for _, s := range sources {
		if r := e.refusal(q, wish, s); r != nil {
			out = append(out, *r)
		}
	}
	for _, role := range e.users[q.identity.User].asked {
		if !role.covers.has(e.resources[q.resource.Name]) {
			continue
		}
		if open := role.accountsAt(q.resource); len(open) == 0 || wish != "" && !slices.Contains(open, wish) {
			continue
		}
		out = append(out, refusal{nil, notAsked, &Denial{Cause: NeedsRequest, Sentence: fmt.Sprintf(
			"role %s opens %s on request; ask for it: %s", role.Name, q.resource.Name, howToAsk(q.resource.Name, wish, role.Name))}})
	}
	return out
}

func howToAsk(resource, account, role string) string {
	if account != "" {
		account = " --account " + account
	}
	return fmt.Sprintf("sally access request %s --role %s%s --reason ...", resource, role, account)
}

// refusal is the first condition of the source that fails, as Cedar sees it; nil: none does.
func (e *Engine) refusal(q *question, wish string, s *source) *refusal {
	account := wish
	if open := s.accountsAt(q.resource); account == "" && len(open) > 0 {
		account = open[0]
	}
	if _, ok := q.resource.Accounts[account]; !ok {
		return &refusal{s, notAccount, &Denial{Cause: NoAccount, Sentence: fmt.Sprintf(
			"%s gives none of the accounts at %s", s.by(), q.resource.Name)}}
	}
	request := q.open(account)
	for _, c := range s.clauses() {
		if !e.holds(&cedarPolicy{"", cedar.NewPolicyFromAST(ast.Permit().When(c.node))}, request) {
			weight, denial := e.failed(q, wish, account, s, c.kind)
			return &refusal{s, weight, denial}
		}
	}
	return nil
}

// failed says in the person's words that a condition does not hold.
func (e *Engine) failed(q *question, wish, account string, s *source, kind clauseKind) (int, *Denial) {
	say := func(weight int, cause Cause, format string, args ...any) (int, *Denial) {
		return weight, &Denial{Cause: cause, Sentence: fmt.Sprintf(format, args...)}
	}
	name, role := q.resource.Name, s.role
	switch kind {
	case coversResource:
		return say(notCovered, NoAccess, "%s does not cover %s", s.by(), name)
	case givesAccount:
		return say(notAccount, NoAccount, "%s does not give the account %s at %s", s.by(), account, name)
	case stillHeld:
		return say(notHeld, NoAccess, "your grant of role %s has no effect any more, because you no longer hold the role; ask an admin for it", role.Name)
	case grantRuns:
		return e.grantOver(q, wish, s)
	case inTime:
		return say(notTheTime, WrongTime, "%s is open to you by %s %s", name, s.by(), describeWindows(role.When))
	case inPlace:
		return say(notThePlace, WrongPlace, "%s is open to you by %s from %s only, and you come from %s", name, s.by(), some(role.From), place(q.from))
	case notTooLong:
		return say(sessionOver, Expired, "a session by %s lasts %s at most; connect again", s.by(), role.MaxSession)
	default:
		return say(notProven, NeedsMFA, "%s asks for a passkey used within the last %s to open %s; use your passkey first: sally login --mfa",
			s.by(), role.MFA, name)
	}
}

func (e *Engine) grantOver(q *question, wish string, s *source) (int, *Denial) {
	g := s.grant
	if q.now.Before(g.From) {
		return notTheTime, &Denial{Cause: WrongTime, Sentence: fmt.Sprintf("your grant of role %s for %s begins at %s",
			g.Role, q.resource.Name, g.From.Format(time.RFC3339))}
	}
	next := "ask an admin for another"
	if slices.Contains(e.users[g.User].asked, s.role) {
		next = "ask for it again: " + howToAsk(q.resource.Name, wish, g.Role)
	}
	return notAskedAgain, &Denial{Cause: NeedsRequest, Sentence: fmt.Sprintf("your grant of role %s for %s ended at %s; %s",
		g.Role, q.resource.Name, g.Until.Format(time.RFC3339), next)}
}
