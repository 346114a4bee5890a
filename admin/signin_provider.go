package admin

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/oidc"
	"github.com/sallyport/sallyport/admin/store"
)

const (
	// providerEvery is how often, at most, the identity provider is asked about a browser's session.
	providerEvery = 5 * time.Minute
	// providerSoon is the same for a client session's renewal, which is rare by itself.
	providerSoon = 30 * time.Second
	// providerAway is how long sessions go on without an answer of the provider.
	providerAway = time.Hour
	// providerWait bounds how long a request waits for the provider.
	providerWait = 10 * time.Second
	oidcSource   = "oidc"
)

// Why a person whom the provider knows may not sign in here.
var (
	errUnknownPerson = errors.New("there is no user of this name here")
	errTakenName     = errors.New("the name is another's here")
)

// admitPerson finds the user that the provider's person is, makes one if there is none and that is allowed, and brings
// what the provider says of them up to date. That cuts sessions which their groups no longer open.
func (s *Service) admitPerson(ctx context.Context, who oidc.Person) (user string, err error) {
	err = again(ctx, func() error {
		ctx, unlock := s.lock(ctx)
		defer unlock()
		snap, err := s.snapshotLocked(ctx)
		if err != nil {
			return err
		}
		before, linked, err := s.userOf(ctx, snap, who)
		if err != nil {
			return err
		}
		user = before.Name
		return s.updatePerson(ctx, before, who, linked)
	})
	return user, err
}

// userOf is the user that the person is, or is to become. linked says that the store knows it already.
func (s *Service) userOf(ctx context.Context, snap *snapshot, who oidc.Person) (u access.User, linked bool, err error) {
	issuer := s.signIns.provider.Issuer()
	name, err := s.store.UserOfSubject(ctx, issuer, who.Subject)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return u, false, err
	}
	if err == nil {
		_, err = knownPerson(snap, name)
		return snap.Users[name], true, err
	}
	if checkUserName(who.User) != nil {
		return u, false, fmt.Errorf("%w: %w: the name has characters that names here do not have", errUnknownPerson, oidc.ErrUntrusted)
	}
	u, exists, err := snap.userNamed(who.User)
	if err != nil {
		return u, false, fmt.Errorf("%w: %w", errTakenName, err)
	}
	if !exists {
		if !s.signIns.provider.CreatesUsers() {
			return u, false, errUnknownPerson
		}
		if checkNewName(snap, who.User) != nil {
			return u, false, errTakenName // by one that people would take for it
		}
		return access.User{Name: who.User, Kind: access.Person}, false, nil
	}
	if _, err := knownPerson(snap, u.Name); err != nil {
		return u, false, err
	}
	if _, _, err := s.store.SubjectOfUser(ctx, u.Name); !errors.Is(err, store.ErrNotFound) {
		if err == nil {
			err = errTakenName
		}
		return u, false, err
	}
	// A user whom an admin or a directory made is this person only if the address says so: names that people choose at
	// the provider must not open what somebody else has here.
	if who.Email == "" || !strings.EqualFold(who.Email, u.Name) && !strings.EqualFold(who.Email, u.Email) {
		return u, false, errTakenName
	}
	return u, false, nil
}

// updatePerson records and keeps what is new about the user, as an act of their own.
func (s *Service) updatePerson(ctx context.Context, before access.User, who oidc.Person, linked bool) error {
	after, fresh := before, before.Created.IsZero()
	after.ClaimedGroups = who.Groups
	if fresh {
		after.Source, after.Created = oidcSource, s.now().UTC().Truncate(time.Microsecond)
		after.CertificatesValidFrom = after.Created
	}
	if after.Source == oidcSource {
		after.Title, after.Email = who.Title, who.Email
	}
	same := slices.Equal(before.ClaimedGroups, after.ClaimedGroups) && before.Title == after.Title && before.Email == after.Email
	if linked && same {
		return nil
	}
	a := act{action: "users.update", target: after.Name, before: before, after: after}
	if fresh {
		a.action, a.before = "users.create", nil
	}
	c := &caller{name: after.Name, addr: callerOf(ctx).addr}
	_, err := s.change(withCaller(ctx, c), a, func(ctx context.Context) error {
		if err := s.store.PutUser(ctx, after); err != nil || linked {
			return err
		}
		return s.store.PutSubject(ctx, after.Name, s.signIns.provider.Issuer(), who.Subject)
	})
	return err
}

// keepGrant keeps the provider's refresh token, sealed, and gives the grant's ID; empty when the provider gave none.
func (s *Service) keepGrant(ctx context.Context, user string, who oidc.Person) (string, error) {
	if who.Refresh == "" {
		return "", nil
	}
	token, err := s.seal(who.Refresh)
	if err != nil {
		return "", err
	}
	g := store.ProviderGrant{ID: newSecret(16), User: user, Token: token, Asked: s.now()}
	ctx, cancel := carriedThrough(ctx)
	defer cancel()
	return g.ID, s.store.PutProviderGrant(ctx, g)
}

