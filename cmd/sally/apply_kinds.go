package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/sallyport/sallyport/access"
)

// appliedKind is a kind of object that files describe.
type appliedKind interface {
	kind() string
	// plan gives what must be done so that the objects are as wanted, in the order of names: what to write, and, if
	// prune, what to remove.
	plan(ctx context.Context, c *apiClient, wanted []json.RawMessage, prune bool) (write, remove []change, err error)
	// export gives the objects as a file would describe them.
	export(ctx context.Context, c *apiClient) ([]json.RawMessage, error)
}

// appliedKinds are all of them, in an order in which each finds what it names.
func appliedKinds() []appliedKind {
	return []appliedKind{
		&kindOf[access.Credential]{many: "credentials", name: func(c *access.Credential) *string { return &c.Name }},
		&kindOf[access.Group]{
			many: "groups", name: func(g *access.Group) *string { return &g.Name },
			foreign: func(g *access.Group) bool { return g.Source != "" },
			plain:   func(g *access.Group) { *g = access.Group{Name: g.Name} },
		},
		&kindOf[access.Resource]{
			many: "resources", name: func(r *access.Resource) *string { return &r.Name },
			plain: func(r *access.Resource) { r.SSH = plainSSH(r.SSH) },
			keep:  keepHostKeys,
		},
		&kindOf[access.Role]{
			many: "roles", name: func(r *access.Role) *string { return &r.Name },
			plain: func(r *access.Role) { sortNames(&r.Resources, &r.Groups) },
			needs: func(r *access.Role) []string {
				if r.Request == nil {
					return nil
				}
				return r.Request.Approvers
			},
		},
		&kindOf[access.User]{
			many: "users", name: func(u *access.User) *string { return &u.Name },
			foreign: func(u *access.User) bool { return u.Source != "" },
			plain:   plainUser,
		},
		&kindOf[access.Policy]{many: "policies", name: func(p *access.Policy) *string { return &p.Name }},
	}
}

// plainUser leaves what a file may say.
func plainUser(u *access.User) {
	*u = access.User{Name: u.Name, Kind: cmp.Or(u.Kind, access.Person), Title: u.Title, Email: u.Email, Groups: u.Groups, Roles: u.Roles,
		Workloads: u.Workloads}
	sortNames(&u.Groups, &u.Roles)
}

// sortNames brings lists whose order means nothing into the server's order.
func sortNames(lists ...*[]string) {
	for _, l := range lists {
		*l = slices.Clone(*l)
		slices.Sort(*l)
		*l = slices.Compact(*l)
	}
}

// kindOf is an appliedKind whose objects are the API's T.
type kindOf[T any] struct {
	many string
	name func(*T) *string
	// foreign says that the object is a directory's, which alone says what it is; nil: none is.
	foreign func(*T) bool
	// plain takes away what only the server sets, and brings the rest into the form in which the server keeps it; nil:
	// nothing is to be done.
	plain func(*T)
	// keep takes over from old, which is there, what a file leaves to the server where it does not say it; nil: nothing is.
	keep func(wanted, old *T)
	// needs names others of the kind that must be there before the object; nil: none is needed.
	needs func(*T) []string
}

func (k *kindOf[T]) kind() string { return k.many }

func (k *kindOf[T]) plan(ctx context.Context, c *apiClient, wanted []json.RawMessage, prune bool) (write, remove []change, err error) {
	objects, err := k.decode(wanted)
	if err != nil {
		return nil, nil, err
	}
	present, err := joined[T](ctx, c, "/"+k.many, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("list %s: %w", k.many, err)
	}
	if len(present.Revisions) != len(present.Items) {
		return nil, nil, fmt.Errorf("list %s: %d objects with %d revisions; is the server older than this program?", k.many, len(present.Items), len(present.Revisions))
	}
	kept, revisions := map[string]*T{}, map[string]string{}
	for i := range present.Items {
		name := *k.name(&present.Items[i])
		kept[name], revisions[name] = &present.Items[i], present.Revisions[i]
	}
	for i := range objects {
		object, name := &objects[i], *k.name(&objects[i])
		old := kept[name]
		delete(kept, name)
		one := change{verb: verbCreate, kind: k.many, name: name}
		one.make = func(ctx context.Context, c *apiClient) error {
			return c.replace(ctx, k.path(name), revisions[name], object, nil)
		}
		if old != nil {
			if k.isForeign(old) {
				return nil, nil, fmt.Errorf("%s %s comes from a directory, which says what it is; take it out of the file", k.many, name)
			}
			k.makePlain(old)
			if k.keep != nil {
				k.keep(object, old)
			}
			one.verb, one.before = verbUpdate, encodePlain(old)
		}
		if one.after = encodePlain(object); !bytes.Equal(one.before, one.after) {
			write = append(write, one)
		}
	}
	if prune {
		remove = k.removals(kept)
	}
	return write, remove, nil
}

