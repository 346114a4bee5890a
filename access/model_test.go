package access_test

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
)

// model says what the rules mean, as plainly as it can be said: without Cedar, without an index, one rule after another.
// The engine is held against it.
type model struct {
	s *access.Snapshot
	// hand are hand-written policies and what they mean.
	hand []handWritten
}

// handWritten is a policy's text with its meaning in Go.
type handWritten struct {
	text        string
	forbid      bool
	opens, runs bool
	about       func(a access.Ask, account string, s *access.Statement) bool
}

// vocabulary are policies to draw from.
func vocabulary() []handWritten {
	return []handWritten{
		{`forbid (principal, action == Action::"open", resource) when { context.account == "zadmin" };`, true, true, false,
			func(_ access.Ask, account string, _ *access.Statement) bool { return account == "zadmin" }},
		{`permit (principal == User::"bob", action, resource == Resource::"orders-db") when { ["app", "readonly"].contains(context.account) };`, false, true, true,
			func(a access.Ask, account string, _ *access.Statement) bool {
				return a.Identity.User == "bob" && a.Resource == "orders-db" && (account == "app" || account == "readonly")
			}},
		{`forbid (principal in Group::"g1", action, resource) when { resource.labels has team && resource.labels.team == "shop" }
			unless { context has mfa_age && context.mfa_age <= duration("1h") };`, true, true, true,
			func(a access.Ask, _ string, _ *access.Statement) bool {
				ago, proven := sinceProof(a)
				return a.Identity.User == "alice" && a.Resource != "other-db" && (!proven || ago > time.Hour) // which alone is not the shop's
			}},
		{`forbid (principal, action == Action::"open", resource) when { context.local["Europe/Berlin"].hour < 6 };`, true, true, false,
			func(a access.Ask, _ string, _ *access.Statement) bool { return a.Now.In(berlin()).Hour() < 6 }},
		{`forbid (principal, action == Action::"run", resource) when { context.class == "ddl" && context.tables.contains("orders") };`, true, false, true,
			func(_ access.Ask, _ string, s *access.Statement) bool {
				return s.Class == "ddl" && slices.ContainsFunc(s.Tables, func(t string) bool {
					t = strings.ToLower(t)
					return t == "orders" || strings.HasSuffix(t, ".orders")
				})
			}},
		{`permit (principal in Role::"r1", action == Action::"run", resource) when { context.understood && !context.whole_table };`, false, false, true,
			nil}, // needs the snapshot: see runs
	}
}

func berlin() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return zone
}

func sinceProof(a access.Ask) (time.Duration, bool) {
	begun := a.Started
	if begun.IsZero() {
		begun = a.Now
	}
	return begun.Sub(a.Identity.MFA), !a.Identity.MFA.IsZero()
}

func (m model) holds(user, role string) bool {
	u, r := m.s.Users[user], m.s.Roles[role]
	if slices.Contains(u.Roles, role) {
		return true
	}
	for _, g := range r.Groups {
		if slices.Contains(u.Groups, g) || slices.Contains(u.ClaimedGroups, g) {
			return true
		}
	}
	return false
}

// token is the access token of the ask; fine is false when it no longer proves anything.
func (m model) token(a access.Ask) (scope *access.Scope, fine bool) {
	if a.Identity.Token == "" {
		return a.Identity.Scope, true
	}
	t, ok := m.s.Tokens[a.Identity.Token]
	if !ok || t.User != a.Identity.User || !t.Expires.IsZero() && !a.Now.Before(t.Expires) {
		return nil, false
	}
	return t.Scope, true
}

func inside(networks []string, addr netip.Addr) bool {
	for _, n := range networks {
		if netip.MustParsePrefix(n).Contains(addr.Unmap()) {
			return true
		}
	}
	return len(networks) == 0
}

// reasons names the roles and grants that let the ask through, whatever policies and tokens say.
func (m model) reasons(a access.Ask, account string) map[string]access.Role {
	out := map[string]access.Role{}
	res := m.s.Resources[a.Resource]
	for name, r := range m.s.Roles {
		if r.Request == nil && m.holds(a.Identity.User, name) && gives(r, res, account) && met(r, a) {
			out["role:"+name] = r
		}
	}
	for id, g := range m.s.Grants {
		r, ok := m.s.Roles[g.Role]
		switch {
		case !ok || g.User != a.Identity.User || a.Now.Before(g.From) || !a.Now.Before(g.Until):
		case g.Request != "" && !m.holds(g.User, g.Role):
		case g.Resource != "" && g.Resource != a.Resource || g.Account != "" && g.Account != account:
		case gives(r, res, account) && met(r, a):
			out["grant:"+id] = r
		}
	}
	return out
}

func gives(r access.Role, res access.Resource, account string) bool {
	if _, ok := res.Accounts[account]; !ok {
		return false
	}
	covered := slices.Contains(r.Resources, "*") || slices.Contains(r.Resources, res.Name)
	if !covered && len(r.Labels) > 0 {
		covered = true
		for k, v := range r.Labels {
			if res.Labels[k] != v {
				covered = false
			}
		}
	}
	return covered && (slices.Contains(r.Accounts, "*") || slices.Contains(r.Accounts, account))
}

// met says whether the role's conditions are.
func met(r access.Role, a access.Ask) bool {
	if r.MFA > 0 {
		if ago, proven := sinceProof(a); !proven || ago > time.Duration(r.MFA) {
			return false
		}
	}
	if r.MaxSession > 0 && !a.Started.IsZero() && a.Now.Sub(a.Started) >= time.Duration(r.MaxSession) {
		return false
	}
	if !inside(r.From, a.Addr) {
		return false
	}
	for _, w := range r.When {
		if within(w, a.Now) {
			return true
		}
	}
	return len(r.When) == 0
}