func (s *Service) seal(secret string) (string, error) {
	sealed, err := s.signIns.sealer.Seal([]byte(secret))
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return base64.StdEncoding.EncodeToString(sealed), nil
}

func (s *Service) unseal(text string) (string, error) {
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", fmt.Errorf("decode sealed: %w", err)
	}
	plain, err := s.signIns.sealer.Open(sealed)
	if err != nil {
		return "", fmt.Errorf("unseal: %w", err)
	}
	return string(plain), nil
}

// askProvider asks whether the provider still stands by the session, if it was last asked longer ago than every. A
// provider that is away is no refusal, for an hour.
func (s *Service) askProvider(ctx context.Context, addr string, ws store.WebSession, every time.Duration) error {
	if ws.Provider == "" {
		return nil
	}
	if s.signIns.provider == nil {
		return errSessionOver() // by a provider that is no longer configured
	}
	g, err := s.store.ProviderGrant(ctx, ws.Provider)
	if errors.Is(err, store.ErrNotFound) {
		return errSessionOver()
	}
	if err != nil {
		return err
	}
	now := s.now()
	if now.Sub(g.Asked) < every {
		return s.checkAway(g, now)
	}
	if err := s.store.ClaimProviderGrant(ctx, g, now); errors.Is(err, store.ErrNotFound) {
		return s.checkAway(g, now) // somebody else is asking
	} else if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), providerWait)
	defer cancel()
	ctx = withCaller(ctx, &caller{name: g.User, addr: addr})
	return s.refreshGrant(ctx, g, now)
}

func (s *Service) checkAway(g store.ProviderGrant, now time.Time) error {
	if g.Away.IsZero() || now.Sub(g.Away) < providerAway {
		return nil
	}
	return &refusal{status: http.StatusServiceUnavailable,
		sentence: "the identity provider has not answered for an hour, so your sign-in cannot be confirmed; try again when it is back"}
}

// refreshGrant spends the grant's token, keeps the next one, and takes over what the provider says of the user now.
func (s *Service) refreshGrant(ctx context.Context, g store.ProviderGrant, now time.Time) error {
	token, err := s.unseal(g.Token)
	if err != nil {
		return err
	}
	_, subject, err := s.store.SubjectOfUser(ctx, g.User)
	if err != nil {
		return err
	}
	who, err := s.signIns.provider.Refresh(ctx, token, subject)
	silent := errors.Is(err, oidc.ErrUnavailable)
	if kerr := s.keepNext(ctx, &g, who.Refresh, silent, now); kerr != nil {
		return kerr
	}
	if silent {
		s.log.Warn("identity provider does not answer", "error", err)
		return s.checkAway(g, now)
	}
	if err == nil {
		_, err = s.admitPerson(ctx, who)
		if err == nil || !personRefused(err) {
			return err
		}
	}
	s.log.Info("identity provider ended a sign-in", "user", g.User, "error", err)
	return s.endGrant(ctx, g)
}

// personRefused says whether the error is about the person, and not about this server.
func personRefused(err error) bool {
	_, denied := errors.AsType[*access.Denial](err)
	_, refused := errors.AsType[*refusal](err)
	return denied || refused || errors.Is(err, errUnknownPerson) || errors.Is(err, errTakenName)
}

// keepNext keeps the token to ask with the next time, if there is another, and since when the provider has been silent.
// The token that was shown may be spent, whatever else went wrong.
func (s *Service) keepNext(ctx context.Context, g *store.ProviderGrant, next string, silent bool, now time.Time) error {
	if next != "" {
		sealed, err := s.seal(next)
		if err != nil {
			return err
		}
		g.Token = sealed
	}
	switch {
	case !silent:
		g.Away = time.Time{}
	case g.Away.IsZero():
		g.Away = now
	}
	ctx, cancel := carriedThrough(ctx)
	defer cancel()
	return s.store.KeepProviderGrant(ctx, g.ID, g.Token, g.Away)
}

// endGrant ends every session that goes by the grant, and the certificates that they were given.
func (s *Service) endGrant(ctx context.Context, g store.ProviderGrant) error {
	err := s.endSessions(ctx, act{action: "sign_in.end", target: g.User, denied: "the identity provider no longer stands by this sign-in"},
		g.User, func(ctx context.Context) error { return s.store.EndProviderGrant(ctx, g.ID) })
	if err != nil {
		return err
	}
	return &access.Denial{Cause: access.Expired, Sentence: "the identity provider ended your sign-in; sign in again"}
}

// endSessions records why, lets end drop sessions, and refuses all certificates that the user has: those of other
// sessions of theirs are renewed.
func (s *Service) endSessions(ctx context.Context, why act, user string, end func(context.Context) error) error {
	return again(ctx, func() error {
		ctx, unlock := s.lock(ctx)
		defer unlock()
		if _, err := s.snapshotLocked(ctx); err != nil {
			return err
		}
		_, err := s.change(ctx, why, func(ctx context.Context) error {
			if err := end(ctx); err != nil {
				return err
			}
			return s.store.RefuseCertificates(ctx, user, s.now())
		})
		return err
	})
}
