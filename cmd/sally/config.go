package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/oidc"
	"github.com/sallyport/sallyport/creds/vault"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/redact"
)

// config is sally.yaml. Every key may be left out; docs/operations.md describes them.
type config struct {
	// DataDir holds state, journal and sealed credentials; made with mode 0700.
	DataDir string `yaml:"data_dir"`
	// State says where people, resources and roles are kept; default SQLite in the data directory.
	State stateConfig `yaml:"state"`
	// Gateway is this gateway's name in the record; default the host's name.
	Gateway string       `yaml:"gateway"`
	Listen  listenConfig `yaml:"listen"`
	// OfflineLimit is how long gateways that run elsewhere work without word from here; default 15 minutes.
	OfflineLimit time.Duration `yaml:"offline_limit"`
	// URL is the web UI's public address, which passkeys belong to; default: passkeys work on localhost alone.
	URL string `yaml:"url"`
	// Hosts are the names and addresses by which clients reach this gateway, for its certificate.
	Hosts []string `yaml:"hosts"`
	// TLS is the certificate for the native entrance and the web; default one from Sallyport's own CA.
	TLS certificateConfig `yaml:"tls"`
	// PlainOutside lets clients on other machines send access tokens without TLS. Do not.
	PlainOutside bool          `yaml:"plain_outside"`
	Vault        *vault.Config `yaml:"vault"`
	// OIDC is the identity provider that people sign in by.
	OIDC *oidc.Config `yaml:"oidc"`
	// AccessRequests says whom requests for access are told to.
	AccessRequests admin.AccessRequests `yaml:"access_requests"`
	// SealKeyFile holds the key of sealed credentials; default a file in the user's configuration directory.
	SealKeyFile string      `yaml:"seal_key_file"`
	Audit       auditConfig `yaml:"audit"`
	// Redact says what the record must not hold, beside credentials, which it never does.
	Redact []redact.Rule `yaml:"redact"`
	Limits limitsConfig  `yaml:"limits"`
	Log    logConfig     `yaml:"log"`
	// DrainTimeout is how long sessions may go on after the order to stop.
	DrainTimeout time.Duration `yaml:"drain_timeout"`
	// HandoverTimeout is drain_timeout where the next program follows: so long new clients wait at most.
	HandoverTimeout time.Duration `yaml:"handover_timeout"`
}

// listenConfig holds host:port each; "off" closes an entrance.
type listenConfig struct {
	Web    string       `yaml:"web"`
	Tunnel string       `yaml:"tunnel"`
	Native nativeConfig `yaml:",inline"`
	// Gateways is where gateways that run elsewhere hang on; off unless given.
	Gateways string `yaml:"gateways"`
}

type certificateConfig struct {
	Certificate string `yaml:"certificate"` // PEM file
	Key         string `yaml:"key"`         // PEM file
}

type limitsConfig struct {
	StatementBytes   int           `yaml:"statement_bytes"`
	Handshakes       int           `yaml:"handshakes"`
	HandshakeTimeout time.Duration `yaml:"handshake_timeout"`
	ConnectTimeout   time.Duration `yaml:"connect_timeout"`
	LargeMessages    int64         `yaml:"large_message_bytes"`
}

type logConfig struct {
	Level  slog.Level `yaml:"level"`
	Format string     `yaml:"format"` // text or json
}

// off closes an entrance.
const off = "off"

func defaultConfig() (config, error) {
	host, err := os.Hostname()
	if err != nil {
		return config{}, fmt.Errorf("name this gateway: %w", err)
	}
	return config{
		DataDir: defaultDataDir(), Gateway: host,
		Listen:       listenConfig{Web: "127.0.0.1:7480", Tunnel: "127.0.0.1:7443", Native: defaultNative(), Gateways: off},
		Audit:        auditConfig{Index: indexConfig{Kind: embeddedIndex}},
		Log:          logConfig{Format: "text"},
		DrainTimeout: 30 * time.Second, HandoverTimeout: 5 * time.Second,
	}, nil
}

