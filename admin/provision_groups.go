package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/scim"
	"github.com/sallyport/sallyport/admin/store"
)

// scimView is what was pushed, beside the users and groups that it is about.
type scimView struct {
	snap    *snapshot
	kept    map[scim.Kind][]store.SCIMObject
	byID    map[string]store.SCIMObject
	named   map[scim.Kind]map[string]store.SCIMObject
	members map[string][]string // names of users by group's name, sorted
}

func (s *Service) view(ctx context.Context, snap *snapshot) (*scimView, error) {
	v := &scimView{snap: snap, kept: map[scim.Kind][]store.SCIMObject{}, byID: map[string]store.SCIMObject{},
		named: map[scim.Kind]map[string]store.SCIMObject{}, members: map[string][]string{}}
	for _, kind := range []scim.Kind{scim.User, scim.Group} {
		all, err := s.store.SCIMObjects(ctx, string(kind))
		if err != nil {
			return nil, err
		}
		v.kept[kind], v.named[kind] = all, make(map[string]store.SCIMObject, len(all))
		for _, o := range all {
			v.byID[o.ID], v.named[kind][o.Name] = o, o
		}
	}
	for _, name := range slices.Sorted(maps.Keys(snap.Users)) {
		for _, g := range snap.Users[name].Groups {
			v.members[g] = append(v.members[g], name)
		}
	}
	return v, nil
}

// object is what was pushed, as the directory sees it; false when the user or group was removed here since, or the
// attributes cannot be read.
func (v *scimView) object(o store.SCIMObject) (scim.Object, bool) {
	d := scim.Document{}
	if json.Unmarshal([]byte(o.Attributes), &d) != nil {
		return scim.Object{}, false
	}
	var exists bool
	switch kind := scim.Kind(o.Kind); kind {
	case scim.User:
		if _, exists = v.snap.Users[o.Name]; exists {
			d["groups"] = v.references(scim.Group, v.snap.Users[o.Name].Groups)
		}
	case scim.Group:
		if _, exists = v.snap.Groups[o.Name]; exists {
			d["members"] = v.references(scim.User, v.members[o.Name])
		}
	}
	return scim.Object{ID: o.ID, Document: d, Version: o.Version, Created: o.Created, Changed: o.Changed}, exists
}

// references are those of the named objects that the directory knows.
func (v *scimView) references(kind scim.Kind, names []string) []any {
	list := []any{}
	for _, name := range names {
		if o, ok := v.named[kind][name]; ok {
			list = append(list, map[string]any{"value": o.ID, "display": name})
		}
	}
	return list
}

// groupChange is what the record tells of a change of members: the differences, since groups may be large.
type groupChange struct {
	Name    string   `json:"name"`
	Members int      `json:"members"`
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
}

// putGroup makes or changes the group and its members' lists. Its callers hold s.mu.
func (p provisioner) putGroup(ctx context.Context, snap *snapshot, v *scimView, o store.SCIMObject, d scim.Document) error {
	former := o.Name
	o.Name = d.Text("displayName")
	if len(o.Name) > maxText {
		return invalid("displayName", "a group's name has at most %d bytes", maxText)
	}
	if kept, ok := v.named[scim.Group][o.Name]; ok && kept.ID != o.ID {
		if _, exists := snap.Groups[o.Name]; exists {
			return conflict("there is a group %q already", o.Name)
		}
	}
	wanted, err := v.namesOf(d.Members())
	if err != nil {
		return err
	}
	// Members whom the directory does not know are none of its business: an admin put them there.
	known := func(name string) bool { _, ok := v.named[scim.User][name]; return ok }
	before := slices.DeleteFunc(slices.Clone(v.members[cmp.Or(former, o.Name)]), func(name string) bool { return !known(name) })
	changed := changedMembers(snap, before, wanted, former, o.Name)

	after := groupChange{Name: o.Name, Members: len(wanted), Added: missing(wanted, before), Removed: missing(before, wanted)}
	if err := p.guardGroup(ctx, snap, former, o.Name, after.Added); err != nil {
		return err
	}
	a := act{action: "groups.create", target: o.Name, after: after}
	if former != "" {
		a.action, a.before = "groups.update", groupChange{Name: former, Members: len(before)}
	}
	group := access.Group{Name: o.Name, Source: scimSource, Created: o.Created}
	_, err = p.change(ctx, a, func(ctx context.Context) error {
		if former != "" && former != o.Name {
			if err := p.store.DeleteGroup(ctx, former); err != nil {
				return err
			}
		}
		if err := p.store.PutGroup(ctx, group); err != nil {
			return err
		}
		for _, u := range changed {
			if err := p.store.PutUser(ctx, u); err != nil {
				return err
			}
		}
		return p.store.PutSCIMObject(ctx, o)
	})
	return err
}

// namesOf are the users of the IDs, sorted.
func (v *scimView) namesOf(ids []string) ([]string, error) {
	names := make([]string, 0, len(ids))
	for _, id := range ids {
		o, ok := v.byID[id]
		if _, exists := v.snap.Users[o.Name]; !ok || !exists || o.Kind != string(scim.User) {
			return nil, invalid("members", "there is no user with the id %.100q", id)
		}
		names = append(names, o.Name)
	}
	slices.Sort(names)
	return names, nil
}

// missing are those of a that b lacks; both are sorted.
func missing(a, b []string) (out []string) {
	for _, name := range a {
		if _, ok := slices.BinarySearch(b, name); !ok {
			out = append(out, name)
		}
	}
	return out
}

// changedMembers are the users whose lists of groups become others: before leave the group former, wanted come to name.
func changedMembers(snap *snapshot, before, wanted []string, former, name string) []access.User {
	lists := map[string][]string{}
	list := func(user string) []string {
		if l, ok := lists[user]; ok {
			return l
		}
		return slices.Clone(snap.Users[user].Groups)
	}
	for _, user := range before {
		lists[user] = slices.DeleteFunc(list(user), func(g string) bool { return g == former || g == name })
	}
	for _, user := range wanted {
		l := append(list(user), name)
		slices.Sort(l)
		lists[user] = slices.Compact(l)
	}
	var changed []access.User
	for _, user := range slices.Sorted(maps.Keys(lists)) {
		u := snap.Users[user]
		if slices.Equal(u.Groups, lists[user]) {
			continue
		}
		if u.Groups = lists[user]; len(u.Groups) == 0 {
			u.Groups = nil
		}
		changed = append(changed, u)
	}
	return changed
}

// deleteGroup removes the group, and everybody from it.
func (p provisioner) deleteGroup(ctx context.Context, id, name string) error {
	ctx, unlock := p.lock(ctx)
	defer unlock()
	snap, err := p.snapshotLocked(ctx)
	if err != nil {
		return err
	}
	var members []string
	for user, u := range snap.Users {
		if slices.Contains(u.Groups, name) {
			members = append(members, user)
		}
	}
	slices.Sort(members)
	changed := changedMembers(snap, members, nil, name, name)
	a := act{action: "groups.delete", target: name, before: groupChange{Name: name, Members: len(members), Removed: members}}
	_, err = p.change(ctx, a, func(ctx context.Context) error {
		for _, u := range changed {
			if err := p.store.PutUser(ctx, u); err != nil {
				return fmt.Errorf("take %s out of the group: %w", u.Name, err)
			}
		}
		return errors.Join(p.store.DeleteGroup(ctx, name), p.store.DeleteSCIMObject(ctx, string(scim.Group), id))
	})
	return err
}
