package admin

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/oidc"
)

const (
	// workloadToken is how long an access token lasts that a program got for another issuer's.
	workloadToken = time.Hour
	maxClaimName  = 128
	maxClaimValue = 1024
)

// byWorkload is how the record calls a program's sign-in by another issuer's token.
const byWorkload = "workload"

type workloadInput struct {
	Token string        `json:"token" minLength:"1" maxLength:"16384" writeOnly:"true" doc:"An OpenID Connect token (JWT), such as a CI system gives its jobs"`
	User  string        `json:"user,omitempty" maxLength:"128" doc:"The service account, where the token could be of several"`
	Scope *access.Scope `json:"scope,omitempty" doc:"Narrows what the access token opens"`
}

func (s *Service) registerWorkload(a *api) {
	add(a, route{method: http.MethodPost, path: "/sign-in/workload", id: "sign-in-workload", summary: "Get an access token for a CI system's token", level: anyone,
		status: http.StatusCreated, description: "For a service account whose workloads the token matches. The access token lasts an hour."},
		func(ctx context.Context, in *answer[workloadInput]) (*answer[newToken], error) {
			t, err := s.signInWorkload(ctx, in.Body)
			return &answer[newToken]{Body: t}, err
		})
}

func (s *Service) signInWorkload(ctx context.Context, in workloadInput) (newToken, error) {
	from := hostOf(callerOf(ctx).addr)
	if wait := s.addrFailures.Blocked(from, s.now()); wait > 0 {
		return newToken{}, rateLimited(wait)
	}
	snap, err := s.snapshot(ctx)
	if err != nil {
		return newToken{}, err
	}
	user, err := s.proveWorkload(ctx, snap, in)
	if errors.Is(err, oidc.ErrUnavailable) {
		s.addrFailures.Note(from, s.now())
		s.log.Warn("issuer of a workload's token does not answer", "error", err)
		return newToken{}, &refusal{status: http.StatusServiceUnavailable, sentence: "the token's issuer cannot be reached from the server just now; try again in a minute"}
	}
	if err != nil {
		s.addrFailures.Note(from, s.now())
		s.log.Info("workload refused", "user", user, "error", err)
		if rerr := s.record(ctx, act{action: "sign_in", target: user, denied: "a workload's token proves no service account"}); rerr != nil {
			return newToken{}, rerr
		}
		return newToken{}, workloadRefused(err)
	}
	id, err := snap.Known(user)
	if err != nil {
		return newToken{}, err
	}
	ctx = withCaller(ctx, &caller{name: user, identity: id, addr: callerOf(ctx).addr})
	if err := s.record(ctx, act{action: "sign_in", target: user, after: map[string]string{"by": byWorkload}}); err != nil {
		return newToken{}, err
	}
	return s.issueToken(ctx, tokenInput{User: user, Label: byWorkload, Scope: in.Scope, Expires: s.now().Add(workloadToken)})
}

// errAmbiguous says that a token is of several service accounts.
var errAmbiguous = errors.New("the token matches several service accounts")

// errNoWorkload says that no service account has a rule for the token.
var errNoWorkload = errors.New("no service account has a rule that the token matches")

// workloadRefused is what a program reads. It tells nothing of rules, but what is wrong with the token itself.
func workloadRefused(err error) error {
	sentence := "this token proves no service account here; an admin gives an account the rule for it (workloads)"
	switch {
	case errors.Is(err, errAmbiguous):
		sentence = "this token could be of several service accounts; say which one"
	case errors.Is(err, oidc.ErrUntrusted):
		sentence = "this token proves nothing here: it is no valid token of its issuer, or has expired"
	}
	return &access.Denial{Cause: access.BadCredentials, Sentence: sentence}
}

// proveWorkload names the service account that the token is of. Issuers are asked for their keys only if a rule names
// them.
func (s *Service) proveWorkload(ctx context.Context, snap *snapshot, in workloadInput) (string, error) {
	issuer, err := oidc.IssuerOf(in.Token)
	if err != nil {
		return "", err
	}
	type candidate struct {
		user string
		rule access.Workload
	}
	var candidates []candidate
	for _, name := range slices.Sorted(maps.Keys(snap.Users)) {
		u := snap.Users[name]
		if u.Kind != access.ServiceAccount || in.User != "" && in.User != name {
			continue
		}
		for _, rule := range u.Workloads {
			if rule.Issuer == issuer {
				candidates = append(candidates, candidate{name, rule})
			}
		}
	}
	if len(candidates) == 0 {
		return "", errNoWorkload
	}
	token, err := s.signIns.workloads.Verify(ctx, issuer, in.Token)
	if err != nil {
		return "", err
	}
	user := ""
	for _, c := range candidates {
		if !matchesWorkload(c.rule, token) || c.user == user {
			continue
		}
		if user != "" {
			return "", errAmbiguous
		}
		user = c.user
	}
	if user == "" {
		return "", errNoWorkload
	}
	return user, nil
}

func matchesWorkload(rule access.Workload, token *oidc.Verified) bool {
	if !slices.Contains(token.Audience, rule.Audience) {
		return false
	}
	for name, pattern := range rule.Claims {
		value, ok := token.Claim(name)
		if !ok || !matchesPattern(pattern, value) {
			return false
		}
	}
	return true
}

// matchesPattern compares text with a pattern in which * stands for any characters, or none.
func matchesPattern(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}

// checkWorkloads refuses rules that would let in more than anybody can mean.
func checkWorkloads(u *access.User) error {
	if len(u.Workloads) > 0 && u.Kind != access.ServiceAccount {
		return invalid("workloads", "%s is a person; workloads are for service accounts", u.Name)
	}
	for _, w := range u.Workloads {
		if err := oidc.CheckIssuer(w.Issuer); err != nil {
			return invalid("workloads", "the issuer %s", err)
		}
		if w.Audience == "" {
			return invalid("workloads", "the rule for %s names no audience: tokens that were made for others would do", w.Issuer)
		}
		narrow := false
		for name, value := range w.Claims {
			if name == "" || len(name) > maxClaimName || len(value) > maxClaimValue {
				return invalid("workloads", "a claim's name or value in the rule for %s is empty or too long", w.Issuer)
			}
			narrow = narrow || strings.Trim(value, "*") != ""
		}
		if !narrow {
			return invalid("workloads", "the rule for %s asks for no claim: any token of that issuer would do; name one, such as sub", w.Issuer)
		}
	}
	return nil
}
