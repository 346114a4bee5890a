package admin

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
)

const (
	// simulatedSpan is how far back a simulation goes unless it says otherwise, and maxSimulated how many events one
	// answer goes through, in pages of simulatedPage.
	simulatedSpan = 30 * 24 * time.Hour
	maxSimulated  = 20000
	simulatedPage = 500
	// simulatedTime bounds one answer; the next goes on from there.
	simulatedTime = 15 * time.Second
	// maxDifferences bounds the kinds of differences in one answer, and sampleText a sample's text, in bytes.
	maxDifferences = 500
	sampleText     = 500
)

// rehearsal is a change of roles and policies to be tried on the record.
type rehearsal struct {
	Roles          []access.Role   `json:"roles,omitempty" maxItems:"1000" doc:"Roles as they would be, new or changed"`
	Policies       []access.Policy `json:"policies,omitempty" maxItems:"1000" doc:"Policies as they would be, new or changed"`
	RemoveRoles    []string        `json:"remove_roles,omitempty" maxItems:"1000"`
	RemovePolicies []string        `json:"remove_policies,omitempty" maxItems:"1000"`
	Query          string          `json:"q,omitempty" maxLength:"8192" doc:"Only these events, in the language of searches; default: all"`
	From           time.Time       `json:"from,omitzero" doc:"How far back; default: 30 days"`
	To             time.Time       `json:"to,omitzero" doc:"Until when; default: now"`
	Cursor         string          `json:"cursor,omitempty" maxLength:"1024" doc:"The previous answer's next, with all else as before"`
}

// rehearsed is what the change would have made otherwise, in one part of the record.
type rehearsed struct {
	Events      int64        `json:"events" doc:"Sessions and statements that were looked at"`
	Skipped     int64        `json:"skipped,omitempty" doc:"Events of users or resources that are gone, or that could not be read"`
	Oldest      time.Time    `json:"oldest,omitzero" doc:"When the last of them was: the record is gone through newest first"`
	Differences []difference `json:"differences"`
	More        int64        `json:"more,omitempty" doc:"Events that would turn out otherwise beside those told of: there are too many kinds"`
	Next        string       `json:"next" doc:"Cursor to go on with; empty: this was all"`
}

// The ways in which a decision may turn out otherwise.
const (
	newlyAllowed = "allowed"
	newlyDenied  = "denied"
)

// difference is one kind of event that would turn out otherwise.
type difference struct {
	Would       string    `json:"would" enum:"allowed,denied" doc:"What it would be now; today it is the other"`
	Of          string    `json:"of" enum:"session,statement"`
	User        string    `json:"user"`
	Resource    string    `json:"resource"`
	Account     string    `json:"account,omitempty"`
	Class       string    `json:"class,omitempty" doc:"Of statements"`
	Fingerprint string    `json:"fingerprint,omitempty" doc:"Of statements: equal for those that differ in literals only"`
	Count       int64     `json:"count"`
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
	Sentence    string    `json:"sentence" doc:"What the person would be told, or, if it would be allowed, is told today"`
	Event       string    `json:"event" doc:"ID of the latest of them"`
	Sample      string    `json:"sample,omitempty" doc:"Its text, at most 500 bytes"`
}

func (s *Service) registerSimulate(a *api) {
	add(a, route{method: http.MethodPost, path: "/access/simulate", id: "simulate-access", level: reader,
		summary: "Say what a change of roles or policies would have allowed or denied",
		description: "Goes through sessions and statements of the record and decides each twice, by today's state and by the changed one, both as of the " +
			"event's time. One answer goes through a bounded part; next goes on. Passkeys are taken as just used, since the record does not " +
			"say when they were. Nothing is changed or recorded."},
		func(ctx context.Context, in *answer[rehearsal]) (*answer[rehearsed], error) {
			out, err := s.rehearse(ctx, in.Body)
			return &answer[rehearsed]{Body: out}, err
		})
}