// within compares texts, as a person would compare what the clock shows with what is written.
func within(w access.Window, now time.Time) bool {
	zone := time.UTC
	if w.Zone == "Europe/Berlin" {
		zone = berlin()
	}
	local := now.In(zone)
	clock := local.Format("15:04")
	on := func(t time.Time) bool {
		return len(w.Days) == 0 || slices.Contains(w.Days, strings.ToLower(t.Format("Mon")))
	}
	yesterday := time.Date(local.Year(), local.Month(), local.Day()-1, 12, 0, 0, 0, time.UTC)
	if w.From < w.To {
		return on(local) && w.From <= clock && clock < w.To
	}
	return on(local) && w.From <= clock || on(yesterday) && clock < w.To
}

// opens says whether the ask is let through as the account.
func (m model) opens(a access.Ask, account string) bool {
	u, ok := m.s.Users[a.Identity.User]
	res, known := m.s.Resources[a.Resource]
	scope, fine := m.token(a)
	if !ok || u.Suspended || !known || !fine {
		return false
	}
	if _, ok := res.Accounts[account]; !ok {
		return false
	}
	if scope != nil {
		if len(scope.Resources) > 0 && !slices.Contains(scope.Resources, a.Resource) ||
			len(scope.Accounts) > 0 && !slices.Contains(scope.Accounts, account) || !inside(scope.From, a.Addr) {
			return false
		}
	}
	allowed := len(m.reasons(a, account)) > 0
	for _, h := range m.hand {
		if !h.opens || !h.about(a, account, nil) {
			continue
		}
		if h.forbid {
			return false
		}
		allowed = true
	}
	return allowed
}

// runs says whether the statement may run in a session that was opened.
func (m model) runs(a access.Ask, account string, s access.Statement) bool {
	bookkeeping := slices.Contains([]string{"session", "transaction", "prepare"}, s.Class)
	scope, _ := m.token(a)
	if scope != nil && len(scope.Statements) > 0 && !bookkeeping && !slices.Contains(scope.Statements, s.Class) {
		return false
	}
	allowed := false
	for _, r := range m.reasons(a, account) {
		allowed = allowed || bookkeeping || lets(r.Statements, s, a.Resource == "web-1")
	}
	for _, h := range m.hand {
		if !h.runs {
			continue
		}
		var applies bool
		if h.about == nil {
			applies = m.holds(a.Identity.User, "r1") && s.Understood && !s.WholeTable
		} else {
			applies = h.about(a, account, &s)
		}
		if applies && h.forbid {
			return false
		}
		allowed = allowed || applies
	}
	return allowed
}

func lets(rules *access.StatementRules, s access.Statement, atServer bool) bool {
	if rules == nil {
		rules = &access.StatementRules{}
	}
	if len(rules.Classes) == 0 && slices.Contains([]string{"forward", "listen", "agent", "x11"}, s.Class) {
		return false
	}
	if len(rules.Classes) > 0 && !slices.Contains(rules.Classes, s.Class) || rules.RequireWhere && s.WholeTable {
		return false
	}
	if len(rules.Tables)+len(rules.DenyTables)+len(rules.DenyColumns) == 0 {
		return true
	}
	if !s.Understood {
		return false
	}
	surely, perhaps := surely, perhaps
	if atServer {
		surely, perhaps = isFile, isFile
	}
	for _, table := range s.Tables {
		if len(rules.Tables) > 0 && !slices.ContainsFunc(rules.Tables, func(p string) bool { return surely(p, table) }) {
			return false
		}
		if slices.ContainsFunc(rules.DenyTables, func(p string) bool { return perhaps(p, table) }) {
			return false
		}
	}
	for _, column := range s.Columns {
		if slices.ContainsFunc(rules.DenyColumns, func(p string) bool { return namesColumn(p, column, s.Tables) }) {
			return false
		}
	}
	return true
}

func like(pattern, text string) bool {
	quoted := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*")
	return regexp.MustCompile("(?is)^" + quoted + "$").MatchString(text)
}

// isFile compares files to the letter, and addresses without regard to case.
func isFile(pattern, name string) bool {
	if !strings.HasPrefix(name, "/") {
		return like(pattern, name)
	}
	return regexp.MustCompile("(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$").MatchString(name)
}

// surely: the pattern covers the table in whatever schema it is.
func surely(pattern, table string) bool {
	schema, name, qualified := cutSchema(pattern)
	s, n, known := cutSchema(table)
	if !like(name, n) {
		return false
	}
	return !qualified || schema == "*" || known && like(schema, s)
}

// perhaps: there is a schema in which the pattern covers the table.
func perhaps(pattern, table string) bool {
	schema, name, qualified := cutSchema(pattern)
	s, n, known := cutSchema(table)
	return like(name, n) && (!qualified || !known || like(schema, s))
}

func cutSchema(name string) (schema, last string, qualified bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

func namesColumn(pattern, column string, tables []string) bool {
	of, denied, narrow := cutSchema(pattern)
	owner, name, owned := cutSchema(column)
	if name != "*" && !like(denied, name) {
		return false
	}
	switch {
	case !narrow:
		return true
	case owned:
		return perhaps(of, owner)
	case len(tables) == 0:
		return true
	}
	return slices.ContainsFunc(tables, func(t string) bool { return perhaps(of, t) })
}
