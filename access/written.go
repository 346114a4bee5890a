package access

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
	xast "github.com/cedar-policy/cedar-go/x/exp/ast"
)

// Bounds of hand-written policies. The parser and Cedar's evaluation call themselves for each level of nesting.
const (
	maxPolicyText = 64 << 10
	maxNesting    = 100
)

// PolicyError says what is wrong with a hand-written policy, and where.
type PolicyError struct {
	Policy  string
	Line    int // from 1
	Problem string
}

func (e *PolicyError) Error() string {
	return fmt.Sprintf("policy %s, line %d: %s", e.Policy, e.Line, e.Problem)
}

// cedarPolicy is a policy with its ID, cedarPolicies a list of them that Cedar can go through.
type cedarPolicy struct {
	id     cedar.PolicyID
	policy *cedar.Policy
}

type cedarPolicies []cedarPolicy

// All implements cedar.PolicyIterator.
func (l cedarPolicies) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, p := range l {
			if !yield(p.id, p.policy) {
				return
			}
		}
	}
}

// written is one statement of a hand-written policy.
type written struct {
	cedarPolicy
	name   string // of the Policy
	line   int
	forbid bool
	reason string // the annotation @reason: words for the person
	// whom and what are the principal and the resource of the policy's head. They permit, so that they can be asked; nil:
	// it is about all.
	whom, what  *cedarPolicy
	reads       map[string]bool // what it reads of the context; nil: it may read all
	opens, runs bool            // it may be about the action
	clock       bool            // it looks at the time
	zones       []string
}

// Check says whether the policy can be compiled; the error is a *PolicyError.
func (p *Policy) Check() error {
	_, err := readPolicy(p)
	return err
}

// readPolicy parses a hand-written policy and holds it against the schema. IDs are policy:NAME#n, from 1.
func readPolicy(p *Policy) ([]*written, error) {
	if len(p.Text) > maxPolicyText {
		return nil, &PolicyError{p.Name, 1, fmt.Sprintf("the text is longer than %d bytes; write several policies", maxPolicyText)}
	}
	if line := nestedTooDeep(p.Text); line > 0 {
		return nil, &PolicyError{p.Name, line, fmt.Sprintf("brackets are nested deeper than %d levels", maxNesting)}
	}
	list, err := cedar.NewPolicyListFromBytes(p.Name, []byte(p.Text))
	if err != nil {
		return nil, parseError(p.Name, err)
	}
	var out []*written
	for i, parsed := range list {
		w, err := readWritten(p.Name, i+1, parsed)
		if err != nil {
			return nil, &PolicyError{p.Name, parsed.Position().Line, err.Error()}
		}
		out = append(out, w)
	}
	return out, nil
}

func readWritten(name string, n int, parsed *cedar.Policy) (*written, error) {
	tree := (*xast.Policy)(parsed.AST())
	w := &written{
		cedarPolicy: cedarPolicy{cedar.PolicyID(fmt.Sprintf("policy:%s#%d", name, n)), parsed},
		name:        name,
		line:        parsed.Position().Line,
		forbid:      parsed.Effect() == cedar.Forbid,
		reason:      string(parsed.Annotations()["reason"]),
	}
	use := usage{named: map[string]attribute{}, guarded: map[string]bool{}}
	w.opens, w.runs = use.action(tree.Action)
	use.scope(tree.Principal, userType, groupType, roleType)
	use.scope(tree.Resource, resourceType)
	for _, c := range tree.Conditions {
		xast.Inspect(xast.NewNode(c.Body), use.look)
	}
	if err := use.problem(w.opens); err != nil {
		return nil, err
	}
	w.reads = use.reads()
	w.clock, w.zones = use.clock, slices.Sorted(maps.Keys(use.zones))
	all := xast.ScopeTypeAll{}
	head := func(principal xast.IsPrincipalScopeNode, resource xast.IsResourceScopeNode) *cedarPolicy {
		if principal == all && resource == all {
			return nil
		}
		head := &xast.Policy{Effect: xast.EffectPermit, Principal: principal, Action: all, Resource: resource}
		return &cedarPolicy{w.id, cedar.NewPolicyFromAST((*ast.Policy)(head))}
	}
	w.whom, w.what = head(tree.Principal, all), head(all, tree.Resource)
	return w, nil
}

