package admin

import (
	"context"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/sallyport/sallyport/access"
)

const (
	defaultTokenLifetime = 30 * 24 * time.Hour
	maxTokenLifetime     = 366 * 24 * time.Hour
)

// newToken is the only answer that ever holds a token's value.
type newToken struct {
	access.Token
	Value string `json:"token" doc:"The access token. It is shown this once."`
}

type tokenInput struct {
	User    string    `json:"user" doc:"Whose token it will be"`
	Label   string    `json:"label,omitempty" maxLength:"200" doc:"What it is for"`
	Expires time.Time `json:"expires,omitzero" doc:"At most 366 days ahead; default: 30 days"`
	// Scope narrows what it opens; nil: all that the user may.
	Scope *access.Scope `json:"scope,omitempty" doc:"Narrows what it opens; a token with a scope has no admin or auditor rights"`
}

type tokenChange struct {
	Label   string    `json:"label,omitempty" maxLength:"200"`
	Expires time.Time `json:"expires,omitzero" doc:"At most 366 days ahead; default: unchanged"`
	// Scope replaces the present one whole; an empty one takes it away.
	Scope *access.Scope `json:"scope,omitempty" doc:"Default: unchanged; without members: none"`
}

type tokenReplacement struct {
	ID   string `path:"id" maxLength:"128"`
	Body tokenChange
}

type byID struct {
	ID string `path:"id" maxLength:"128"`
}

func (s *Service) registerTokens(a *api) {
	add(a, route{method: http.MethodGet, path: "/tokens", id: "list-tokens", summary: "List access tokens", level: reader}, s.listTokens)
	add(a, route{method: http.MethodGet, path: "/tokens/{id}", id: "get-token", summary: "Show an access token", level: reader},
		func(ctx context.Context, in *byID) (*answer[access.Token], error) {
			snap, err := s.snapshot(ctx)
			if err != nil {
				return nil, err
			}
			t, ok := snap.Tokens[in.ID]
			if !ok {
				return nil, notFound("token", in.ID)
			}
			return &answer[access.Token]{Body: s.describeToken(t)}, nil
		})
	add(a, route{method: http.MethodPost, path: "/tokens", id: "create-token", summary: "Issue an access token", level: adminOnly,
		status: http.StatusCreated, description: "The answer holds the token, this once."},
		func(ctx context.Context, in *answer[tokenInput]) (*answer[newToken], error) {
			t, err := s.issueToken(ctx, in.Body)
			return &answer[newToken]{Body: t}, err
		})
	add(a, route{method: http.MethodPut, path: "/tokens/{id}", id: "put-token", summary: "Change an access token's label, expiry and scope", level: adminOnly,
		description: "Sessions that it opened and would not open any more end at once."},
		func(ctx context.Context, in *tokenReplacement) (*answer[access.Token], error) {
			t, err := s.changeToken(ctx, in.ID, in.Body)
			return &answer[access.Token]{Body: t}, err
		})
	add(a, route{method: http.MethodDelete, path: "/tokens/{id}", id: "delete-token", summary: "Revoke an access token", level: adminOnly,
		description: "It opens nothing more, and the sessions that it opened end, at once."},
		func(ctx context.Context, in *byID) (*struct{}, error) { return nil, s.revokeToken(ctx, in.ID, "") })
}

// tokenFilter has paging's fields written out, because those of an unexported embedded type are not seen as parameters.
type tokenFilter struct {
	User   string `query:"user" maxLength:"128" doc:"Only this user's"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" doc:"Items in a page; default 1000"`
	Cursor string `query:"cursor" maxLength:"256" doc:"The previous page's next"`
}

func (s *Service) listTokens(ctx context.Context, in *tokenFilter) (*answer[list[access.Token]], error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(snap.Tokens)) {
		if in.User == "" || snap.Tokens[id].User == in.User {
			ids = append(ids, id)
		}
	}
	return &answer[list[access.Token]]{Body: page(paging{Limit: in.Limit, Cursor: in.Cursor}, ids, func(id string) access.Token {
		return s.describeToken(snap.Tokens[id])
	})}, nil
}

func (s *Service) describeToken(t access.Token) access.Token {
	t.LastUsed = s.usage.last(t)
	return t
}

func (s *Service) issueToken(ctx context.Context, in tokenInput) (newToken, error) {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return newToken{}, err
	}
	if _, ok := snap.Users[in.User]; !ok {
		return newToken{}, invalid("user", "there is no user %q", in.User)
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	if in.Expires.IsZero() {
		in.Expires = now.Add(defaultTokenLifetime)
	}
	if err := checkExpiry(now, in.Expires); err != nil {
		return newToken{}, err
	}
	scope, err := snap.checkScope(in.Scope)
	if err != nil {
		return newToken{}, err
	}
	secret := newSecret(32)
	t := access.Token{ID: newSecret(10), User: in.User, Label: in.Label, Scope: scope, Created: now,
		Expires: in.Expires.UTC().Truncate(time.Microsecond)}
	hash := access.HashToken(t.ID, secret)
	_, err = s.change(ctx, act{action: "tokens.create", target: t.ID, after: t}, func(ctx context.Context) error {
		return s.store.PutToken(ctx, t, hash)
	})
	if err != nil {
		return newToken{}, err
	}
	return newToken{Token: t, Value: access.FormatToken(t.ID, secret)}, nil
}

func (s *Service) changeToken(ctx context.Context, id string, in tokenChange) (access.Token, error) {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return access.Token{}, err
	}
	before, ok := snap.Tokens[id]
	if !ok {
		return access.Token{}, notFound("token", id)
	}
	after := before
	after.Label = in.Label
	if !in.Expires.IsZero() {
		after.Expires = in.Expires.UTC().Truncate(time.Microsecond)
		if err := checkExpiry(s.now(), after.Expires); err != nil {
			return access.Token{}, err
		}
	}
	if in.Scope != nil {
		if after.Scope, err = snap.checkScope(in.Scope); err != nil {
			return access.Token{}, err
		}
	}
	if !reflect.DeepEqual(after, before) {
		_, err = s.change(ctx, act{action: "tokens.update", target: id, before: before, after: after}, func(ctx context.Context) error {
			return s.store.PutToken(ctx, after, snap.TokenHashes[id])
		})
	}
	return s.describeToken(after), err
}

// revokeToken revokes the token if it is the user's; an empty user stands for everybody.
func (s *Service) revokeToken(ctx context.Context, id, user string) error {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return err
	}
	t, ok := snap.Tokens[id]
	if !ok || user != "" && t.User != user {
		return notFound("token", id)
	}
	_, err = s.change(ctx, act{action: "tokens.delete", target: id, before: t}, func(ctx context.Context) error {
		return s.store.DeleteToken(ctx, id)
	})
	return err
}

func checkExpiry(now, expires time.Time) error {
	if !expires.After(now) {
		return invalid("expires", "the expiry %s is past", expires.Format(time.RFC3339))
	}
	if expires.Sub(now) > maxTokenLifetime+time.Minute {
		return invalid("expires", "a token lasts 366 days at most")
	}
	return nil
}
