package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/ca"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/copies"
	"github.com/sallyport/sallyport/audit/index/many"
	"github.com/sallyport/sallyport/audit/index/segment"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
	"github.com/sallyport/sallyport/audit/recording"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/creds/sealed"
	"github.com/sallyport/sallyport/creds/vault"
	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/redact"
	"github.com/sallyport/sallyport/web"
)

// Names within the data directory.
const (
	stateFile     = "state.db"
	sealedFile    = "credentials.sealed"
	addressesFile = "addresses.json"
)

// sealPassphraseEnv names the variable that holds the passphrase of the key file, if it has one.
const sealPassphraseEnv = "SALLY_SEAL_PASSPHRASE"

func newServerCommand() *cobra.Command {
	var path string
	var flags config
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run Sallyport: gateway, control plane, record and web UI in one process",
		Long: `Runs Sallyport. Without arguments it listens on loopback and keeps its state under the data directory, which it
makes on the first start together with a certificate authority, a journal and a first admin, whose one-time sign-in
link it prints. Ctrl-C or SIGTERM stops accepting, lets sessions finish for drain_timeout, and ends.

SIGUSR2 does the same (within handover_timeout) and then runs the program that is at the same path now, in the same process: clients who connect
meanwhile wait, and are not refused. Sockets that systemd passes on (named like the keys of listen: web, tunnel, ssh, postgres ...) are used as well.`,
		Example: `  sally server
  sally server --config /etc/sallyport/sally.yaml
  sally server --data-dir /var/lib/sallyport --listen-postgres 0.0.0.0:5432`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(path)
			if err != nil {
				return err
			}
			override(&c, flags)
			if err := c.validate(); err != nil {
				return err
			}
			ctx, stop := untilHandover(cmd.Context())
			defer stop()
			return runServer(ctx, c, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.AddCommand(newStateCommand())
	f := cmd.Flags()
	f.StringVar(&path, "config", os.Getenv("SALLY_CONFIG"), "configuration file (env SALLY_CONFIG)")
	f.StringVar(&flags.DataDir, "data-dir", os.Getenv("SALLY_DATA_DIR"), "data directory (env SALLY_DATA_DIR)")
	f.StringVar(&flags.Listen.Web, "listen-web", "", `address of the web UI and API, or "off"`)
	f.StringVar(&flags.Listen.Tunnel, "listen-tunnel", "", `address of the local client's entrance, or "off"`)
	flags.Listen.Native.flags(f)
	f.StringVar(&flags.Listen.Gateways, "listen-gateways", "", `address for gateways that run elsewhere, or "off" (the default)`)
	return cmd
}

// override lets flags that were given win over the file.
func override(c *config, flags config) {
	for _, o := range []struct{ value, target *string }{
		{&flags.DataDir, &c.DataDir}, {&flags.Listen.Web, &c.Listen.Web}, {&flags.Listen.Tunnel, &c.Listen.Tunnel},
		{&flags.Listen.Gateways, &c.Listen.Gateways},
	} {
		*o.target = cmp.Or(*o.value, *o.target)
	}
	flags.Listen.Native.complete(c.Listen.Native)
	c.Listen.Native = flags.Listen.Native
}

// server is everything that one process runs, in the order in which it is opened.
type server struct {
	config  config
	log     *slog.Logger
	journal *journal.Journal
	proof   *proof.Log
	index   audit.Index // searches everything: this server's own record and those of its gateways
	own     audit.Index // searches this server's own record
	state   *store.Store
	sealed  *sealed.Store
	// recordings are what terminals showed; they are closed after the journal, which tells how far they go.
	recordings *recording.Store
	// shippedRecordings are those that gateways have sent.
	shippedRecordings *recording.Store
	hostKeys          *gateway.HostKeys // of the SSH entrances
	vault             *vault.Source     // nil when not configured
	admin             *admin.Service
	access            *gateway.Directory
	gateway           *proxy.Server
	closing           []func() error // in order of opening

	searched *many.Index    // what index searches; nil when that is a cluster
	cache    *segment.Cache // of all embedded indexes
	records  *copies.Store  // of the gateways
	shipped  func() uint64  // number of records that are at a control plane; nil when they need not be

	tunnelAddress string
	webAddress    string       // where the web UI is reached when no URL is configured; empty: nowhere
	local         net.Listener // the API for programs of this machine
	webTLS        *tls.Config  // nil: plain HTTP
	linkTLS       *tls.Config  // of the port for gateways
}

// runServer runs until ctx ends, then drains and closes, and is followed by the next program if that was asked for.
func runServer(ctx context.Context, c config, out, logOut io.Writer) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	s := &server{config: c, log: c.logger(logOut)}
	sockets, err := s.run(ctx, out)
	if err = errors.Join(err, s.close()); err != nil || sockets == nil {
		return err
	}
	return sockets.follow(program)
}

