package access

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Case is one line of a table of policy tests: who asks for what, and what the answer must be.
type Case struct {
	Name     string `json:"name,omitempty" yaml:"name" doc:"What the case is about"`
	User     string `json:"user" yaml:"user"`
	Resource string `json:"resource" yaml:"resource"`
	Account  string `json:"account,omitempty" yaml:"account" doc:"Default: the first that is open"`
	// From is the address that the client comes from, At the moment; zero: now.
	From string    `json:"from,omitempty" yaml:"from" doc:"The client's address"`
	At   time.Time `json:"at,omitzero" yaml:"at" doc:"Default: now"`
	// MFAAgo is how long before At a passkey was used; nil: never.
	MFAAgo *Duration `json:"mfa_ago,omitempty" yaml:"mfa_ago" doc:"How long ago a passkey was used; default: never"`
	Token  string    `json:"token,omitempty" yaml:"token" doc:"ID of the access token that is shown"`
	// Statement is its text; empty: only whether the session may be opened is tested.
	Statement string `json:"statement,omitempty" yaml:"statement"`
	// Class and Tables stand for a statement that has no text, such as a forward or the use of a file over SSH.
	Class  string   `json:"class,omitempty" yaml:"class" doc:"Class of what is done, in a statement's place"`
	Tables []string `json:"tables,omitempty" yaml:"tables" doc:"With class: the tables that it touches; over SSH paths, or HOST:PORT"`
	Want   string   `json:"want" yaml:"want" enum:"allow,deny"`
	// By is the role, grant or policy that must decide, such as role:dba, or the cause of a denial; empty: any.
	By string `json:"by,omitempty" yaml:"by" doc:"role:NAME, grant:ID, policy:NAME#n or a denial's cause"`
}

// Failure is a case whose answer is another.
type Failure struct {
	Number      int         `json:"number" doc:"The case's place in the table, from 1"`
	Case        Case        `json:"case"`
	Problem     string      `json:"problem"`
	Explanation Explanation `json:"explanation"`
}

// Test runs a table. read tells what a statement's text is about in the resource's protocol; it is called only for cases
// that have one. Failures come in the order of the cases.
func (e *Engine) Test(cases []Case, now time.Time, read func(protocol, text string) (Statement, error)) []Failure {
	var out []Failure
	for i, c := range cases {
		x, problem := e.try(&c, now, read)
		if problem != "" {
			out = append(out, Failure{Number: i + 1, Case: c, Problem: problem, Explanation: x})
		}
	}
	return out
}

// try is one case; an empty problem is a success.
func (e *Engine) try(c *Case, now time.Time, read func(protocol, text string) (Statement, error)) (x Explanation, problem string) {
	if c.Want != "allow" && c.Want != "deny" {
		return x, fmt.Sprintf("want is %q; write allow or deny", c.Want)
	}
	ask, err := c.ask(now)
	if err != nil {
		return x, err.Error()
	}
	var s *Statement
	switch {
	case c.Class == "" && len(c.Tables) > 0 || c.Class != "" && c.Statement != "":
		return x, "a case has a statement, or a class with its tables"
	case c.Class != "":
		s = &Statement{Class: c.Class, Tables: c.Tables, Understood: true}
	case c.Statement != "":
		facts, err := read(e.snapshot.Resources[c.Resource].Protocol, c.Statement)
		if err != nil {
			return x, fmt.Sprintf("statement: %v", err)
		}
		s = &facts
	}
	if x, err = e.Explain(ask, s); err != nil {
		return x, err.Error()
	}
	switch {
	case x.Allowed && c.Want == "deny":
		return x, "allowed, but should be denied: " + x.Sentence
	case !x.Allowed && c.Want == "allow":
		return x, "denied, but should be allowed: " + x.Sentence
	case c.By != "" && c.By != string(x.Cause) && !slices.Contains(x.Policies, c.By):
		return x, fmt.Sprintf("decided by %s, but should be by %s: %s", x.by(), c.By, x.Sentence)
	}
	return x, ""
}

func (c *Case) ask(now time.Time) (Ask, error) {
	a := Ask{Identity: Identity{User: c.User, Token: c.Token}, Resource: c.Resource, Account: c.Account, Now: c.At}
	if c.At.IsZero() {
		a.Now = now
	}
	if c.MFAAgo != nil {
		a.Identity.MFA = a.Now.Add(-time.Duration(*c.MFAAgo))
	}
	if c.From != "" {
		addr, err := netip.ParseAddr(c.From)
		if err != nil {
			return a, fmt.Errorf("from: %q is no address; write one such as 10.1.2.3", c.From)
		}
		a.Addr = addr
	}
	return a, nil
}

func (x *Explanation) by() string {
	if len(x.Policies) > 0 {
		return some(x.Policies)
	}
	return string(x.Cause)
}