// removals are those of the objects that no file names.
func (k *kindOf[T]) removals(left map[string]*T) []change {
	var remove []change
	for name, object := range left {
		if k.isForeign(object) {
			continue
		}
		k.makePlain(object)
		remove = append(remove, change{verb: verbRemove, kind: k.many, name: name, before: encodePlain(object),
			make: func(ctx context.Context, c *apiClient) error {
				return c.do(ctx, http.MethodDelete, k.path(name), nil, nil)
			}})
	}
	slices.SortFunc(remove, func(a, b change) int { return cmp.Compare(a.name, b.name) })
	return remove
}

// decode reads the file's objects; one member too many is an error that names the object.
func (k *kindOf[T]) decode(items []json.RawMessage) ([]T, error) {
	objects := make([]T, len(items))
	seen := map[string]bool{}
	for i, item := range items {
		d := json.NewDecoder(bytes.NewReader(item))
		d.DisallowUnknownFields()
		if err := d.Decode(&objects[i]); err != nil {
			return nil, fmt.Errorf("%s, number %d (%.40s...): %w", k.many, i+1, item, err)
		}
		name := *k.name(&objects[i])
		if name == "" || seen[name] {
			return nil, fmt.Errorf("%s, number %d: every object has a name of its own, and %q is none", k.many, i+1, name)
		}
		seen[name] = true
		k.makePlain(&objects[i])
	}
	slices.SortFunc(objects, func(a, b T) int { return cmp.Compare(*k.name(&a), *k.name(&b)) })
	return k.inOrder(objects), nil
}

// inOrder moves objects behind those that they need. Of some that need each other the order stays; the server says then
// which is missing.
func (k *kindOf[T]) inOrder(objects []T) []T {
	if k.needs == nil {
		return objects
	}
	place := make(map[string]int, len(objects))
	for i := range objects {
		place[*k.name(&objects[i])] = i
	}
	ordered, seen := make([]T, 0, len(objects)), make([]bool, len(objects))
	var add func(i int)
	add = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, name := range k.needs(&objects[i]) {
			if needed, ok := place[name]; ok {
				add(needed)
			}
		}
		ordered = append(ordered, objects[i])
	}
	for i := range objects {
		add(i)
	}
	return ordered
}

func (k *kindOf[T]) export(ctx context.Context, c *apiClient) ([]json.RawMessage, error) {
	present, err := all[T](ctx, c, "/"+k.many, nil)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", k.many, err)
	}
	var out []json.RawMessage
	for i := range present {
		if k.isForeign(&present[i]) {
			continue
		}
		k.makePlain(&present[i])
		out = append(out, encodePlain(&present[i]))
	}
	return out, nil
}

func (k *kindOf[T]) isForeign(object *T) bool { return k.foreign != nil && k.foreign(object) }

func (k *kindOf[T]) makePlain(object *T) {
	if k.plain != nil {
		k.plain(object)
	}
}

func (k *kindOf[T]) path(name string) string { return "/" + k.many + "/" + url.PathEscape(name) }

// encodePlain is an object's JSON without members that are empty, in which the server and a file may differ.
func encodePlain(object any) json.RawMessage {
	var members map[string]any
	b, err := json.Marshal(object)
	if err == nil {
		err = json.Unmarshal(b, &members)
	}
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", object, err)) // the API's own types: a mistake in this program
	}
	for name, v := range members {
		if isEmpty(v) {
			delete(members, name)
		}
	}
	b, _ = json.Marshal(members)
	return b
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
