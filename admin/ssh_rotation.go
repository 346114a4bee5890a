package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/ca"
)

// The steps in which an SSH authority gets another key.
const (
	rotationBegin  = "begin"
	rotationSwitch = "switch"
	rotationFinish = "finish"
)

// rotationWait is how long certificates by a former key may be around.
const rotationWait = max(ca.SSHHostLifetime, ca.MaxUserLifetime)

type rotationInput struct {
	Name string `path:"name" enum:"users,hosts,logins"`
	Body struct {
		Step string `json:"step" enum:"begin,switch,finish" doc:"begin: another key counts besides; switch: it signs, and the former one counts on; finish: what does not sign does not count any more"`
		Now  bool   `json:"now,omitempty" doc:"Finish before the certificates by the former key have ended, as when it was stolen: they are refused at once"`
	}
}

// sshKeys are the public keys of the SSH authorities, and what is known of others that count.
type sshKeys struct {
	access.SSHAuthorities
	Rotations access.SSHRotations `json:"rotations" doc:"Keys that count besides while an authority is rotated"`
}

func (s *Service) registerSSHRotation(a *api) {
	add(a, route{method: http.MethodPost, path: "/ca/ssh/{name}/rotate", id: "rotate-ssh-ca", summary: "Give an SSH authority another key, step by step", level: adminOnly,
		description: "Two keys count between begin and finish, so that whoever has to know the new one can learn it before it signs: clients' known_hosts of hosts, " +
			"TrustedUserCAKeys of logins. Of users nobody has to know it but gateways, which do at once. finish waits until what the former key of hosts or users signed has ended."},
		func(ctx context.Context, in *rotationInput) (*answer[sshKeys], error) {
			if err := s.rotateSSH(ctx, in.Name, in.Body.Step, in.Body.Now); err != nil {
				return nil, err
			}
			return s.showSSHAuthorities(ctx)
		})
}

func (s *Service) showSSHAuthorities(ctx context.Context) (*answer[sshKeys], error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return &answer[sshKeys]{Body: sshKeys{snap.SSHAuthorities, snap.SSHRotations}}, nil
}

// otherSSHHosts is the key that counts for gateways' host certificates besides the one that signs; empty: none does.
func (s *Service) otherSSHHosts() string {
	if snap := s.current.Load(); snap != nil {
		return snap.SSHRotations.Hosts.OtherKey
	}
	return ""
}

func (s *Service) rotateSSH(ctx context.Context, name, step string, now bool) error {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return err
	}
	before := map[string]access.SSHRotation{"users": snap.SSHRotations.Users, "hosts": snap.SSHRotations.Hosts, "logins": snap.SSHRotations.Logins}[name]
	after, err := rotated(name, before, step, now, s.now())
	if err != nil {
		return err
	}
	_, err = s.change(ctx, act{action: "ssh_authorities.rotate", target: name, before: before, after: map[string]any{"step": step, "signs": after.Signs, "other": after.Other}},
		func(ctx context.Context) error { return s.store.PutSSHRotation(ctx, name, after) })
	return err
}

// rotated is what the step makes of the authority's keys.
func rotated(name string, r access.SSHRotation, step string, now bool, at time.Time) (access.SSHRotation, error) {
	next := access.SSHRotation{Signs: r.Signs, Changed: at.UTC().Truncate(time.Microsecond)}
	switch {
	case step == rotationBegin && r.Other == 0:
		next.Other = r.Signs + 1
	case step == rotationBegin:
		return r, conflict("%s has two keys already; switch or finish first", name)
	case step == rotationSwitch && r.Other > r.Signs:
		next.Signs, next.Other = r.Other, r.Signs
	case step == rotationSwitch:
		return r, conflict("%s has no key that is to sign next; begin first", name)
	case r.Other == 0:
		return r, conflict("%s has one key alone; there is nothing to finish", name)
	case r.Other < r.Signs && name != "logins" && !now && at.Before(r.Changed.Add(rotationWait)):
		return r, conflict("certificates by the former key of %s may be good until %s; finish then, or now if that key was stolen", name,
			r.Changed.Add(rotationWait).UTC().Format(time.RFC3339))
	}
	return next, nil
}
