package admin

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
)

// accounts is what proofs of people need, beside the store.
type accounts struct {
	url        *url.URL        // the UI's public address; nil: none was configured
	challenges *access.Limiter // challenges for signing in, by network
	guesses    guesses
	hashes     chan struct{} // holds one for each password's hash that is being made
	decoy      string        // a hash that stands in for those that are not there
}

func newAccounts(address string) (accounts, error) {
	u, err := parseURL(address)
	return accounts{
		url: u, challenges: access.NewLimiter(60, time.Second), guesses: newGuesses(),
		hashes: make(chan struct{}, hashesAtOnce), decoy: presentHashing.decoy(),
	}, err
}

// whole is a path of the UI with its public address before it, or nothing where that was not configured.
func (a *accounts) whole(path string) string {
	if a.url == nil {
		return ""
	}
	return strings.TrimRight(a.url.String(), "/") + path
}

// heldRole is a role of the caller's, and why they hold it.
type heldRole struct {
	Name    string          `json:"name"`
	ByName  bool            `json:"by_name,omitempty" doc:"Given to the user by name"`
	Groups  []string        `json:"groups,omitempty" doc:"Groups of the user's that give it"`
	Grants  []temporaryRole `json:"grants,omitempty" doc:"Grants that give it for a time"`
	Admin   bool            `json:"admin,omitempty"`
	Auditor bool            `json:"auditor,omitempty"`
	MFA     access.Duration `json:"mfa,omitempty" doc:"How long ago at most a passkey must have been used"`
}

type temporaryRole struct {
	ID       string    `json:"id"`
	Until    time.Time `json:"until"`
	Resource string    `json:"resource,omitempty"`
	Account  string    `json:"account,omitempty"`
}

// signedInAt is a browser or a terminal where the caller is signed in.
type signedInAt struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind" enum:"browser,terminal"`
	Created  time.Time `json:"created"`
	LastUsed time.Time `json:"last_used,omitzero"`
	Expires  time.Time `json:"expires"`
	MFA      time.Time `json:"mfa,omitzero" doc:"When a passkey was used in it last"`
	Current  bool      `json:"current,omitempty" doc:"The one that this request came with"`
}

func (s *Service) registerAccount(a *api) {
	add(a, route{method: http.MethodGet, path: "/me/roles", id: "list-my-roles", summary: "List the caller's roles, and why they hold them", level: signedIn,
		description: "All in one page."}, s.myRoles)
	add(a, route{method: http.MethodGet, path: "/me/sessions", id: "list-my-sign-ins", summary: "List where the caller is signed in", level: signedIn,
		description: "Browsers and terminals, newest first, all in one page. Connections to resources are listed by GET /sessions."}, s.mySignIns)
	add(a, route{method: http.MethodDelete, path: "/me/sessions/{id}", id: "end-my-sign-in", summary: "Sign the caller out somewhere", level: signedIn}, s.endMySignIn)
	add(a, route{method: http.MethodGet, path: "/me/tokens", id: "list-my-tokens", summary: "List the caller's access tokens", level: signedIn}, s.myTokens)
	add(a, route{method: http.MethodDelete, path: "/me/tokens/{id}", id: "delete-my-token", summary: "Revoke one of the caller's access tokens", level: signedIn,
		description: "Sessions that it opened end at once."},
		func(ctx context.Context, in *byID) (*struct{}, error) {
			return nil, s.revokeToken(ctx, in.ID, callerOf(ctx).name)
		})
}

func (s *Service) myRoles(ctx context.Context, _ *struct{}) (*answer[list[heldRole]], error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	return &answer[list[heldRole]]{Body: list[heldRole]{Items: snap.heldRoles(c.name, c.identity.Groups, s.now())}}, nil
}

// heldRoles tells why; that a role is held is the engine's to say.
func (s *snapshot) heldRoles(user string, groups []string, now time.Time) []heldRole {
	granted := s.runningGrants(now, func(g *access.Grant) (string, bool) { return g.Role, g.User == user })
	items := []heldRole{}
	for _, name := range slices.Sorted(maps.Keys(s.Roles)) {
		r := s.Roles[name]
		if held, ok := holding(&r, s.Users[user].Roles, groups, granted[name]); ok {
			items = append(items, held)
		}
	}
	return items
}

// holding is why somebody with these roles by name, groups and grants of the role holds it; false when they do not.
func holding(r *access.Role, named, groups []string, granted []temporaryRole) (heldRole, bool) {
	held := heldRole{Name: r.Name, Admin: r.Admin, Auditor: r.Auditor, MFA: r.MFA, ByName: slices.Contains(named, r.Name), Grants: granted}
	for _, g := range r.Groups {
		if slices.Contains(groups, g) {
			held.Groups = append(held.Groups, g)
		}
	}
	return held, held.ByName || held.Groups != nil || held.Grants != nil
}

// runningGrants are those that give their role now, by the key that of gives to those that matter, each list by ID.
func (s *snapshot) runningGrants(now time.Time, of func(*access.Grant) (key string, matters bool)) map[string][]temporaryRole {
	found := map[string][]temporaryRole{}
	for id, g := range s.Grants {
		if key, matters := of(&g); matters && g.Runs(now) {
			found[key] = append(found[key], temporaryRole{ID: id, Until: g.Until, Resource: g.Resource, Account: g.Account})
		}
	}
	for _, list := range found {
		slices.SortFunc(list, func(a, b temporaryRole) int { return strings.Compare(a.ID, b.ID) })
	}
	return found
}

func (s *Service) mySignIns(ctx context.Context, _ *struct{}) (*answer[list[signedInAt]], error) {
	c := callerOf(ctx)
	all, err := s.store.WebSessions(ctx, c.name, s.now())
	if err != nil {
		return nil, err
	}
	items := []signedInAt{}
	for _, ws := range all {
		if ws.Kind == store.BrowserSession && s.now().Sub(ws.LastUsed) > browserIdle {
			continue // over, though not by its age
		}
		shown := describeSignIn(ws)
		shown.Current = ws.Hash == c.cookie || c.client != "" && ws.ID == c.client
		items = append(items, shown)
	}
	return &answer[list[signedInAt]]{Body: list[signedInAt]{Items: items}}, nil
}

// describeSignIn names the session by a hash, which opens nothing anywhere and stays when its secret is replaced.
func describeSignIn(ws store.WebSession) signedInAt {
	kind := "browser"
	if ws.Kind == store.ClientSession {
		kind = "terminal"
	}
	return signedInAt{ID: access.HashSecret(ws.ID)[:20], Kind: kind, Created: ws.Created, LastUsed: ws.LastUsed, Expires: ws.Expires, MFA: ws.MFA}
}

func (s *Service) endMySignIn(ctx context.Context, in *byID) (*struct{}, error) {
	c := callerOf(ctx)
	all, err := s.store.WebSessions(ctx, c.name, s.now())
	if err != nil {
		return nil, err
	}
	for _, ws := range all {
		if shown := describeSignIn(ws); shown.ID == in.ID {
			return nil, s.signOutOf(ctx, act{action: "sign_out", target: c.name, before: shown}, ws.Hash)
		}
	}
	return nil, notFound("sign-in", in.ID)
}

func (s *Service) myTokens(ctx context.Context, in *paging) (*answer[list[access.Token]], error) {
	return s.listTokens(ctx, &tokenFilter{User: callerOf(ctx).name, Limit: in.Limit, Cursor: in.Cursor})
}