func (s *Service) rehearse(ctx context.Context, in rehearsal) (rehearsed, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return rehearsed{}, err
	}
	next, err := s.changed(snap, &in)
	if err != nil {
		return rehearsed{}, err
	}
	if in.To.IsZero() {
		in.To = s.now()
	}
	if in.From.IsZero() {
		in.From = in.To.Add(-simulatedSpan)
	}
	r := &replay{service: s, today: snap.Engine, changed: next, permits: map[permitKey]verdicts{}, found: map[differenceKey]*difference{}}
	ctx, cancel := context.WithTimeout(ctx, simulatedTime)
	defer cancel()
	err = r.run(ctx, audit.Query{Text: simulatedEvents(in.Query), From: in.From, To: in.To, Limit: simulatedPage, Cursor: in.Cursor})
	if err != nil {
		return rehearsed{}, err
	}
	r.out.Differences = []difference{}
	for _, d := range r.found {
		r.out.Differences = append(r.out.Differences, *d)
	}
	slices.SortFunc(r.out.Differences, func(a, b difference) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.User, b.User), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Event, b.Event))
	})
	return r.out, nil
}

func simulatedEvents(query string) string {
	const events = "-type:session.end -type:admin -class:session -class:transaction -class:prepare"
	if strings.TrimSpace(query) == "" {
		return events
	}
	return "(" + query + ") " + events
}

// changed compiles the state as it would be. What is wrong with a role or a policy is told as when it is saved.
func (s *Service) changed(snap *snapshot, in *rehearsal) (*access.Engine, error) {
	next := fork(snap.Snapshot)
	would := &snapshot{Snapshot: next, Engine: snap.Engine}
	for _, name := range in.RemoveRoles {
		if _, ok := next.Roles[name]; !ok {
			return nil, invalid("remove_roles", "there is no role %q", name)
		}
		delete(next.Roles, name)
	}
	for _, name := range in.RemovePolicies {
		if _, ok := next.Policies[name]; !ok {
			return nil, invalid("remove_policies", "there is no policy %q", name)
		}
		delete(next.Policies, name)
	}
	for _, r := range in.Roles { // first by name alone, so that they may approve for each other
		if _, ok := next.Roles[r.Name]; !ok {
			next.Roles[r.Name] = access.Role{Name: r.Name}
		}
	}
	for i := range in.Roles {
		if err := prepareRole(would, &in.Roles[i], nil); err != nil {
			return nil, err
		}
		next.Roles[in.Roles[i].Name] = in.Roles[i]
	}
	for i := range in.Policies {
		if err := preparePolicy(would, &in.Policies[i], nil); err != nil {
			return nil, err
		}
		next.Policies[in.Policies[i].Name] = in.Policies[i]
	}
	return access.Compile(next)
}

// replay goes through a part of the record.
type replay struct {
	service        *Service
	today, changed *access.Engine
	permits        map[permitKey]verdicts
	found          map[differenceKey]*difference
	out            rehearsed
}

// run looks at pages until there are no more, or the bounds are reached.
func (r *replay) run(ctx context.Context, q audit.Query) error {
	for r.out.Events+r.out.Skipped < maxSimulated {
		page, err := r.service.searcher.Search(ctx, q)
		if errors.Is(err, context.DeadlineExceeded) && q.Cursor != "" {
			r.out.Next = q.Cursor
			return nil //nolint:nilerr // the answer says where to go on
		}
		if err != nil {
			return err
		}
		for i := range page.Rows {
			r.look(&page.Rows[i])
		}
		r.out.Skipped += page.Skipped
		r.out.Next = page.Next
		if page.Next == "" || page.Next == q.Cursor || ctx.Err() != nil {
			return nil //nolint:nilerr // as above
		}
		q.Cursor = page.Next
	}
	return nil
}

// look decides one event twice.
func (r *replay) look(e *audit.Event) {
	state := r.today.Snapshot()
	_, user := state.Users[e.User]
	res, resource := state.Resources[e.Resource]
	if !user || !resource {
		r.out.Skipped++
		return
	}
	r.out.Oldest = e.Time
	v := r.permit(e)
	if e.Type != audit.StatementBegin {
		r.out.Events++
		r.note(e, "session", v.today.denied, v.changed.denied)
		return
	}
	if v.today.denied != nil && v.changed.denied != nil {
		r.out.Events++
		return
	}
	facts, ok := r.facts(e, &res)
	if !ok {
		r.out.Skipped++
		return
	}
	r.out.Events++
	r.note(e, "statement", v.today.judge(facts), v.changed.judge(facts))
}