// usage is what a policy refers to, gathered to be held against the schema. Cedar leaves out a policy that goes wrong
// when it is evaluated: a forbid with a slip of the pen would be no forbid at all.
type usage struct {
	named   map[string]attribute // attributes that are read, such as context.client
	guarded map[string]bool      // those whose being there is asked for
	zones   map[string]bool
	clock   bool
	whole   int   // how often the context stands somewhere, less how often an attribute of it does
	err     error // the first problem
}

// reads are the attributes of the context that the policy may read; nil: all, since it does something else with it.
func (u *usage) reads() map[string]bool {
	if u.whole != 0 {
		return nil
	}
	out := map[string]bool{}
	note := func(path string) {
		if name, ok := strings.CutPrefix(path, "context."); ok {
			name, _, _ = strings.Cut(name, ".")
			out[name] = true
		}
	}
	for path := range u.named {
		note(path)
	}
	for path := range u.guarded {
		note(path)
	}
	return out
}

func (u *usage) fail(format string, args ...any) {
	if u.err == nil {
		u.err = fmt.Errorf(format, args...)
	}
}

func (u *usage) action(scope xast.IsActionScopeNode) (opens, runs bool) {
	var named []cedar.EntityUID
	switch s := scope.(type) {
	case xast.ScopeTypeAll:
		return true, true
	case xast.ScopeTypeEq:
		named = []cedar.EntityUID{s.Entity}
	case xast.ScopeTypeIn:
		named = []cedar.EntityUID{s.Entity}
	case xast.ScopeTypeInSet:
		named = s.Entities
	}
	for _, e := range named {
		u.entity(e, actionType)
		opens, runs = opens || e.ID == "open", runs || e.ID == "run"
	}
	return opens, runs
}

func (u *usage) scope(scope xast.IsScopeNode, allowed ...cedar.EntityType) {
	switch s := scope.(type) {
	case xast.ScopeTypeEq:
		u.entity(s.Entity, allowed...)
	case xast.ScopeTypeIn:
		u.entity(s.Entity, allowed...)
	case xast.ScopeTypeIs:
		u.entityType(s.Type, allowed...)
	case xast.ScopeTypeIsIn:
		u.entityType(s.Type, allowed...)
		u.entity(s.Entity, allowed...)
	}
}

func (u *usage) entity(e cedar.EntityUID, allowed ...cedar.EntityType) {
	u.entityType(e.Type, allowed...)
	if e.Type == actionType && e.ID != "open" && e.ID != "run" {
		u.fail(`there is no action %q; the actions are Action::"open" and Action::"run"`, e.ID)
	}
}

func (u *usage) entityType(t cedar.EntityType, allowed ...cedar.EntityType) {
	if !slices.Contains(allowed, t) {
		names := make([]string, len(allowed))
		for i, a := range allowed {
			names[i] = string(a)
		}
		u.fail("%s cannot stand here; what can: %s", t, strings.Join(names, ", "))
	}
}

// look is called for every part of a condition.
func (u *usage) look(n xast.IsNode) bool {
	switch n := n.(type) {
	case xast.NodeTypeVariable:
		if n.Name == "context" {
			u.whole++
		}
	case xast.NodeTypeAccess:
		u.read(n.Arg, string(n.Value))
	case xast.NodeTypeHas:
		path := pathOf(n.Arg)
		if path == "context" {
			u.whole--
		}
		if path != "" {
			u.known(path, string(n.Value))
			u.guarded[path+"."+string(n.Value)] = true
		}
	case xast.NodeTypeIs:
		u.entityType(n.EntityType, userType, groupType, roleType, resourceType, actionType)
	case xast.NodeTypeGetTag, xast.NodeTypeHasTag:
		u.fail(`there are no tags; labels are resource.labels, as in: resource.labels has env && resource.labels.env == "prod"`)
	case xast.NodeValue:
		if e, ok := n.Value.(cedar.EntityUID); ok {
			u.entity(e, userType, groupType, roleType, resourceType, actionType)
		}
	}
	return true
}

