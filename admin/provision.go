package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/scim"
	"github.com/sallyport/sallyport/admin/store"
)

// scimRoot is where directories push to.
const scimRoot = "/scim/v2"

// scimSource is the Source of users and groups that a directory pushes.
const scimSource = "scim"

// provisioner keeps what a directory pushes. What one of its requests changes is recorded as done by the service account
// whose token the directory has.
type provisioner struct{ *Service }

// scimHandler serves SCIM to those whose role lets them provision.
func (s *Service) scimHandler() http.Handler {
	h := scim.Handler(scimRoot, provisioner{s}, func(r *http.Request, err error) *scim.Error { return s.refusalBySCIM(r.Context(), err) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.authenticate(r)
		if err == nil && (c.cookie != "" || c.client != "" || c.local || !c.provisioner) {
			err = forbidden("this needs an access token of a user whose role may provision")
		}
		if err != nil {
			scim.Refuse(w, s.refusalBySCIM(r.Context(), err))
			return
		}
		h.ServeHTTP(w, r.WithContext(withCaller(r.Context(), c)))
	})
}

// refusalBySCIM says in SCIM's form what the API's Problem says, and logs what the directory is not told.
func (s *Service) refusalBySCIM(ctx context.Context, err error) *scim.Error {
	p := s.answerable(ctx, err)
	e := &scim.Error{Status: p.Status, Detail: p.Detail}
	switch {
	case errors.Is(err, store.ErrConflict): // others change things at this moment; the object may be nobody's
		e.Status = http.StatusServiceUnavailable
	case p.Status == http.StatusUnprocessableEntity:
		e.Status, e.Type = http.StatusBadRequest, "invalidValue"
	case p.Status == http.StatusConflict:
		e.Type = "uniqueness"
	}
	return e
}

// List implements scim.Directory.
func (p provisioner) List(ctx context.Context, kind scim.Kind) ([]scim.Object, error) {
	snap, err := p.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	v, err := p.view(ctx, snap)
	if err != nil {
		return nil, err
	}
	out := []scim.Object{}
	for _, o := range v.kept[kind] {
		if object, ok := v.object(o); ok {
			out = append(out, object)
		}
	}
	return out, nil
}

// Get implements scim.Directory.
func (p provisioner) Get(ctx context.Context, kind scim.Kind, id string) (scim.Object, error) {
	snap, err := p.snapshot(ctx)
	if err != nil {
		return scim.Object{}, err
	}
	return p.get(ctx, snap, kind, id)
}

func (p provisioner) get(ctx context.Context, snap *snapshot, kind scim.Kind, id string) (scim.Object, error) {
	kept, err := p.store.SCIMObject(ctx, string(kind), id)
	if err != nil {
		return scim.Object{}, err
	}
	v, err := p.view(ctx, snap)
	if err != nil {
		return scim.Object{}, err
	}
	o, ok := v.object(kept)
	if !ok {
		return scim.Object{}, scim.ErrNotFound
	}
	return o, nil
}

// Create implements scim.Directory. A user who is there already without being the directory's becomes the directory's.
func (p provisioner) Create(ctx context.Context, kind scim.Kind, d scim.Document) (scim.Object, error) {
	return p.putAgain(ctx, kind, "", 0, d)
}

// Replace implements scim.Directory.
func (p provisioner) Replace(ctx context.Context, kind scim.Kind, id string, version int64, d scim.Document) (scim.Object, error) {
	return p.putAgain(ctx, kind, id, version, d)
}

func (p provisioner) putAgain(ctx context.Context, kind scim.Kind, id string, version int64, d scim.Document) (o scim.Object, err error) {
	err = again(ctx, func() error {
		o, err = p.put(ctx, kind, id, version, d)
		return err
	})
	return o, err
}

// put writes the object. The directory's word on whether a user may do anything counts when it changes: what an admin
// has decided here stands until then. Putting out comes first and letting in last, so that what breaks off in between
// leaves nobody in.
func (p provisioner) put(ctx context.Context, kind scim.Kind, id string, version int64, d scim.Document) (o scim.Object, err error) {
	present := scim.Object{Document: scim.Document{}}
	if kind == scim.User && id != "" {
		if present, err = p.Get(ctx, kind, id); err != nil {
			return o, err
		}
		if name := present.Document.Text("userName"); strings.EqualFold(name, d.Text("userName")) {
			d = d.With("userName", name)
		}
		if present.Version == version && present.Document.Active() && !d.Active() {
			if _, _, err := p.suspend(ctx, present.Document.Text("userName")); err != nil {
				return o, err
			}
		}
	}
	if kind == scim.User && id == "" {
		if d, err = p.asNamedHere(ctx, d); err != nil {
			return o, err
		}
	}
	if kind == scim.User && d.Active() && !present.Document.Active() {
		if err := p.guardReinstating(ctx, d.Text("userName")); err != nil {
			return o, err
		}
	}
	if o, err = p.putLocked(ctx, kind, id, version, d); err != nil || kind != scim.User || d.Active() == present.Document.Active() {
		return o, err
	}
	if d.Active() {
		_, err = p.reinstate(ctx, d.Text("userName"))
	} else if id == "" {
		_, _, err = p.suspend(ctx, d.Text("userName"))
	}
	return o, err
}