// run gives the sockets that the next program needs; nil when there is none to come.
func (s *server) run(ctx context.Context, out io.Writer) (kept, error) {
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	listeners, err := s.listen(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.announce(ctx, listeners, out); err != nil {
		return nil, err
	}
	return s.serve(ctx, listeners)
}

func (s *server) open(ctx context.Context) error {
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"make data directory", s.openDataDir},
		{"open recordings", s.openRecordings},
		{"open journal", s.openJournal},
		{"open sealed credentials", s.openSealed},
		{"open audit proof", s.openProof},
		{"open audit index", s.openIndex},
		{"open records of gateways", s.openGatewayRecords},
		{"open retention", s.openKeeper},
		{"open Vault", s.openVault},
		{"open state", s.openState},
		{"open control plane", s.openAdmin},
		{"open gateway", s.openGateway},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

func (s *server) openDataDir(context.Context) error {
	if err := os.MkdirAll(s.config.DataDir, 0o700); err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	return os.Chmod(s.config.DataDir, 0o700)
}

func (s *server) openSealed(context.Context) (err error) {
	key := s.config.SealKeyFile
	if key == "" {
		if key, err = defaultSealKey(s.config.DataDir); err != nil {
			return err
		}
	}
	s.sealed, err = sealed.Open(sealed.Config{Path: s.path(sealedFile), KeyFile: key, Passphrase: os.Getenv(sealPassphraseEnv)})
	return err
}

// defaultSealKey is where the key of a data directory's sealed credentials is kept: in the user's configuration
// directory, so that a copy of the data directory alone opens nothing.
func defaultSealKey(dataDir string) (string, error) {
	config, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("seal_key_file: say where the key of sealed credentials is to be kept: %w", err)
	}
	dir, err := filepath.Abs(dataDir)
	if err != nil {
		return "", fmt.Errorf("name the data directory: %w", err)
	}
	sum := sha256.Sum256([]byte(dir))
	keys := filepath.Join(config, "sallyport", "seal-keys")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		return "", fmt.Errorf("make directory for the key of sealed credentials: %w", err)
	}
	return filepath.Join(keys, hex.EncodeToString(sum[:8])+".key"), nil
}

func (s *server) openVault(context.Context) (err error) {
	if s.config.Vault == nil {
		return nil
	}
	if s.vault, err = vault.New(*s.config.Vault, os.Getenv(vault.TokenEnv), s.log); err != nil {
		return err
	}
	s.closing = append(s.closing, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return s.vault.Close(ctx)
	})
	return nil
}

func (s *server) openState(ctx context.Context) (err error) {
	if s.state, err = store.Open(ctx, s.config.store(s.log)); err != nil {
		return err
	}
	s.closing = append(s.closing, s.state.Close)
	return nil
}

func (s *server) openAdmin(ctx context.Context) (err error) {
	s.access = gateway.NewDirectory(gateway.Options{Gateway: s.config.Gateway, Used: func(token string, at time.Time) { s.admin.NoteTokenUse(token, at) }})
	provider, err := s.openProvider()
	if err != nil {
		return fmt.Errorf("oidc: %w", err)
	}
	s.admin, err = admin.New(ctx, admin.Config{
		OIDC: provider,
		URL:  s.config.URL, Address: func() string { return s.webAddress },
		Store: s.state, Journal: s.journal, Searcher: s.index, Sessions: s.access,
		Prover: proof.Prover{Log: s.proof, Searcher: s.own}, Rotator: s.proof, Secrets: s.sealed, Sealer: ca.NewAgeSealer(s.sealed.Identity()),
		UI: web.Files(), Log: s.log, Gateway: s.config.Gateway, Tunnel: func() string { return s.tunnelAddress },
		Health: s.journal.Fault, Measured: s.measured(), Facts: statementFacts(newProtocols(s.parts())), AccessRequests: s.config.AccessRequests, Handout: s.ownCredentials(), GatewayRecords: s.records, Recordings: s.readable(), OfflineLimit: s.config.OfflineLimit,
		Protocols: resourceProtocols(),
	})
	if err != nil {
		return err
	}
	s.access.SetControl(s.admin)
	s.closing = append(s.closing, func() error { s.admin.Close(); return nil })
	return nil
}

