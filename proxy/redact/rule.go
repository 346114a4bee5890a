package redact

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
)

// Rule says what is taken out of the record.
type Rule struct {
	// Name stands in the marker that takes the value's place: [redacted:card]. Lower-case letters, digits, - and _.
	Name string `yaml:"name"`
	// Resources are globs of the resources it is for; none means all.
	Resources []string `yaml:"resources"`
	// Columns are "table.column" or "schema.table.column", each part a glob: constants and parameters that meet such a
	// column are taken.
	Columns []string `yaml:"columns"`
	// Parameters takes all bind parameters.
	Parameters bool `yaml:"parameters"`
	// Pattern is a regular expression (RE2); what matches in statements, parameters, error messages and names is taken.
	Pattern string `yaml:"pattern"`
}

// rule is a Rule that was understood.
type rule struct {
	name       string
	resources  []string
	columns    []columnGlob
	parameters bool
	pattern    *regexp.Regexp
}

type columnGlob struct {
	schema, table, column string // schema is empty when any will do
}

var ruleName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

func compile(r Rule) (*rule, error) {
	if !ruleName.MatchString(r.Name) {
		return nil, fmt.Errorf("rule %q: name it with lower-case letters, digits, - and _", r.Name)
	}
	if r.Name == credentialRule {
		return nil, fmt.Errorf("rule %q: that name belongs to the built-in rule; choose another", r.Name)
	}
	c := &rule{name: r.Name, resources: r.Resources, parameters: r.Parameters}
	for _, glob := range r.Resources {
		if _, err := path.Match(glob, ""); err != nil || glob == "" {
			return nil, fmt.Errorf("rule %q: resource %q is no glob: escape a bracket with a backslash", r.Name, glob)
		}
	}
	for _, column := range r.Columns {
		glob, err := compileColumn(column)
		if err != nil {
			return nil, fmt.Errorf("rule %q: column %q: %w", r.Name, column, err)
		}
		c.columns = append(c.columns, glob)
	}
	if r.Pattern != "" {
		pattern, err := regexp.Compile(r.Pattern)
		if err != nil {
			return nil, fmt.Errorf("rule %q: pattern: %w", r.Name, err)
		}
		if pattern.MatchString("") {
			return nil, fmt.Errorf("rule %q: pattern %q matches the empty text, and so everywhere", r.Name, r.Pattern)
		}
		c.pattern = pattern
	}
	if len(c.columns) == 0 && !c.parameters && c.pattern == nil {
		return nil, fmt.Errorf("rule %q takes nothing: give it columns, parameters or a pattern", r.Name)
	}
	return c, nil
}

func compileColumn(column string) (columnGlob, error) {
	parts := strings.Split(strings.ToLower(column), ".")
	for _, part := range parts {
		if part == "" {
			return columnGlob{}, errors.New(`write "table.column" or "schema.table.column"; * stands for any`)
		}
		if _, err := path.Match(part, ""); err != nil {
			return columnGlob{}, fmt.Errorf("%q is no glob: escape a bracket with a backslash", part)
		}
	}
	switch len(parts) {
	case 2:
		return columnGlob{table: parts[0], column: parts[1]}, nil
	case 3:
		return columnGlob{schema: parts[0], table: parts[1], column: parts[2]}, nil
	}
	return columnGlob{}, errors.New(`write "table.column" or "schema.table.column"; * stands for any`)
}

// appliesTo says whether the rule is for a resource.
func (r *rule) appliesTo(resource string) bool {
	for _, glob := range r.resources {
		if match(glob, resource) {
			return true
		}
	}
	return len(r.resources) == 0
}

// match is path.Match for names that may hold a slash.
func match(glob, name string) bool {
	if glob == "*" {
		return true
	}
	ok, err := path.Match(glob, strings.ReplaceAll(name, "/", "\x00"))
	return ok || err != nil // compile has seen to it that there is none
}

// table says whether a table as a statement writes it may be one of the glob's. Without a schema it may be of any.
func (g *columnGlob) matchTable(table string) bool {
	table = strings.ToLower(table)
	schema, name := "", table
	if i := strings.LastIndexByte(table, '.'); i >= 0 {
		schema, name = table[:i], table[i+1:]
		if i := strings.LastIndexByte(schema, '.'); i >= 0 { // the database
			schema = schema[i+1:]
		}
	}
	return match(g.table, name) && (g.schema == "" || schema == "" || match(g.schema, schema))
}

func (g *columnGlob) matchColumn(column string) bool {
	return column == "*" || match(g.column, strings.ToLower(column))
}