// asNamedHere is the new user's document with the name of the user who is here already, if there is one: upper and lower
// case of a userName are one (RFC 7643, section 4.1.1).
func (p provisioner) asNamedHere(ctx context.Context, d scim.Document) (scim.Document, error) {
	name := d.Text("userName")
	if err := checkUserName(name); err != nil {
		return d, err
	}
	snap, err := p.snapshotNow(ctx)
	if err != nil {
		return d, err
	}
	u, exists, err := snap.userNamed(name)
	if err != nil || !exists {
		return d, err
	}
	return d.With("userName", u.Name), nil
}

func (p provisioner) putLocked(ctx context.Context, kind scim.Kind, id string, version int64, d scim.Document) (o scim.Object, err error) {
	ctx, unlock := p.lock(ctx)
	defer unlock()
	snap, err := p.snapshotLocked(ctx)
	if err != nil {
		return o, err
	}
	v, err := p.view(ctx, snap)
	if err != nil {
		return o, err
	}
	now := p.now().UTC().Truncate(time.Microsecond)
	next := store.SCIMObject{ID: id, Kind: string(kind), Created: now}
	if id == "" {
		next.ID = uuid.NewString()
	} else {
		kept, ok := v.byID[id]
		present, visible := v.object(kept)
		switch {
		case !ok || !visible || kept.Kind != string(kind):
			return o, scim.ErrNotFound
		case present.Version != version:
			return o, scim.ErrChanged
		case sameDocument(present.Document, d):
			return present, nil
		}
		next = kept
	}
	next.Version, next.Changed, next.ExternalID = next.Version+1, now, d.Text("externalId")
	if err := encodeAttributes(&next, d); err != nil {
		return o, err
	}
	if kind == scim.Group {
		err = p.putGroup(ctx, snap, v, next, d)
	} else {
		err = p.putUser(ctx, snap, v, next, d)
	}
	if err != nil {
		return o, err
	}
	return p.get(ctx, p.current.Load(), kind, next.ID)
}

func encodeAttributes(o *store.SCIMObject, d scim.Document) error {
	b, err := json.Marshal(d.Without("members").Without("groups"))
	if err != nil {
		return fmt.Errorf("encode attributes: %w", err)
	}
	o.Attributes = string(b)
	return nil
}

func sameDocument(a, b scim.Document) bool {
	encode := func(d scim.Document) string {
		b, err := json.Marshal(d.Without("members").Without("groups"))
		if err != nil {
			return ""
		}
		return string(b)
	}
	return encode(a) == encode(b) && slices.Equal(a.Members(), b.Members())
}

// putUser makes or changes the user. Its callers hold s.mu.
func (p provisioner) putUser(ctx context.Context, snap *snapshot, v *scimView, o store.SCIMObject, d scim.Document) error {
	name := d.Text("userName")
	if o.Name != "" && o.Name != name {
		return &scim.Error{Status: http.StatusBadRequest, Type: "mutability",
			Detail: "userName cannot be changed: it names the user in the audit log; deactivate this user and create another"}
	}
	o.Name = name
	if err := checkUserName(name); err != nil {
		return err
	}
	if err := checkNewName(snap, name); err != nil {
		return err
	}
	u, exists := snap.Users[name]
	if kept, ok := v.named[scim.User][name]; ok && exists && kept.ID != o.ID {
		return conflict("there is a user %q already", name)
	}
	if exists && u.Kind != access.Person {
		return conflict("%q is a service account", name)
	}
	a, before := act{action: "users.create", target: name}, u
	if exists {
		a.action, a.before = "users.update", before
	} else {
		u = access.User{Name: name, Kind: access.Person, Created: o.Changed, CertificatesValidFrom: o.Changed}
	}
	u.Source, u.Title, u.Email = scimSource, titleOf(d), truncate(d.Primary("emails"))
	a.after = u
	if exists {
		if err := p.guardUser(ctx, snap, &before, &u); err != nil {
			return err
		}
	}
	_, err := p.change(ctx, a, func(ctx context.Context) error {
		if err := p.store.PutUser(ctx, u); err != nil {
			return err
		}
		return p.store.PutSCIMObject(ctx, o)
	})
	return err
}

// titleOf is the name that people read.
func titleOf(d scim.Document) string {
	if title := d.Text("displayName"); title != "" {
		return truncate(title)
	}
	name := d.Complex("name")
	if title := name.Text("formatted"); title != "" {
		return truncate(title)
	}
	return truncate(strings.TrimSpace(name.Text("givenName") + " " + name.Text("familyName")))
}

// truncate bounds a text that only people read.
func truncate(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "")
}

// Delete implements scim.Directory.
func (p provisioner) Delete(ctx context.Context, kind scim.Kind, id string, version int64) error {
	return again(ctx, func() error { return p.delete(ctx, kind, id, version) })
}

func (p provisioner) delete(ctx context.Context, kind scim.Kind, id string, version int64) error {
	o, err := p.Get(ctx, kind, id)
	if err != nil {
		return err
	}
	if version != 0 && version != o.Version {
		return scim.ErrChanged
	}
	if kind == scim.Group {
		return p.deleteGroup(ctx, id, o.Document.Text("displayName"))
	}
	if err := p.removeUser(ctx, o.Document.Text("userName")); err != nil {
		return err
	}
	return p.store.DeleteSCIMObject(ctx, string(kind), id) // which nobody sees any more without its user
}
