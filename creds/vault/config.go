package vault

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

// Method is how Sallyport proves itself to Vault.
type Method string

// The methods of authentication.
const (
	Token   Method = "token"
	AppRole Method = "approle"
)

// TokenEnv names the environment variable whose token is used by method token when no token file is configured.
const TokenEnv = "VAULT_TOKEN"

const (
	defaultTimeout  = 5 * time.Second
	maxIdleConns    = 32
	idleConnTimeout = 90 * time.Second
)

// Config says where Vault is and how to log in there. It holds no secret: those stand in files, which are read
// again at each login, or in VAULT_TOKEN.
type Config struct {
	// Address is Vault's URL, https://host:8200.
	Address string `yaml:"address"`
	// Namespace is the namespace of all requests (Vault Enterprise, OpenBao); empty for none.
	Namespace string `yaml:"namespace,omitempty"`
	// CAFile holds the authorities, in PEM, that may vouch for Vault; empty means the system's.
	CAFile string `yaml:"ca_file,omitempty"`
	Auth   Auth   `yaml:"auth"`
	// Timeout bounds the opening of one credential, login included, and each renewal and revocation; default 5 s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
}

// Auth is Sallyport's own login.
type Auth struct {
	// Method is token (default) or approle.
	Method Method `yaml:"method,omitempty"`
	// TokenFile holds the token for method token, such as the sink of a Vault Agent. It is read anew when the
	// token it held has ended. Empty means VAULT_TOKEN.
	TokenFile string `yaml:"token_file,omitempty"`
	// RoleID and SecretIDFile are for method approle. The role id is a name, not a secret.
	RoleID       string `yaml:"role_id,omitempty"`
	SecretIDFile string `yaml:"secret_id_file,omitempty"`
	// Mount is the auth method's path in Vault; default "approle".
	Mount string `yaml:"mount,omitempty"`
}

// Validate says what is wrong with the configuration, naming the key; it touches neither files nor network.
func (c Config) Validate() error {
	var wrong []error
	u, err := url.Parse(c.Address)
	switch {
	case c.Address == "":
		wrong = append(wrong, errors.New("address: is empty; give Vault's URL, such as https://vault.internal:8200"))
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		wrong = append(wrong, errors.New("address: is no URL of the form https://host:port"))
	case u.User != nil:
		wrong = append(wrong, errors.New("address: must not hold a user or password"))
	}
	if c.Timeout < 0 {
		wrong = append(wrong, errors.New("timeout: must not be negative"))
	}
	return errors.Join(append(wrong, c.Auth.validate()...)...)
}

func (a Auth) validate() (wrong []error) {
	switch a.Method {
	case "", Token:
		if a.RoleID != "" || a.SecretIDFile != "" {
			wrong = append(wrong, errors.New("auth.method: is token, but role_id or secret_id_file is set; say approle"))
		}
	case AppRole:
		if a.RoleID == "" {
			wrong = append(wrong, errors.New("auth.role_id: is empty"))
		}
		if a.SecretIDFile == "" {
			wrong = append(wrong, errors.New("auth.secret_id_file: is empty"))
		}
		if a.TokenFile != "" {
			wrong = append(wrong, errors.New("auth.token_file: belongs to method token"))
		}
	default:
		wrong = append(wrong, fmt.Errorf("auth.method: %q is not one of token, approle", a.Method))
	}
	return wrong
}

// withDefaults fills what was left empty.
func (c Config) withDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Auth.Method == "" {
		c.Auth.Method = Token
	}
	if c.Auth.Mount == "" {
		c.Auth.Mount = string(AppRole)
	}
	c.Auth.Mount = strings.Trim(c.Auth.Mount, "/")
	return c
}

// client makes an API client without a token, and the HTTP client that it uses. Vault's own environment variables
// do not change the address, the trust or the token: the configuration says it all.
func (c Config) client() (*api.Client, *http.Client, error) {
	security := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, nil, fmt.Errorf("read Vault's authority: %w", err)
		}
		security.RootCAs = x509.NewCertPool()
		if !security.RootCAs.AppendCertsFromPEM(pem) {
			return nil, nil, fmt.Errorf("read Vault's authority: %s holds no certificate", c.CAFile)
		}
	}
	web := &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: security, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: maxIdleConns, IdleConnTimeout: idleConnTimeout,
		},
		// The API client follows a redirect itself, and never from TLS to plain text.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	client, err := api.NewClient(&api.Config{Address: c.Address, HttpClient: web, CloneHeaders: true})
	if err != nil {
		return nil, nil, fmt.Errorf("make client for Vault: %w", err)
	}
	client.ClearToken()
	client.ClearNamespace()
	if c.Namespace != "" {
		client.SetNamespace(c.Namespace)
	}
	return client, web, nil
}

// readSecretFile reads a file that holds one secret; the blanks around it do not count.
func readSecretFile(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read own secret: %w", err)
	}
	secret := strings.TrimSpace(string(b))
	if secret == "" {
		return "", fmt.Errorf("read own secret: %s is empty", path)
	}
	return secret, nil
}