// read notes that an attribute is read.
func (u *usage) read(of xast.IsNode, name string) {
	path := pathOf(of)
	if path == "context" {
		u.whole--
	}
	if path == "" {
		return
	}
	if a, ok := u.known(path, name); ok {
		u.named[path+"."+name] = a
		u.clock = u.clock || a.clock
	}
}

// known finds an attribute in the schema.
func (u *usage) known(path, name string) (attribute, bool) {
	var all map[string]attribute
	switch path {
	case "principal":
		all = principalAttributes()
	case "resource":
		all = resourceAttributes()
	case "context":
		all = contextAttributes()
	case "resource.labels":
		return attribute{optional: true}, true
	case "context.local":
		if _, err := readZone(name); err != nil {
			u.fail("%w", err)
		} else if u.zones == nil {
			u.zones = map[string]bool{name: true}
		} else {
			u.zones[name] = true
		}
		return attribute{clock: true}, true
	default:
		if zone, ok := strings.CutPrefix(path, "context.local."); ok && !slices.Contains([]string{"day", "hour", "minute"}, name) {
			u.fail("clocks have no %s; they have day, hour and minute, as in: context.local[%q].hour", name, zone)
		}
		return attribute{}, false
	}
	a, ok := all[name]
	if !ok {
		u.fail("%s has no %s; it has %s", path, name, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	}
	return a, ok
}

// pathOf is what an expression of variables and attributes reads, such as resource.labels; empty: it is another one.
func pathOf(n xast.IsNode) string {
	switch n := n.(type) {
	case xast.NodeTypeVariable:
		return string(n.Name)
	case xast.NodeTypeAccess:
		switch path := pathOf(n.Arg); path {
		case "principal", "resource", "context", "context.local":
			return path + "." + string(n.Value)
		}
	}
	return ""
}

// problem is what is wrong with the policy; opens says that it may be about the action open.
func (u *usage) problem(opens bool) error {
	for _, path := range slices.Sorted(maps.Keys(u.named)) {
		a := u.named[path]
		on, name := cutLast(path)
		switch {
		case u.guarded[path]:
		case a.optional:
			u.fail("%s may be missing; ask for it first: %s has %s && ...", path, on, quoteLabel(name))
		case a.runOnly && opens:
			u.fail(`%s is known of statements only; write action == Action::"run" into the policy's head, or ask first: context has %s && ...`, path, name)
		}
	}
	return u.err
}

func cutLast(path string) (before, last string) {
	// Labels may hold dots themselves; what stands before them has none.
	if l, ok := strings.CutPrefix(path, "resource.labels."); ok {
		return "resource.labels", l
	}
	i := strings.LastIndexByte(path, '.')
	return path[:max(i, 0)], path[i+1:]
}

func quoteLabel(name string) string {
	if regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(name) {
		return name
	}
	return strconv.Quote(name)
}

// nestedTooDeep is the line on which brackets are nested too deep; 0: nowhere.
func nestedTooDeep(text string) int {
	line, depth := 1, 0
	quoted, comment := false, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\n':
			line++
			comment = false
		case comment:
		case quoted:
			if c == '\\' {
				i++
			} else {
				quoted = c != '"'
			}
		case c == '"':
			quoted = true
		case c == '/' && i+1 < len(text) && text[i+1] == '/':
			comment = true
		case strings.IndexByte("([{", c) >= 0:
			if depth++; depth > maxNesting {
				return line
			}
		case strings.IndexByte(")]}", c) >= 0:
			depth = max(depth-1, 0)
		}
	}
	return 0
}

func parseError(name string, err error) error {
	problem, line := err.Error(), 1
	if m := regexp.MustCompile(`parse error at <input>:(\d+):\d+ (?s)(.*)`).FindStringSubmatch(problem); m != nil {
		line, _ = strconv.Atoi(m[1])
		problem = "this is no Cedar: " + m[2]
	} else if inner := errors.Unwrap(err); inner != nil {
		problem = "this is no Cedar: " + inner.Error()
	}
	return &PolicyError{name, line, problem}
}
