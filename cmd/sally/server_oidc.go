package main

import (
	"os"
	"strings"

	"github.com/sallyport/sallyport/admin/oidc"
)

// openProvider is the identity provider that people sign in by; nil when none is configured. It is not asked for
// anything yet, so that the server starts while it is away.
func (s *server) openProvider() (*oidc.Provider, error) {
	if s.config.OIDC == nil {
		return nil, nil //nolint:nilnil // none is an answer
	}
	config := *s.config.OIDC
	if config.RedirectURL == "" && s.config.URL != "" {
		config.RedirectURL = strings.TrimSuffix(s.config.URL, "/") + "/api/v1/sign-in/oidc/callback"
	}
	provider, err := oidc.New(config, os.Getenv(oidc.SecretEnv), nil)
	if err != nil {
		return nil, err
	}
	s.closing = append(s.closing, func() error { provider.Close(); return nil })
	return provider, nil
}
