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
	scope   *scope
	q       *question
	sources []*source // that are in force
}

func (e *Engine) newList(id Identity, now time.Time) (*list, error) {
	present, err := e.present(id, now)
	if err != nil {
		return nil, err
	}
	l := &list{engine: e, scope: compileScope(&present), q: e.newQuestion(present, nil, &Ask{Now: now})}
	l.q.anywhere = true
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
	if len(e.opens) == 0 && len(l.scope.open) == 0 {
		return l.plain(&res, sources, wanted)
	}
	return l.judged(&res, sources, wanted)
}

// plain lists the accounts where nothing but roles and grants has a say.
func (l *list) plain(res *Resource, sources []*source, wanted int) []string {
	var out []string
	for _, s := range sources {
		for _, account := range s.accountsAt(res) {
			if len(out) < wanted && !slices.Contains(out, account) {
				out = append(out, account)
			}
		}
		if len(out) == wanted {
			break
		}
	}
	return out
}

// judged asks Cedar about each account.
func (l *list) judged(res *Resource, sources []*source, wanted int) []string {
	e, q := l.engine, *l.q
	q.resource = res
	hand := e.about(e.opens, &q)
	token := l.scope.rules(true)
	var out []string
	for _, account := range e.tries(&q, "", sources, hand) {
		if len(out) == wanted {
			break
		}
		var permits cedarPolicies
		for _, s := range sources {
			if slices.Contains(s.accountsAt(res), account) {
				permits = cedarPolicies{l.engine.listed}
				break
			}
		}
		if e.ask(permits, hand, token, q.open(account), true).allowed {
			out = append(out, account)
		}
	}
	return out
}
