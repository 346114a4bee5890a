package scim

import (
	"reflect"
	"slices"
	"strings"

	filter "github.com/scim2/filter-parser/v2"
)

// maxOperations bounds those of one patch.
const maxOperations = 1000

// patchRequest is a PatchOp (RFC 7644, section 3.5.2).
type patchRequest struct {
	Operations []operation `json:"Operations"`
}

// operation changes one attribute, or, without a path, those that its value names.
type operation struct {
	Op    string `json:"op"` // add, remove or replace, in any case: some directories write "Replace"
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// apply changes the document, all or, after an error, any part of it.
func (p *patchRequest) apply(d Document) error {
	if len(p.Operations) == 0 {
		return badRequest("invalidSyntax", "Operations is empty")
	}
	if len(p.Operations) > maxOperations {
		return &Error{Status: 413, Type: "tooMany", Detail: "a patch has at most 1000 operations"}
	}
	for i := range p.Operations {
		if err := p.Operations[i].apply(d); err != nil {
			return err
		}
	}
	return nil
}

func (o *operation) apply(d Document) error {
	o.Op = strings.ToLower(o.Op)
	if !slices.Contains([]string{"add", "remove", "replace"}, o.Op) {
		return badRequest("invalidSyntax", "op is add, remove or replace, not %q", o.Op)
	}
	if o.Path == "" {
		return o.applyAll(d)
	}
	if len(o.Path) > maxFilter {
		return badRequest("invalidPath", "the path is too long")
	}
	path, err := filter.ParsePath([]byte(o.Path))
	if err != nil {
		return badRequest("invalidPath", "the path %.200q cannot be understood", o.Path)
	}
	if path.SubAttribute == nil {
		path.SubAttribute = path.AttributePath.SubAttribute
	}
	scope, name, err := scopeOf(d, path.AttributePath, o.Op != "remove")
	if err != nil || scope == nil {
		return err
	}
	if slices.Contains([]string{"id", "meta", "schemas"}, strings.ToLower(name)) {
		return badRequest("mutability", "%s cannot be changed", name)
	}
	switch {
	case path.ValueExpression != nil:
		return o.applyMembers(scope, name, path)
	case path.SubAttribute != nil:
		return o.applySub(scope, name, *path.SubAttribute)
	}
	return o.applyOne(scope, name, o.Value)
}

// applyAll takes each member of the value for an operation of its own. A member's name may be a path.
func (o *operation) applyAll(d Document) error {
	if o.Op == "remove" {
		return badRequest("noTarget", "remove needs a path")
	}
	members, ok := o.Value.(map[string]any)
	if !ok {
		return badRequest("invalidValue", "without a path, the value is an object")
	}
	for name, v := range members {
		switch strings.ToLower(name) {
		case "id", "meta", "schemas":
			continue
		}
		one := operation{Op: o.Op, Path: name, Value: v}
		if extension, ok := v.(map[string]any); ok && strings.HasPrefix(strings.ToLower(name), "urn:") && !isCore(name) {
			if err := merge(d, name, extension); err != nil {
				return err
			}
			continue
		}
		if err := one.apply(d); err != nil {
			return err
		}
	}
	return nil
}

// merge puts the members into an extension's attributes.
func merge(d Document, uri string, members map[string]any) error {
	key, v, _ := d.find(uri)
	extension, ok := v.(map[string]any)
	if !ok {
		extension = map[string]any{}
	}
	for name, v := range members {
		name, _, _ := Document(extension).find(name)
		extension[name] = v
	}
	d[key] = extension
	return nil
}

// scopeOf is where the path's attribute stands: the document itself or an extension in it, which is made if need be.
func scopeOf(d Document, path filter.AttributePath, create bool) (Document, string, error) {
	uri := path.URI()
	if uri == "" || isCore(uri) {
		return d, path.AttributeName, nil
	}
	key, v, ok := d.find(uri)
	if !ok {
		if !create {
			return nil, "", nil
		}
		extension := map[string]any{}
		d[key] = extension
		return extension, path.AttributeName, nil
	}
	extension, ok := v.(map[string]any)
	if !ok {
		return nil, "", badRequest("invalidPath", "%s holds no attributes", uri)
	}
	return extension, path.AttributeName, nil
}

// applyOne changes a whole attribute. What is added to one with many values is joined to these.
func (o *operation) applyOne(scope Document, name string, value any) error {
	key, present, _ := scope.find(name)
	list, many := present.([]any)
	switch {
	case o.Op == "remove" && value != nil && many: // some directories name the members to remove in the value
		scope[key] = without(list, asList(value))
	case o.Op == "remove":
		delete(scope, key)
	case o.Op == "add" && (many || isList(value)):
		scope[key] = joined(list, asList(value))
	case o.Op == "add" && isObject(value) && isObject(present):
		return merge(scope, key, value.(map[string]any))
	default:
		scope[key] = value
	}
	return nil
}

// applySub changes a sub-attribute: of a complex attribute, or of every one of many.
func (o *operation) applySub(scope Document, name, sub string) error {
	key, present, ok := scope.find(name)
	if !ok {
		if o.Op == "remove" {
			return nil
		}
		present = map[string]any{}
		scope[key] = present
	}
	switch present := present.(type) {
	case map[string]any:
		return o.applyOne(present, sub, o.Value)
	case []any:
		for _, item := range present {
			if member, ok := item.(map[string]any); ok {
				if err := o.applyOne(member, sub, o.Value); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return badRequest("invalidPath", "%s has no sub-attributes", name)
}

// applyMembers changes those of many values that the path's filter finds.
func (o *operation) applyMembers(scope Document, name string, path filter.Path) error {
	key, v, _ := scope.find(name)
	list, _ := v.([]any)
	found := false
	var kept []any
	for _, item := range list {
		member, ok := item.(map[string]any)
		if !ok || !matches(path.ValueExpression, member) {
			kept = append(kept, item)
			continue
		}
		found = true
		switch {
		case path.SubAttribute != nil:
			if err := o.applyOne(member, *path.SubAttribute, o.Value); err != nil {
				return err
			}
			kept = append(kept, member)
		case o.Op == "remove":
		default:
			kept = append(kept, o.Value)
		}
	}
	if !found && o.Op != "remove" {
		member, err := o.newMember(path)
		if err != nil {
			return err
		}
		kept = append(kept, member)
	}
	if len(kept) == 0 {
		delete(scope, key)
		return nil
	}
	scope[key] = kept
	return nil
}

// newMember makes the value that a filter such as type eq "work" did not find, as some directories expect it.
func (o *operation) newMember(path filter.Path) (any, error) {
	e, ok := path.ValueExpression.(*filter.AttributeExpression)
	if !ok || e.Operator != filter.EQ || path.SubAttribute == nil {
		return nil, badRequest("noTarget", "no value matches the path's filter")
	}
	return map[string]any{e.AttributePath.AttributeName: e.CompareValue, *path.SubAttribute: o.Value}, nil
}

func isList(v any) bool   { _, ok := v.([]any); return ok }
func isObject(v any) bool { _, ok := v.(map[string]any); return ok }

func asList(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

// joined is the list with those of more that it lacks.
func joined(list, more []any) []any {
	seen := keys(list)
	for _, v := range more {
		if k, ok := keyOf(v); ok {
			if seen[k] {
				continue
			}
			seen[k] = true
		} else if slices.ContainsFunc(list, func(old any) bool { return reflect.DeepEqual(old, v) }) {
			continue
		}
		list = append(list, v)
	}
	return list
}

func without(list, gone []any) []any {
	drop := keys(gone)
	return slices.DeleteFunc(slices.Clone(list), func(v any) bool {
		k, ok := keyOf(v)
		return ok && drop[k]
	})
}

// keyOf is by what values of a list are told apart: a member's ID, or a text itself.
func keyOf(v any) (string, bool) {
	key, ok := plainValue(v).(string)
	return key, ok
}

func keys(list []any) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, v := range list {
		if k, ok := keyOf(v); ok {
			set[k] = true
		}
	}
	return set
}
