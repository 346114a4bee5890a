package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
)

// noun is a kind of object that admins keep by name. T's JSON is the API's and the record's.
type noun[T any] struct {
	one, many string // "user", "users"
	all       func(*snapshot) map[string]T
	name      func(*T) *string
	// prepare checks the new object and completes it; old is nil when there is none yet.
	prepare func(snap *snapshot, object, old *T) error
	put     func(context.Context, T) error
	remove  func(context.Context, string) error // nil where dismiss is not
	// dismiss takes the place of drop; nil: there is nothing to do beside it.
	dismiss func(ctx context.Context, name string) error
	// inUse refuses a removal that would leave others pointing nowhere; nil: nothing points here.
	inUse func(*snapshot, string) error
}

// written is the answer to PUT: 201 when the object is new, else 200.
type written[T any] struct {
	Status int
	ETag   string `header:"ETag" doc:"The object's revision"`
	Body   T
}

// shown is the answer to GET of one object.
type shown[T any] struct {
	ETag string `header:"ETag" doc:"The object's revision, for If-Match"`
	Body T
}

// replacement is the input of PUT.
type replacement[T any] struct {
	Name    string `path:"name" maxLength:"128"`
	IfMatch string `header:"If-Match" maxLength:"256" doc:"The revision that this was made of; another one is refused with 412, so that nobody undoes unknowingly what others did meanwhile"`
	Body    T
}

// revisionOf tells an object's present state from any other: two objects that say the same have the same one.
func revisionOf(object any) string {
	text, err := json.Marshal(object)
	if err != nil {
		panic(fmt.Sprintf("encode revision: %v", err)) // of our own types: a mistake in this program
	}
	sum := sha256.Sum256(text)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

// registerNoun adds the five routes of a noun.
func registerNoun[T any](a *api, n noun[T]) {
	s := a.service
	root := "/" + n.many
	add(a, route{method: http.MethodGet, path: root, id: "list-" + n.many, summary: "List " + n.many, level: reader},
		func(ctx context.Context, in *paging) (*answer[list[T]], error) {
			snap, err := s.snapshot(ctx)
			if err != nil {
				return nil, err
			}
			objects := n.all(snap)
			names := slices.Sorted(maps.Keys(objects))
			l := page(*in, names, func(name string) T { return objects[name] })
			l.Revisions = make([]string, len(l.Items))
			for i := range l.Items {
				l.Revisions[i] = revisionOf(l.Items[i])
			}
			return &answer[list[T]]{Body: l}, nil
		})
	add(a, route{method: http.MethodGet, path: root + "/{name}", id: "get-" + n.one, summary: "Show a " + n.one, level: reader},
		func(ctx context.Context, in *byName) (*shown[T], error) {
			snap, err := s.snapshot(ctx)
			if err != nil {
				return nil, err
			}
			object, ok := n.all(snap)[in.Name]
			if !ok {
				return nil, notFound(n.one, in.Name)
			}
			return &shown[T]{ETag: revisionOf(object), Body: object}, nil
		})
	add(a, route{method: http.MethodPost, path: root, id: "create-" + n.one, summary: "Create a " + n.one, level: adminOnly,
		status: http.StatusCreated},
		func(ctx context.Context, in *answer[T]) (*answer[T], error) {
			object, _, err := n.save(ctx, s, in.Body, true, "")
			return &answer[T]{Body: object}, err
		})
	add(a, route{method: http.MethodPut, path: root + "/{name}", id: "put-" + n.one, summary: "Create or replace a " + n.one,
		level: adminOnly, description: "The name in the body must be the path's. The same object again changes and records nothing."},
		func(ctx context.Context, in *replacement[T]) (*written[T], error) {
			if *n.name(&in.Body) != in.Name {
				return nil, invalid("name", "the body is about %q, the path about %q", *n.name(&in.Body), in.Name)
			}
			object, created, err := n.save(ctx, s, in.Body, false, in.IfMatch)
			status := http.StatusOK
			if created {
				status = http.StatusCreated
			}
			return &written[T]{Status: status, ETag: revisionOf(object), Body: object}, err
		})
	add(a, route{method: http.MethodDelete, path: root + "/{name}", id: "delete-" + n.one, summary: "Remove a " + n.one, level: adminOnly},
		func(ctx context.Context, in *byName) (*struct{}, error) {
			if n.dismiss != nil {
				return nil, n.dismiss(ctx, in.Name)
			}
			return nil, n.drop(ctx, s, in.Name)
		})
}

// save creates or replaces the object; fresh demands that there is none yet, and match, unless empty, that it has this revision.
func (n *noun[T]) save(ctx context.Context, s *Service, object T, fresh bool, match string) (saved T, created bool, err error) {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return object, false, err
	}
	name := *n.name(&object)
	a := act{action: n.many + ".create", target: name}
	var old *T
	if present, ok := n.all(snap)[name]; ok {
		if fresh {
			return object, false, conflict("there is a %s %q already", n.one, name)
		}
		old, a.action, a.before = &present, n.many+".update", present
	}
	if err := n.unchanged(name, old, match); err != nil {
		return object, false, err
	}
	if err := n.prepare(snap, &object, old); err != nil {
		return object, false, err
	}
	if old != nil && reflect.DeepEqual(*old, object) {
		return object, false, nil
	}
	a.after = object
	if _, err := s.change(ctx, a, func(ctx context.Context) error { return n.put(ctx, object) }); err != nil {
		return object, false, err
	}
	return object, old == nil, nil
}

// unchanged refuses to replace an object that is not the one that match is the revision of.
func (n *noun[T]) unchanged(name string, old *T, match string) error {
	if match == "" || match == "*" && old != nil || old != nil && match == revisionOf(*old) {
		return nil
	}
	sentence := fmt.Sprintf("the %s %s was changed meanwhile, and nothing was done of this; read it again, and make your change to what it is now", n.one, name)
	if old == nil {
		sentence = fmt.Sprintf("the %s %s was removed meanwhile, and nothing was done of this", n.one, name)
	}
	return &refusal{status: http.StatusPreconditionFailed, kind: "urn:sallyport:problem:changed-meanwhile", sentence: sentence}
}

func (n *noun[T]) drop(ctx context.Context, s *Service, name string) error {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return err
	}
	object, ok := n.all(snap)[name]
	if !ok {
		return notFound(n.one, name)
	}
	if n.inUse != nil {
		if err := n.inUse(snap, name); err != nil {
			return err
		}
	}
	a := act{action: n.many + ".delete", target: name, before: object}
	_, err = s.change(ctx, a, func(ctx context.Context) error { return n.remove(ctx, name) })
	return err
}
