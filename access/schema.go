package access

import (
	_ "embed"

	"github.com/cedar-policy/cedar-go"
)

// Schema is the Cedar schema that policies are written to; docs/policies.md explains it.
//
//go:embed schema.cedarschema
var Schema string

// The types of Cedar entities.
const (
	userType     cedar.EntityType = "User"
	groupType    cedar.EntityType = "Group"
	roleType     cedar.EntityType = "Role"
	resourceType cedar.EntityType = "Resource"
	actionType   cedar.EntityType = "Action"
)

func uid(t cedar.EntityType, id string) cedar.EntityUID {
	return cedar.NewEntityUID(t, cedar.String(id))
}

// attribute says how an attribute may be used in hand-written policies.
type attribute struct {
	optional bool // may be missing
	runOnly  bool // known for the action run only
	clock    bool // changes as time goes by
}

// principalAttributes, resourceAttributes and contextAttributes are what the schema holds. What only roles compile to
// (instant, session_age, within, denied_tables, denied_columns) is left out: policies may not use it.
func principalAttributes() map[string]attribute {
	return map[string]attribute{"name": {}, "kind": {}}
}

func resourceAttributes() map[string]attribute {
	return map[string]attribute{"name": {}, "protocol": {}, "labels": {}}
}

func contextAttributes() map[string]attribute {
	return map[string]attribute{
		"account":     {},
		"client":      {optional: true},
		"now":         {clock: true},
		"local":       {clock: true},
		"mfa_age":     {optional: true},
		"token":       {optional: true},
		"class":       {runOnly: true},
		"tables":      {runOnly: true},
		"columns":     {runOnly: true},
		"whole_table": {runOnly: true},
		"understood":  {runOnly: true},
		"fingerprint": {runOnly: true, optional: true},
	}
}

// entities are the users and resources as Cedar sees them.
func entities(s *Snapshot, known map[string]Identity) cedar.EntityMap {
	m := make(cedar.EntityMap, len(s.Users)+len(s.Resources))
	for name := range s.Users {
		id := known[name]
		parents := make([]cedar.EntityUID, 0, len(id.Groups)+len(id.Roles))
		for _, g := range id.Groups {
			parents = append(parents, uid(groupType, g))
		}
		for _, r := range id.Roles {
			parents = append(parents, uid(roleType, r))
		}
		kind := id.Kind
		if kind == "" {
			kind = Person
		}
		u := uid(userType, name)
		m[u] = cedar.Entity{UID: u, Parents: cedar.NewEntityUIDSet(parents...), Attributes: cedar.NewRecord(cedar.RecordMap{
			"name": cedar.String(name), "kind": cedar.String(kind),
		})}
	}
	for name := range s.Resources {
		res := s.Resources[name]
		labels := make(cedar.RecordMap, len(res.Labels))
		for k, v := range res.Labels {
			labels[cedar.String(k)] = cedar.String(v)
		}
		u := uid(resourceType, name)
		m[u] = cedar.Entity{UID: u, Attributes: cedar.NewRecord(cedar.RecordMap{
			"name": cedar.String(name), "protocol": cedar.String(res.Protocol), "labels": cedar.NewRecord(labels),
		})}
	}
	return m
}
