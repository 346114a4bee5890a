package access

import (
	"maps"
	"net/netip"
	"time"

	"github.com/cedar-policy/cedar-go"
)

// question is an Ask on its way to Cedar: what is the same for every account and statement of a session.
type question struct {
	identity Identity
	resource *Resource
	from     netip.Addr
	now      time.Time // to the microsecond
	started  time.Time
	anywhere bool // lists ask so: where the client comes from is not known and does not matter

	facts cedar.RecordMap // of the session, without the account
}

// newQuestion gathers the facts. The identity must be as the snapshot knows it now.
func (e *Engine) newQuestion(id Identity, res *Resource, a *Ask) *question {
	q := &question{identity: id, resource: res, from: a.Addr.Unmap(), now: exact(a.Now), started: exact(a.Started)}
	if a.Started.IsZero() {
		q.started = q.now
	}
	q.facts = cedar.RecordMap{
		"instant":     cedar.Long(q.now.UnixMicro()),
		"session_age": cedar.NewDuration(q.now.Sub(q.started)),
		"now":         cedar.NewDatetime(q.now.Truncate(time.Minute)),
		"local":       e.clocks(q.now),
	}
	if q.from.IsValid() {
		q.facts["client"] = cedar.IPAddr(netip.PrefixFrom(q.from.WithZone(""), q.from.BitLen()))
	}
	if !id.MFA.IsZero() {
		q.facts["mfa_age"] = cedar.NewDuration(max(0, q.started.Sub(id.MFA)))
	}
	if id.Token != "" {
		q.facts["token"] = cedar.String(id.Token)
	}
	return q
}

// exact is a moment to the microsecond, which is how precise grants are.
func exact(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

// clocks are what the clocks of all zones show that a rule or policy looks at.
func (e *Engine) clocks(now time.Time) cedar.Record {
	clocks := make(cedar.RecordMap, len(e.zones))
	for name, zone := range e.zones {
		t := now.In(zone)
		clocks[cedar.String(name)] = cedar.NewRecord(cedar.RecordMap{
			"day":    cedar.String(weekdays[t.Weekday()]),
			"hour":   cedar.Long(t.Hour()),
			"minute": cedar.Long(t.Hour()*60 + t.Minute()),
		})
	}
	return cedar.NewRecord(clocks)
}

// open is the question whether a session may be opened as the account.
func (q *question) open(account string) cedar.Request {
	facts := maps.Clone(q.facts)
	facts["account"] = cedar.String(account)
	return q.request("open", cedar.NewRecord(facts))
}

func (q *question) request(action string, context cedar.Record) cedar.Request {
	r := cedar.Request{Principal: uid(userType, q.identity.User), Action: uid(actionType, action), Context: context}
	if q.resource != nil {
		r.Resource = uid(resourceType, q.resource.Name)
	}
	return r
}

// holds says whether Cedar finds that the policy permits.
func (e *Engine) holds(p *cedarPolicy, r cedar.Request) bool {
	decision, _ := cedar.Authorize(cedarPolicies{*p}, e.entities, r)
	return decision == cedar.Allow
}

// verdict is what Cedar made of a list of policies.
type verdict struct {
	allowed bool
	reasons []cedar.DiagnosticReason // the policies that permit, if allowed, in the order in which they were asked
	forbid  *written                 // the first that forbids
	broken  string                   // what is wrong with it, if it forbids because it could not be evaluated
	scoped  bool                     // the access token's scope forbids
}

// ask asks Cedar. A forbid that cannot be evaluated forbids: Cedar would leave it out, and a door that should be shut
// would stand open. lenient leaves it out.
func (e *Engine) ask(permits cedarPolicies, hand []*written, token cedarPolicies, r cedar.Request, lenient bool) verdict {
	all := make(cedarPolicies, 0, len(permits)+len(hand)+len(token))
	all = append(all, permits...)
	all = append(all, token...)
	for _, w := range hand {
		all = append(all, w.cedarPolicy)
	}
	decision, diagnostic := cedar.Authorize(all, e.entities, r)
	v := verdict{allowed: decision == cedar.Allow}
	for _, p := range token {
		v.scoped = v.scoped || !v.allowed && reasons(diagnostic, p.id)
	}
	for _, w := range hand {
		if !w.forbid || v.forbid != nil {
			continue
		}
		if !v.allowed && reasons(diagnostic, w.id) {
			v.forbid = w
		}
		for _, err := range diagnostic.Errors {
			if err.PolicyID == w.id && !lenient {
				v.allowed, v.forbid, v.broken = false, w, err.Message
			}
		}
	}
	if v.allowed {
		v.reasons = diagnostic.Reasons
	}
	return v
}

// permits says whether the policy is among those that permit. It is to be called in the order in which policies were
// asked: each found is passed over from then on.
func (v *verdict) permits(id cedar.PolicyID) bool {
	if len(v.reasons) == 0 || v.reasons[0].PolicyID != id {
		return false
	}
	v.reasons = v.reasons[1:]
	return true
}

func reasons(d cedar.Diagnostic, id cedar.PolicyID) bool {
	for _, r := range d.Reasons {
		if r.PolicyID == id {
			return true
		}
	}
	return false
}

// about are the hand-written policies of the list whose heads are about this user and resource.
func (e *Engine) about(list []*written, q *question) []*written {
	return e.aboutResource(e.aboutUser(list, q), q)
}

func (e *Engine) aboutUser(list []*written, q *question) []*written {
	return e.filter(list, q, func(w *written) *cedarPolicy { return w.whom })
}

func (e *Engine) aboutResource(list []*written, q *question) []*written {
	return e.filter(list, q, func(w *written) *cedarPolicy { return w.what })
}

func (e *Engine) filter(list []*written, q *question, head func(*written) *cedarPolicy) []*written {
	var out []*written
	for _, w := range list {
		if p := head(w); p == nil || e.holds(p, q.request("open", cedar.Record{})) {
			out = append(out, w)
		}
	}
	return out
}