func (s *server) openGateway(context.Context) error {
	certificate, err := s.certificate()
	if err != nil {
		return err
	}
	if s.linkTLS, err = s.admin.GatewayTLS(); err != nil {
		return err
	}
	if err := s.openHostKeys(s.certifyHostKey); err != nil {
		return err
	}
	protocols := newProtocols(s.parts())
	redactor, err := redact.New(s.config.Redact, proxy.Readers(protocols))
	if err != nil {
		return err
	}
	sources := creds.Router{"sealed": s.ownCredentials()}
	if s.vault != nil {
		sources["vault"] = s.vault
	}
	s.gateway = proxy.NewServer(proxy.Config{
		Gateway: s.config.Gateway, Protocols: protocols, Directory: s.access, Credentials: sources, Journal: s.journal, Certificate: certificate, ClientCAs: s.admin.ClientCAs(), Redactor: redactor,
		PlainOutside: s.config.PlainOutside, Limits: s.config.limits(), Log: s.log, Relays: s.access, NodeHost: s.config.Listen.Native.RedisNodesHost,
	})
	s.access.SetSessions(s.gateway)
	s.access.SetRelays(s.gateway)
	return nil
}

// parts are what protocols are made with.
func (s *server) parts() parts {
	return parts{limits: s.config.Limits, native: s.config.Listen.Native, directory: s.access, hostKeys: s.hostKeys, recordings: s.recordings}
}

func (s *server) path(name string) string { return filepath.Join(s.config.DataDir, name) }

// serve runs the entrances until ctx ends or one of them fails. It gives the sockets for the next program.
func (s *server) serve(ctx context.Context, l listeners) (sockets kept, err error) {
	run, ctx := errgroup.WithContext(ctx)
	if tunnel, ok := l["tunnel"]; ok {
		run.Go(func() error { return s.gateway.ServeTunnel(tunnel) })
	}
	l.serveNative(run, s.gateway)
	servers := []*httpServer{s.serveHTTP(run, s.admin.LocalServer(), s.local)}
	if web, ok := l["web"]; ok {
		if s.webTLS != nil {
			web = tls.NewListener(web, s.webTLS)
		}
		servers = append(servers, s.serveHTTP(run, s.admin.Server(), web))
	}
	if gateways, ok := l["gateways"]; ok {
		servers = append(servers, s.serveHTTP(run, s.admin.GatewayServer(), tls.NewListener(gateways, s.linkTLS)))
	}
	governed, release := context.WithCancel(context.WithoutCancel(ctx)) // sessions are while they drain, too
	run.Go(func() error { return s.access.Run(governed) })
	run.Go(func() error { return s.hostKeys.Run(governed) })
	run.Go(func() (err error) {
		defer release()
		sockets, err = s.drain(ctx, l)
		for _, h := range servers {
			_ = h.Close() // live tails never end by themselves
		}
		return err
	})
	err = run.Wait()
	return sockets, err
}

// drain waits for the end of ctx, and then until sessions have ended or their time is over. It gives the sockets for the
// next program if one is to follow.
func (s *server) drain(ctx context.Context, l listeners) (sockets kept, err error) {
	<-ctx.Done()
	timeout := s.config.DrainTimeout
	if errors.Is(context.Cause(ctx), errHandover) {
		sockets, err = l.keep()
		timeout = s.config.HandoverTimeout
	}
	s.log.Info("stopping: no new connections", "sessions", len(s.gateway.Sessions()), "drain_timeout", timeout)
	drain, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	s.gateway.Shutdown(drain)
	return sockets, err
}

// close closes what was opened, last first.
func (s *server) close() error {
	var errs []error
	for i := len(s.closing) - 1; i >= 0; i-- {
		errs = append(errs, s.closing[i]())
	}
	return errors.Join(errs...)
}
