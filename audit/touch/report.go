package touch

import (
	"cmp"
	"slices"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// User is what one user did to the target.
type User struct {
	User string `json:"user"`
	// Reads and Writes count statements; a write that also selects or returns rows is both. Other counts those of which
	// the class does not tell, such as what was only prepared, or granted.
	Reads  int64 `json:"reads"`
	Writes int64 `json:"writes"`
	Other  int64 `json:"other"`
	// Refused counts statements that policy stopped; they are in no other count.
	Refused int64 `json:"refused"`
	// Rows sums what the statements returned or changed.
	Rows         int64     `json:"rows"`
	First        time.Time `json:"first"`
	Last         time.Time `json:"last"`
	Applications []string  `json:"applications"`
	Resources    []string  `json:"resources"`
	// By counts statements by how they name the target.
	By map[string]int64 `json:"by"`
	// Example is the ID of the newest statement.
	Example string `json:"example"`
}

// Report is who touched a target.
type Report struct {
	Target string `json:"target"`
	Users  []User `json:"users"`
	// Mentions are statements whose text holds the table's name, and of which it is not known what they do with it.
	Mentions []User `json:"mentions"`
	audit.Coverage
}

// Kind chooses statements by what they do. Those of which that is not known are always chosen, and so are mentions.
type Kind uint8

// The kinds.
const (
	Everything Kind = iota
	Reads
	Writes
)

// Collector sums events up.
type Collector struct {
	Target Target
	Kind   Kind

	users, mentions map[string]*User
}

// Add takes an event that Target's Query has found. Events come newest first.
func (c *Collector) Add(e *audit.Event) {
	m, ok := c.Target.Match(e)
	if !ok {
		return
	}
	reads, writes := effects(e)
	known := reads || writes
	if known && !m.How.isMention() && (c.Kind == Reads && !reads || c.Kind == Writes && !writes) {
		return
	}
	u := c.user(e.User, m.How.isMention())
	u.By[m.String()]++
	switch {
	case e.Verdict == audit.Deny:
		u.Refused++
	case !known:
		u.Other++
	}
	if e.Verdict != audit.Deny {
		u.Reads += one(reads)
		u.Writes += one(writes)
		u.Rows += e.Rows
	}
	if u.Example == "" {
		u.Example = e.ID
	}
	if u.First.IsZero() || e.Time.Before(u.First) {
		u.First = e.Time
	}
	if e.Time.After(u.Last) {
		u.Last = e.Time
	}
	u.Applications = addTo(u.Applications, e.Application)
	u.Resources = addTo(u.Resources, e.Resource)
}

func (c *Collector) user(name string, mention bool) *User {
	if c.users == nil {
		c.users, c.mentions = map[string]*User{}, map[string]*User{}
	}
	users := c.users
	if mention {
		users = c.mentions
	}
	u := users[name]
	if u == nil {
		u = &User{User: name, Applications: []string{}, Resources: []string{}, By: map[string]int64{}}
		users[name] = u
	}
	return u
}

// effects says what a statement does to what it names. A write that selects or returns rows reads, too. Both are false
// when the class does not tell.
func effects(e *audit.Event) (reads, writes bool) {
	switch e.Class {
	case "read":
		return true, false
	case "write", "ddl":
		return e.Statement.File != nil || hasWord(e.Statement.Bytes, "select", "returning"), true
	}
	return false, false
}

// Report is what was summed up: users by the number of their statements.
func (c *Collector) Report() Report {
	return Report{Target: c.Target.String(), Users: sorted(c.users), Mentions: sorted(c.mentions)}
}

func sorted(users map[string]*User) []User {
	list := make([]User, 0, len(users))
	for _, u := range users {
		slices.Sort(u.Applications)
		slices.Sort(u.Resources)
		list = append(list, *u)
	}
	slices.SortFunc(list, func(a, b User) int {
		return cmp.Or(cmp.Compare(b.statements(), a.statements()), cmp.Compare(a.User, b.User))
	})
	return list
}

func (u *User) statements() (n int64) {
	for _, count := range u.By {
		n += count
	}
	return n
}

func addTo(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
