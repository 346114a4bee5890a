package access

import (
	"slices"
	"time"
)

// Open names the resources that the identity may open now, sorted, wherever they connect from.
func (e *Engine) Open(id Identity, now time.Time) []string {
	l, err := e.newList(id, now)
	if err != nil {
		return nil
	}
	var names []string
	for _, name := range sortedKeys(e.snapshot.Resources) {
		if len(l.accounts(name, 1)) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// Accounts lists the accounts at the resource that the identity may use now, the default first, each once, wherever
// they connect from.
func (e *Engine) Accounts(id Identity, resource string, now time.Time) []string {
	l, err := e.newList(id, now)
	if err != nil {
		return nil
	}
	return l.accounts(resource, len(e.accounts[resource]))
}

// accountsFor lists the accounts that could be opened by the question, the default first.
func (e *Engine) accountsFor(d *decision, sources []*source) []string {
	hand := e.about(e.opens, d.q)
	var out []string
	for _, account := range e.tries(d.q, "", sources, hand) {
		if e.ask(openPolicies(sources), hand, d.scope.rules(false), d.q.open(account), false).allowed {
			out = append(out, account)
		}
	}
	return out
}

// list answers for many resources. What is the same for all of them, Cedar is asked once.
type list struct {
	engine  *Engine
	q       *question
	sources []*source     // that are in force
	hand    []*written    // hand-written policies about the user
	token   cedarPolicies // the access token's scope
}

func (e *Engine) newList(id Identity, now time.Time) (*list, error) {
	present, err := e.present(id, now)
	if err != nil {
		return nil, err
	}
	l := &list{engine: e, q: e.newQuestion(present, nil, &Ask{Now: now}), token: compileScope(&present).rules(true)}
	l.q.anywhere = true
	l.hand = e.aboutUser(e.opens, l.q)
	h := e.users[id.User]
	l.sources = append(e.inForce(l.q, h.held), e.inForce(l.q, h.granted)...)
	return l, nil
}

// accounts lists the first of the accounts at the resource, at most as many as wanted.
func (l *list) accounts(resource string, wanted int) []string {
	e := l.engine
	res, ok := e.snapshot.Resources[resource]
	if !ok {
		return nil
	}
	number := e.resources[resource]
	var sources []*source
	for _, s := range l.sources {
		if s.role.covers.has(number) {
			sources = append(sources, s)
		}
	}
	q := *l.q
	q.resource = &res
	hand := e.aboutResource(l.hand, &q)
	open := e.inOrder(&res, sources, hand)
	if len(hand) > 0 || len(l.token) > 0 {
		open = l.judge(&q, open, sources, hand, wanted)
	}
	return open[:min(len(open), wanted)]
}

// judge leaves those of the accounts that Cedar lets open, the first ones that are wanted.
func (l *list) judge(q *question, accounts []string, sources []*source, hand []*written, wanted int) []string {
	given := accountsOf(q.resource, sources)
	var out []string
	for _, account := range accounts {
		if len(out) == wanted {
			break
		}
		var permits cedarPolicies
		if slices.Contains(given, account) {
			permits = cedarPolicies{l.engine.listed}
		}
		if l.engine.ask(permits, hand, l.token, q.open(account), true).allowed {
			out = append(out, account)
		}
	}
	return out
}
