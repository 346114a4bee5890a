package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
)

// hostKey is a key by which an SSH server is known, and how it came to be.
type hostKey struct {
	Fingerprint string    `json:"fingerprint" doc:"SHA256:..., as ssh-keygen -l shows it"`
	Type        string    `json:"type" doc:"Such as ssh-ed25519"`
	Authority   bool      `json:"authority" doc:"It is no server's own, but signs those of servers"`
	How         string    `json:"how,omitempty" enum:"learned,given" doc:"learned: it was the first that was seen; given: by a person. Empty: the record does not tell"`
	By          string    `json:"by,omitempty" doc:"Who gave it, or the gateway that saw it"`
	Session     string    `json:"session,omitempty" doc:"In which it was seen"`
	At          time.Time `json:"at,omitzero"`
}

func (s *Service) registerHostKeys(a *api) {
	add(a, route{method: http.MethodGet, path: "/resources/{name}/host-keys", id: "list-host-keys", summary: "List the keys by which an SSH server is known", level: reader,
		description: "With who gave them and when, as far as the record tells. All are in one page."},
		func(ctx context.Context, in *byName) (*answer[list[hostKey]], error) {
			items, err := s.hostKeys(ctx, in.Name)
			return &answer[list[hostKey]]{Body: list[hostKey]{Items: items}}, err
		})
	add(a, route{method: http.MethodDelete, path: "/resources/{name}/host-keys/{fingerprint}", id: "forget-host-key", level: adminOnly,
		summary: "Forget a key by which an SSH server is known",
		description: "One that was learned or given, and no authority. Once neither keys nor authorities are known, the next key that the server shows is pinned: " +
			"where its new key is at hand, replace the resource's host_keys by it instead."},
		func(ctx context.Context, in *struct {
			Name        string `path:"name" maxLength:"128"`
			Fingerprint string `path:"fingerprint" maxLength:"128" doc:"SHA256:..., as ssh-keygen -l shows it"`
		}) (*struct{}, error) {
			return nil, s.forgetHostKey(ctx, in.Name, in.Fingerprint)
		})
}

func (s *Service) forgetHostKey(ctx context.Context, name, fingerprint string) error {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return err
	}
	r, ok := snap.Resources[name]
	if !ok {
		return notFound("resource", name)
	}
	settings := access.SSH{}
	if r.SSH != nil {
		settings = *r.SSH
	}
	i := slices.IndexFunc(settings.HostKeys, func(line string) bool {
		key, problem := readHostKey(line)
		return problem == "" && ssh.FingerprintSHA256(key) == fingerprint
	})
	if i < 0 {
		return notFound("host key", fingerprint)
	}
	forgotten := settings.HostKeys[i]
	settings.HostKeys = slices.Delete(slices.Clone(settings.HostKeys), i, i+1)
	r.SSH = &settings
	if saysNothing(&settings) {
		r.SSH = nil
	}
	a := act{action: "resources.forget-host-key", target: name, before: map[string]string{"host_key": forgotten, "fingerprint": fingerprint}}
	_, err = s.change(ctx, a, func(ctx context.Context) error { return s.store.PutResource(ctx, r) })
	return err
}

func (s *Service) hostKeys(ctx context.Context, name string) ([]hostKey, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	r, ok := snap.Resources[name]
	if !ok {
		return nil, notFound("resource", name)
	}
	items := []hostKey{}
	if r.SSH == nil {
		return items, nil
	}
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	page, err := s.searcher.Search(ctx, audit.Query{Limit: maxPage,
		Text: "type:admin action:resources.create,resources.update,resources.pin-host-key target:" + quoteTerm(name)})
	if err != nil {
		return nil, err
	}
	for _, l := range []struct {
		lines     []string
		authority bool
	}{{r.SSH.HostKeys, false}, {r.SSH.HostCAs, true}} {
		for _, line := range l.lines {
			key, problem := readHostKey(line)
			if problem != "" {
				continue // nothing else is ever kept
			}
			k := hostKey{Fingerprint: ssh.FingerprintSHA256(key), Type: key.Type(), Authority: l.authority}
			k.tell(page.Rows, strings.Fields(line)[1])
			items = append(items, k)
		}
	}
	return items, nil
}

// tell finds the newest act that brought the key in, among those of its resource, newest first.
func (k *hostKey) tell(acts []audit.Event, base64 string) {
	for i := range acts {
		e := &acts[i]
		if e.Verdict != audit.Allow || !strings.Contains(e.After, base64) || strings.Contains(e.Before, base64) {
			continue
		}
		k.How, k.By, k.At = "given", e.User, e.Time
		if e.Action == "resources.pin-host-key" {
			var pin struct{ Session string }
			_ = json.Unmarshal([]byte(e.After), &pin) // without it the session stays unknown
			k.How, k.Session = "learned", pin.Session
		}
		return
	}
}
