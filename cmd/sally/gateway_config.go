package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/sallyport/sallyport/audit/keep"
	"github.com/sallyport/sallyport/creds/vault"
	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/proxy/redact"
)

// gatewayConfig is a gateway's own configuration file; docs/gateways.md describes it. Its name and what it decides by come
// from the control plane.
type gatewayConfig struct {
	// DataDir holds the gateway's identity, its last rules and its journal; made with mode 0700.
	DataDir string `yaml:"data_dir"`
	// Servers are the control planes' addresses for gateways, https://host:port, tried in this order.
	Servers []string `yaml:"servers"`
	// JoinFile holds a join token, for the first start.
	JoinFile string `yaml:"join_file"`
	// Relay is the gateway to which this one dials out, so that clients reach it where nothing may listen: the name that
	// the control plane's rules give, too, or HOST:PORT of that one's tunnel. Empty: it does not dial out.
	Relay string `yaml:"relay"`
	// OfflineLimit makes the time shorter for which the gateway works without a control plane.
	OfflineLimit time.Duration        `yaml:"offline_limit"`
	Listen       gatewayListenConfig  `yaml:"listen"`
	TLS          certificateConfig    `yaml:"tls"`
	PlainOutside bool                 `yaml:"plain_outside"`
	Vault        *vault.Config        `yaml:"vault"`
	SealKeyFile  string               `yaml:"seal_key_file"`
	Journal      gatewayJournalConfig `yaml:"journal"`
	Redact       []redact.Rule        `yaml:"redact"`
	Limits       limitsConfig         `yaml:"limits"`
	Log          logConfig            `yaml:"log"`
	DrainTimeout time.Duration        `yaml:"drain_timeout"`
	// HandoverTimeout is DrainTimeout before the next program takes over.
	HandoverTimeout time.Duration `yaml:"handover_timeout"`
}

// gatewayListenConfig holds host:port each; "off" closes an entrance.
type gatewayListenConfig struct {
	Tunnel string       `yaml:"tunnel"`
	Native nativeConfig `yaml:",inline"`
}

// gatewayJournalConfig says how the gateway keeps its own record.
type gatewayJournalConfig struct {
	SegmentBytes int64                 `yaml:"segment_bytes"`
	Retention    keep.Config           `yaml:"retention"`
	Recordings   keep.RecordingsConfig `yaml:"recordings"`
	Witnesses    []witnessConfig       `yaml:"witnesses"`
}

func defaultGatewayConfig() gatewayConfig {
	return gatewayConfig{
		DataDir: filepath.Join(filepath.Dir(defaultDataDir()), "sallyport-gateway"),
		Log:     logConfig{Format: "text"}, DrainTimeout: 30 * time.Second, HandoverTimeout: 5 * time.Second,
	}
}

// loadGatewayConfig reads the file over the defaults; "" means the defaults alone. An unknown key is an error that names
// its line.
func loadGatewayConfig(path string) (gatewayConfig, error) {
	c := defaultGatewayConfig()
	if path == "" {
		return c, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("read configuration: %w", err)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return c, nil
	}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, true))
	}
	return c, nil
}

func (c *gatewayConfig) validate() error {
	if len(c.Servers) == 0 {
		return errors.New("servers: name a control plane with --server https://HOST:PORT, the address of its listen.gateways")
	}
	for _, server := range c.Servers {
		if err := gateway.CheckServer(server); err != nil {
			return fmt.Errorf("servers: %w", err)
		}
	}
	c.completeListen()
	if c.OfflineLimit < 0 {
		return errors.New("offline_limit: must not be negative")
	}
	own, err := c.own()
	if err != nil {
		return err
	}
	if err := own.Audit.validate(); err != nil {
		return fmt.Errorf("journal.%w", err)
	}
	return own.validate()
}

// completeListen sets what is not configured: loopback, and with a relay nothing.
func (c *gatewayConfig) completeListen() {
	defaults := gatewayListenConfig{Tunnel: "127.0.0.1:7443", Native: defaultNative()}
	if c.Relay != "" {
		defaults.Tunnel = off
		defaults.Native.each(func(_ served, address *string) { *address = off })
	}
	c.Listen.Tunnel = cmp.Or(c.Listen.Tunnel, defaults.Tunnel)
	c.Listen.Native.complete(defaults.Native)
}

// own is what a gateway shares with a server's configuration.
func (c *gatewayConfig) own() (config, error) {
	own, err := defaultConfig()
	own.DataDir, own.Vault, own.SealKeyFile, own.TLS, own.PlainOutside = c.DataDir, c.Vault, c.SealKeyFile, c.TLS, c.PlainOutside
	own.Listen = listenConfig{Web: off, Tunnel: c.Listen.Tunnel, Native: c.Listen.Native, Gateways: off}
	own.Redact, own.Limits, own.Log = c.Redact, c.Limits, c.Log
	own.DrainTimeout, own.HandoverTimeout = c.DrainTimeout, c.HandoverTimeout
	own.Audit.SegmentBytes, own.Audit.Retention, own.Audit.Witnesses = c.Journal.SegmentBytes, c.Journal.Retention, c.Journal.Witnesses
	own.Audit.Recordings = c.Journal.Recordings
	return own, err
}