// loadConfig reads the file over the defaults; "" means the defaults alone. An unknown key is an error that names its
// line.
func loadConfig(path string) (config, error) {
	c, err := defaultConfig()
	if err != nil || path == "" {
		return c, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("read configuration: %w", err)
	}
	defaults := c
	err = yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&c)
	if err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, true))
	}
	if reflect.ValueOf(c).IsZero() { // the decoder empties its target for a document without content
		c = defaults
	}
	if err := c.validate(); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func (c *config) validate() error {
	if c.DataDir == "" {
		return errors.New("data_dir: must not be empty")
	}
	for key, address := range map[string]string{"listen.web": c.Listen.Web, "listen.tunnel": c.Listen.Tunnel, "listen.gateways": c.Listen.Gateways} {
		if err := checkListen(key, address); err != nil {
			return err
		}
	}
	if err := c.Listen.Native.check(); err != nil {
		return err
	}
	if err := admin.CheckURL(c.URL); err != nil {
		return err
	}
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		return errors.New("tls: give both certificate and key, or neither")
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		return fmt.Errorf("log.format: %q is neither text nor json", c.Log.Format)
	}
	if err := c.State.validate(); err != nil {
		return err
	}
	if err := c.Audit.validate(); err != nil {
		return fmt.Errorf("audit.%w", err)
	}
	if _, err := redact.New(c.Redact, nil); err != nil {
		return fmt.Errorf("redact: %w", err)
	}
	if c.OIDC != nil {
		if err := c.OIDC.Validate(); err != nil {
			return fmt.Errorf("oidc: %w", err)
		}
	}
	if err := c.AccessRequests.Validate(); err != nil {
		return fmt.Errorf("access_requests: %w", err)
	}
	if c.Vault != nil {
		if err := c.Vault.Validate(); err != nil {
			return fmt.Errorf("vault: %w", err)
		}
	}
	for key, n := range map[string]int64{
		"limits.handshakes": int64(c.Limits.Handshakes), "limits.handshake_timeout": int64(c.Limits.HandshakeTimeout),
		"limits.connect_timeout": int64(c.Limits.ConnectTimeout), "limits.large_message_bytes": c.Limits.LargeMessages,
		"drain_timeout": int64(c.DrainTimeout), "offline_limit": int64(c.OfflineLimit), "handover_timeout": int64(c.HandoverTimeout),
	} {
		if n < 0 {
			return fmt.Errorf("%s: must not be negative", key)
		}
	}
	if n := c.Limits.StatementBytes; n != 0 && (n < 64<<10 || n > 1<<30) {
		return errors.New("limits.statement_bytes: must be between 65536 and 1073741824")
	}
	return nil
}

func checkListen(key, address string) error {
	if address == off {
		return nil
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return fmt.Errorf("%s: want host:port or %q: %w", key, off, err)
	}
	return nil
}

func (c *config) limits() proxy.Limits {
	return proxy.Limits{Handshakes: c.Limits.Handshakes, HandshakeTimeout: c.Limits.HandshakeTimeout,
		ConnectTimeout: c.Limits.ConnectTimeout, LargeMessages: c.Limits.LargeMessages}
}

func (c *config) logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Log.Level}
	if c.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

func newConfigCommand() *cobra.Command {
	parent := &cobra.Command{Use: "config", Short: "Work with the server's configuration file"}
	parent.AddCommand(&cobra.Command{
		Use:     "check FILE",
		Short:   "Say whether a configuration file is valid, and what is wrong where",
		Example: "  sally config check /etc/sallyport/sally.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := loadConfig(args[0]); err != nil {
				return err
			}
			path, err := filepath.Abs(args[0])
			if err != nil {
				return fmt.Errorf("name the file: %w", err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is valid\n", path)
			return nil
		},
	})
	return parent
}
