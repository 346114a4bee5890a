package main

import (
	"os"

	"github.com/sallyport/sallyport/admin/oidc"
)

// openProvider is the identity provider that people sign in by; nil when none is configured. It is not asked for
// anything yet, so that the server starts while it is away.
func (s *server) openProvider() (*oidc.Provider, error) {
	if s.config.OIDC == nil {
		return nil, nil //nolint:nilnil // none is an answer
	}
	provider, err := oidc.New(*s.config.OIDC, os.Getenv(oidc.SecretEnv), nil)
	if err != nil {
		return nil, err
	}
	s.closing = append(s.closing, func() error { provider.Close(); return nil })
	return provider, nil
}