// facts reads the statement's text again, because the record does not hold all that policy looks at. What is done at servers has no text that
// tells it; there the record does.
func (r *replay) facts(e *audit.Event, res *access.Resource) (access.Statement, bool) {
	if r.service.speaksSSH(res) {
		return access.Statement{Class: e.Class, Tables: e.Tables, Understood: understoodAt(e), Now: e.Time}, true
	}
	if len(e.Statement.Bytes) == 0 || e.Statement.File != nil || r.service.facts == nil {
		return access.Statement{}, false
	}
	facts, err := r.service.facts(res.Protocol, e.Statement.Bytes)
	facts.Now = e.Time
	return facts, err == nil
}

// understoodAt says whether the record tells all that an operation at a server touches. Shells and commands touch what they want, and an
// operation on files whose paths it does not tell was on paths that only the server knew; agents and windows touch neither files nor addresses.
func understoodAt(e *audit.Event) bool {
	return len(e.Tables) > 0 || e.Class == access.ClassAgent || e.Class == access.ClassX11
}

// permitKey is what the answer to whether a session may be opened depends on, with the time to the minute.
type permitKey struct {
	user, resource, account, from string
	minute                        int64
}

// verdict is a permit, or why there is none.
type verdict struct {
	permit access.Permit
	denied *access.Denial
}

// verdicts are one by today's state and one by the changed one.
type verdicts struct{ today, changed verdict }

func (v *verdict) judge(s access.Statement) *access.Denial {
	if v.denied != nil {
		return v.denied
	}
	_, denied := v.permit.Judge(&s)
	return denied
}

// maxPermits bounds the permits that are remembered.
const maxPermits = 20000

func (r *replay) permit(e *audit.Event) verdicts {
	host := e.ClientAddr
	if h, _, err := net.SplitHostPort(e.ClientAddr); err == nil {
		host = h
	}
	key := permitKey{e.User, e.Resource, e.Account, host, e.Time.Unix() / 60}
	if v, ok := r.permits[key]; ok {
		return v
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		addr = netip.Addr{}
	}
	ask := access.Ask{Identity: access.Identity{User: e.User, MFA: e.Time}, Resource: e.Resource, Account: e.Account, Addr: addr, Now: e.Time}
	v := verdicts{open(r.today, ask), open(r.changed, ask)}
	if len(r.permits) >= maxPermits {
		clear(r.permits)
	}
	r.permits[key] = v
	return v
}

func open(e *access.Engine, a access.Ask) verdict {
	p, err := e.Authorize(a)
	var denied *access.Denial
	if err != nil && !errors.As(err, &denied) {
		denied = &access.Denial{Cause: access.NoAccess, Sentence: err.Error()}
	}
	return verdict{p, denied}
}

type differenceKey struct {
	would, of, user, resource, account, class, fingerprint string
}

func (r *replay) note(e *audit.Event, of string, today, changed *access.Denial) {
	if (today == nil) == (changed == nil) {
		return
	}
	would, denied := newlyDenied, changed
	if changed == nil {
		would, denied = newlyAllowed, today
	}
	key := differenceKey{would, of, e.User, e.Resource, e.Account, e.Class, e.Fingerprint}
	d := r.found[key]
	if d == nil {
		if len(r.found) >= maxDifferences {
			r.out.More++
			return
		}
		d = &difference{Would: would, Of: of, User: e.User, Resource: e.Resource, Account: e.Account, Class: e.Class, Fingerprint: e.Fingerprint,
			Last: e.Time, Sentence: denied.Sentence, Event: e.ID}
		if text := e.Statement.Bytes; of == "statement" {
			d.Sample = strings.ToValidUTF8(string(text[:min(len(text), sampleText)]), "?")
		}
		r.found[key] = d
	}
	d.Count++
	d.First = e.Time
}
