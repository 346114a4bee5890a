package oidc

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
)

// SecretEnv names the variable that holds the client's secret where no file does.
const SecretEnv = "SALLY_OIDC_CLIENT_SECRET"

// Defaults of a Config.
const (
	defaultGroupsClaim = "groups"
	defaultUserClaim   = "email"
	defaultName        = "single sign-on"
)

// Config is the configuration's part about the identity provider.
type Config struct {
	// Issuer is the provider's URL, below which its OpenID configuration is found.
	Issuer string `yaml:"issuer"`
	// ClientID is what the provider calls this Sallyport.
	ClientID string `yaml:"client_id"`
	// ClientSecretFile holds the client's secret; empty: the environment does (SecretEnv), or the client is public.
	ClientSecretFile string `yaml:"client_secret_file"`
	// Scopes to ask for; default openid, profile, email, groups and offline_access, as far as the provider has them.
	Scopes []string `yaml:"scopes"`
	// GroupsClaim names the claim with a person's groups; default "groups".
	GroupsClaim string `yaml:"groups_claim"`
	// UserClaim names the claim that is the user's name here; default "email".
	UserClaim string `yaml:"user_claim"`
	// AllowedDomains are those of the addresses of mail that may sign in; empty: all.
	AllowedDomains []string `yaml:"allowed_domains"`
	// CAFile holds the authority of the provider's certificate, in PEM; default the system's.
	CAFile string `yaml:"ca_file"`
	// Name is what the sign-in page calls the provider.
	Name string `yaml:"name"`
	// RedirectURL is where the provider sends people back to; default the address under which they reached this server,
	// with the path /api/v1/sign-in/oidc/callback.
	RedirectURL string `yaml:"redirect_url"`
	// Prompt is what the provider is told to ask of people (OpenID Connect Core, section 3.1.2.1), such as "consent",
	// without which some give no refresh token; default nothing.
	Prompt string `yaml:"prompt"`
	// CreateUsers makes a user at their first sign-in; default true. They have no role but those of their groups.
	CreateUsers *bool `yaml:"create_users"`
}

// Creates says whether a first sign-in makes a user.
func (c *Config) Creates() bool { return c.CreateUsers == nil || *c.CreateUsers }

// Validate says what is wrong, naming the key.
func (c *Config) Validate() error {
	if err := checkIssuer(c.Issuer); err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	if c.ClientID == "" {
		return errors.New("client_id: must not be empty")
	}
	for _, scope := range c.Scopes {
		if scope == "" || strings.ContainsAny(scope, " \t\"\\") {
			return fmt.Errorf("scopes: %q is no scope", scope)
		}
	}
	if len(c.Scopes) > 0 && !slices.Contains(c.Scopes, "openid") {
		return errors.New(`scopes: "openid" must be one of them`)
	}
	if c.Prompt != "" && !slices.Contains([]string{"login", "consent", "select_account"}, c.Prompt) {
		return fmt.Errorf("prompt: %q is none of login, consent and select_account", c.Prompt)
	}
	for _, domain := range c.AllowedDomains {
		if domain == "" || strings.ContainsAny(domain, "@*/ ") {
			return fmt.Errorf("allowed_domains: %q is no domain such as acme.com", domain)
		}
	}
	if c.RedirectURL != "" {
		u, err := url.Parse(c.RedirectURL)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Fragment != "" {
			return fmt.Errorf("redirect_url: %q is no URL such as https://sally.acme.com/api/v1/sign-in/oidc/callback", c.RedirectURL)
		}
	}
	return nil
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	for _, d := range []struct {
		value    *string
		fallback string
	}{{&c.GroupsClaim, defaultGroupsClaim}, {&c.UserClaim, defaultUserClaim}, {&c.Name, defaultName}} {
		if *d.value == "" {
			*d.value = d.fallback
		}
	}
	return c
}

// secret reads the client's secret; empty: the client is public.
func (c *Config) secret(env string) (string, error) {
	if c.ClientSecretFile == "" {
		return env, nil
	}
	text, err := os.ReadFile(c.ClientSecretFile)
	if err != nil {
		return "", fmt.Errorf("client_secret_file: %w", err)
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" {
		return "", errors.New("client_secret_file: is empty")
	}
	return secret, nil
}

// roots are the authorities that the provider's certificate may come from; nil: the system's.
func (c *Config) roots() (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil //nolint:nilnil // nil is crypto/tls' own word for the system's
	}
	text, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("ca_file: no certificate in it")
	}
	return pool, nil
}

// checkIssuer demands TLS, without which anybody on the way could sign in as anybody. Plain HTTP is for loopback alone.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("%q is no URL such as https://login.acme.com", issuer)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return fmt.Errorf("%q: only https is safe; plain http is for 127.0.0.1, ::1 and localhost", issuer)
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
