package admin

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/ca"
)

const (
	// maxSSHKeys bounds a user's.
	maxSSHKeys = 20
	// maxSSHKeyName is in characters.
	maxSSHKeyName = 128
)

type ownSSHKeyInput struct {
	Name   string `json:"name,omitempty" maxLength:"128" doc:"What it is, such as laptop; default: the key's comment"`
	Public string `json:"public" maxLength:"16384" doc:"The public key, as in id_ed25519.pub: Ed25519, ECDSA, one on a security key, or RSA of at least 3072 bits"`
}

type sshKeyInput struct {
	User   string `json:"user" maxLength:"128" doc:"The service account whose key it will be"`
	Name   string `json:"name,omitempty" maxLength:"128"`
	Public string `json:"public" maxLength:"16384"`
}

type byFingerprint struct {
	Fingerprint string `path:"fingerprint" maxLength:"128" doc:"SHA256:..., as ssh-keygen -l shows it"`
}

// sshKeyFilter has paging's fields written out, as tokenFilter does.
type sshKeyFilter struct {
	User   string `query:"user" maxLength:"128" doc:"Only this user's"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" doc:"Items in a page; default 1000"`
	Cursor string `query:"cursor" maxLength:"256" doc:"The previous page's next"`
}

func (s *Service) registerSSHKeys(a *api) {
	add(a, route{method: http.MethodGet, path: "/me/ssh-keys", id: "list-my-ssh-keys", summary: "List the caller's SSH keys", level: signedIn},
		func(ctx context.Context, in *paging) (*answer[list[access.SSHKey]], error) {
			return s.listSSHKeys(ctx, &sshKeyFilter{User: callerOf(ctx).name, Limit: in.Limit, Cursor: in.Cursor})
		})
	add(a, route{method: http.MethodPost, path: "/me/ssh-keys", id: "add-my-ssh-key", summary: "Register an SSH key of the caller's", level: signedIn, status: http.StatusCreated,
		description: "It opens the native SSH entrance. Within 15 minutes of signing in or of a step-up, in a browser or a terminal."},
		func(ctx context.Context, in *answer[ownSSHKeyInput]) (*answer[access.SSHKey], error) {
			if err := s.requireFreshSession(ctx); err != nil {
				return nil, err
			}
			return s.addSSHKey(ctx, callerOf(ctx).name, in.Body)
		})
	add(a, route{method: http.MethodDelete, path: "/me/ssh-keys/{fingerprint}", id: "remove-my-ssh-key", summary: "Remove one of the caller's SSH keys", level: signedIn,
		description: "Sessions that it opened end at once."},
		func(ctx context.Context, in *byFingerprint) (*struct{}, error) {
			return nil, s.removeSSHKey(ctx, in.Fingerprint, callerOf(ctx).name)
		})
	add(a, route{method: http.MethodGet, path: "/ssh-keys", id: "list-ssh-keys", summary: "List users' SSH keys", level: reader}, s.listSSHKeys)
	add(a, route{method: http.MethodPost, path: "/ssh-keys", id: "add-ssh-key", summary: "Register an SSH key of a service account's", level: adminOnly, status: http.StatusCreated,
		description: "People register their own."},
		func(ctx context.Context, in *answer[sshKeyInput]) (*answer[access.SSHKey], error) {
			snap, err := s.snapshotNow(ctx)
			if err != nil {
				return nil, err
			}
			u, ok := snap.Users[in.Body.User]
			switch {
			case !ok:
				return nil, invalid("user", "there is no user %q", in.Body.User)
			case u.Kind != access.ServiceAccount:
				return nil, conflict("%s is a person, who registers their keys themselves: under My account, or with sally ssh-key add", u.Name)
			}
			return s.addSSHKey(ctx, u.Name, ownSSHKeyInput{Name: in.Body.Name, Public: in.Body.Public})
		})
	add(a, route{method: http.MethodDelete, path: "/ssh-keys/{fingerprint}", id: "remove-ssh-key", summary: "Remove a user's SSH key", level: adminOnly,
		description: "Sessions that it opened end at once."},
		func(ctx context.Context, in *byFingerprint) (*struct{}, error) {
			return nil, s.removeSSHKey(ctx, in.Fingerprint, "")
		})
}

func (s *Service) listSSHKeys(ctx context.Context, in *sshKeyFilter) (*answer[list[access.SSHKey]], error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	var fingerprints []string
	for _, f := range slices.Sorted(maps.Keys(snap.SSHKeys)) {
		if in.User == "" || snap.SSHKeys[f].User == in.User {
			fingerprints = append(fingerprints, f)
		}
	}
	return &answer[list[access.SSHKey]]{Body: page(paging{Limit: in.Limit, Cursor: in.Cursor}, fingerprints, func(f string) access.SSHKey {
		return snap.SSHKeys[f]
	})}, nil
}

// readSSHKey makes the key of what was sent. Its name is its comment where none was given.
func (s *Service) readSSHKey(user string, in ownSSHKeyInput) (access.SSHKey, error) {
	public, comment, err := ca.ParseSSHKey(in.Public)
	if err != nil {
		return access.SSHKey{}, invalid("public", "%s", err)
	}
	name := strings.TrimSpace(printable(in.Name))
	if name == "" {
		name = strings.TrimSpace(printable(comment))
	}
	if utf8.RuneCountInString(name) > maxSSHKeyName {
		name = string([]rune(name)[:maxSSHKeyName])
	}
	return access.SSHKey{Fingerprint: ssh.FingerprintSHA256(public), User: user, Name: name, Public: ca.SSHLine(public),
		Created: s.now().UTC().Truncate(time.Microsecond)}, nil
}

func (s *Service) addSSHKey(ctx context.Context, user string, in ownSSHKeyInput) (*answer[access.SSHKey], error) {
	k, err := s.readSSHKey(user, in)
	if err != nil {
		return nil, err
	}
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return nil, err
	}
	if there, ok := snap.SSHKeys[k.Fingerprint]; ok {
		if there.User == user {
			return nil, conflict("this key is registered already, as %q", there.Name)
		}
		return nil, conflict("this key is registered already by somebody else; a key proves one user alone, so make another")
	}
	count := 0
	for _, other := range snap.SSHKeys {
		if other.User == user {
			count++
		}
	}
	if count >= maxSSHKeys {
		return nil, conflict("%s has %d SSH keys already; remove one first", user, maxSSHKeys)
	}
	_, err = s.change(ctx, act{action: "ssh_keys.create", target: user, after: k}, func(ctx context.Context) error { return s.store.AddSSHKey(ctx, k) })
	return &answer[access.SSHKey]{Body: k}, err
}

// removeSSHKey removes the key if it is the user's; an empty user stands for everybody.
func (s *Service) removeSSHKey(ctx context.Context, fingerprint, user string) error {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return err
	}
	k, ok := snap.SSHKeys[fingerprint]
	if !ok || user != "" && k.User != user {
		return notFound("SSH key", fingerprint)
	}
	_, err = s.change(ctx, act{action: "ssh_keys.delete", target: k.User, before: k}, func(ctx context.Context) error {
		return s.store.DeleteSSHKey(ctx, fingerprint)
	})
	return err
}
