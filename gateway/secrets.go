package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/link"
)

// askPatience bounds how long a session waits for the control plane's word when there is an earlier one: the link may
// have gone silent a moment ago.
const askPatience = 1500 * time.Millisecond

// remoteSecrets opens credentials that the control plane keeps. It asks for each session; what it was told it keeps in
// memory alone, for the time in which the gateway works without a control plane.
type remoteSecrets struct {
	link *Link

	mu   sync.Mutex
	last map[string]creds.Secret // by credential
}

// Secrets is the source of credentials that the control plane keeps.
func (l *Link) Secrets() creds.Source { return l.secrets }

// Fetch implements creds.Source. The lease never ends.
func (s *remoteSecrets) Fetch(ctx context.Context, r creds.Request) (*creds.Lease, error) {
	name := r.Credential.Name
	kept, told := s.kept(name)
	lasting := r.Credential.Engine == "" // what an engine makes is for one session
	told = told && !r.Fresh && lasting
	asking, cancel := ctx, context.CancelFunc(func() {})
	if told {
		asking, cancel = context.WithTimeout(ctx, askPatience)
	}
	defer cancel()
	if !told {
		s.await(ctx)
	}
	secret, err := s.ask(asking, r)
	var said *refused
	switch {
	case err == nil:
		if lasting {
			s.keep(name, secret)
		}
		return &creds.Lease{Secret: secret}, nil
	case errors.As(err, &said) && said.status < http.StatusInternalServerError:
		return nil, &creds.Unavailable{Credential: name, Err: err,
			Sentence: fmt.Sprintf("the control plane does not open the credential %s for this: %s", name, said.detail)}
	}
	if told {
		s.link.log.Warn("credential used as it was told last", "credential", name, "error", err)
		return &creds.Lease{Secret: kept}, nil
	}
	return nil, &creds.Unavailable{Credential: name, Err: err,
		Sentence: fmt.Sprintf("the credential %s is kept by the control plane, which cannot be reached just now; try again in a moment", name)}
}

// await gives the link a moment to reach a control plane: a program that has just followed another has clients first.
func (s *remoteSecrets) await(ctx context.Context) {
	const lookAgain = 20 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	for s.link.server.Load() == nil && sleep(ctx, lookAgain) {
	}
}

func (s *remoteSecrets) ask(ctx context.Context, r creds.Request) (creds.Secret, error) {
	server := s.link.server.Load()
	if server == nil {
		return creds.Secret{}, errors.New("no control plane is reached")
	}
	var answer link.Secret
	err := post(ctx, s.link.client.Load(), *server, link.SecretPath,
		link.AskSecret{Session: r.Session, Identity: r.Identity, From: r.From, Resource: r.Resource, Account: r.Account}, &answer)
	if err != nil {
		return creds.Secret{}, err
	}
	if answer.Credential != r.Credential.Name {
		return creds.Secret{}, &refused{status: http.StatusConflict,
			detail: fmt.Sprintf("it opens %s by another one meanwhile; try again in a moment", r.Resource)}
	}
	secret := creds.Secret{Username: answer.Username, Password: answer.Password, Certificate: answer.Certificate, Key: answer.Key}
	if secret.Username == "" {
		secret.Username = r.Credential.Username
	}
	return secret, nil
}

func (s *remoteSecrets) keep(name string, secret creds.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]creds.Secret{}
	}
	s.last[name] = secret
}

func (s *remoteSecrets) kept(name string) (creds.Secret, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	secret, ok := s.last[name]
	return secret, ok
}

// forget drops all.
func (s *remoteSecrets) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = nil
}
