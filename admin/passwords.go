package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
)

// minPassword is the least length, in characters; maxPassword the greatest, in bytes.
const (
	minPassword = 12
	maxPassword = 1024
	// minDistinct characters rule out aaaaaaaaaaaa.
	minDistinct = 5
)

// password says who has one.
type password struct {
	User    string    `json:"user"`
	Created time.Time `json:"created"`
}

type passwordInput struct {
	Name string `path:"name" maxLength:"128"`
	Body struct {
		Password string `json:"password" minLength:"1" maxLength:"1024" writeOnly:"true" doc:"At least 12 characters; not the user's name"`
	}
}

func (s *Service) registerPasswords(a *api) {
	add(a, route{method: http.MethodGet, path: "/passwords", id: "list-passwords", summary: "List who may sign in by password", level: reader,
		description: "Passwords are for break-glass: for when the identity provider is away. All in one page."}, s.listPasswords)
	add(a, route{method: http.MethodPut, path: "/users/{name}/password", id: "set-password", summary: "Let a user sign in by password", level: adminOnly,
		description: "For break-glass accounts. Ends the user's sign-ins."},
		func(ctx context.Context, in *passwordInput) (*struct{}, error) {
			return nil, s.setPassword(ctx, in.Name, in.Body.Password)
		})
	add(a, route{method: http.MethodDelete, path: "/users/{name}/password", id: "remove-password", summary: "Take a user's password away", level: adminOnly,
		description: "Ends the user's sign-ins."},
		func(ctx context.Context, in *byName) (*struct{}, error) { return nil, s.removePassword(ctx, in.Name) })
	add(a, route{method: http.MethodPost, path: "/sign-in/password", id: "sign-in-password", summary: "Sign in by password", level: anyone,
		description: "For break-glass accounts alone; each attempt is on the record."}, s.signInByPassword)
}

func (s *Service) listPasswords(ctx context.Context, _ *struct{}) (*answer[list[password]], error) {
	all, err := s.store.Passwords(ctx)
	if err != nil {
		return nil, err
	}
	items := make([]password, len(all))
	for i, p := range all {
		items[i] = password{User: p.User, Created: p.Created}
	}
	return &answer[list[password]]{Body: list[password]{Items: items}}, nil
}

func (s *Service) setPassword(ctx context.Context, user, text string) error {
	if err := checkPassword(user, text); err != nil {
		return err
	}
	done, err := s.accounts.turn(ctx)
	if err != nil {
		return err
	}
	hash := presentHashing.hashPassword(text)
	done()
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return err
	}
	u, ok := snap.Users[user]
	if !ok {
		return notFound("user", user)
	}
	if u.Kind != access.Person {
		return conflict("%s is a service account; issue a token for it", user)
	}
	a, p := act{action: "passwords.create", target: user}, store.Password{User: user, Hash: hash, Created: s.now().UTC().Truncate(time.Microsecond)}
	before, err := s.store.Password(ctx, user)
	switch {
	case err == nil:
		a.action, a.before = "passwords.update", password{User: user, Created: before.Created}
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	a.after = password{User: user, Created: p.Created}
	_, err = s.change(ctx, a, func(ctx context.Context) error { return s.store.PutPassword(ctx, p) })
	return err
}

func (s *Service) removePassword(ctx context.Context, user string) error {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	before, err := s.store.Password(ctx, user)
	if errors.Is(err, store.ErrNotFound) {
		return notFound("password of user", user)
	}
	if err != nil {
		return err
	}
	a := act{action: "passwords.delete", target: user, before: password{User: user, Created: before.Created}}
	_, err = s.change(ctx, a, func(ctx context.Context) error { return s.store.DeletePassword(ctx, user) })
	return err
}

// checkPassword refuses what is guessed first. Length does the rest: rules about kinds of characters make people choose
// worse ones (NIST SP 800-63B, section 3.1.1.2).
func checkPassword(user, text string) error {
	if !utf8.ValidString(text) {
		return invalid("password", "the password is not valid UTF-8")
	}
	if utf8.RuneCountInString(text) < minPassword || len(text) > maxPassword {
		return invalid("password", "a password has at least %d characters, and at most %d bytes; four random words are a good one", minPassword, maxPassword)
	}
	distinct := map[rune]bool{}
	for _, r := range text {
		distinct[r] = true
	}
	if len(distinct) < minDistinct {
		return invalid("password", "the password repeats the same few characters; four random words are a good one")
	}
	lower := strings.ToLower(text)
	local, _, _ := strings.Cut(strings.ToLower(user), "@")
	if len(local) >= 3 && strings.Contains(lower, local) || strings.Contains(lower, strings.ToLower(user)) {
		return invalid("password", "the password holds the user's name, which is guessed first")
	}
	if strings.Contains(lower, "sallyport") || strings.Contains(lower, "password") {
		return invalid("password", "the password holds a word that is guessed first")
	}
	return nil
}
