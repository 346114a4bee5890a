package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/sallyport/sallyport/audit/recording"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/link"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/redact"
)

// joinTokenEnv names the variable that may hold a join token.
const joinTokenEnv = "SALLY_JOIN_TOKEN"

// linkDir is where a gateway keeps its identity and its last rules, within its data directory.
const linkDir = "link"

func newGatewayCommand() *cobra.Command {
	var path string
	var flags gatewayConfig
	var join bool
	cmd := &cobra.Command{
		Use:   "gateway",
		Short: "Run a gateway alone, governed by a control plane elsewhere",
		Long: `Runs a gateway: the entrances for clients, with a record of its own. Who may do what it learns from a control plane,
a sally server whose listen.gateways is on; add the gateway there first, with: sally admin gateways add NAME. That
prints a join token, good once and for a day. The first start needs it: in the variable SALLY_JOIN_TOKEN, in a file
(--join-file) or on standard input (--join). It holds the fingerprint of the control plane's authority, so that the
gateway speaks to no other.

When no control plane can be reached, the gateway goes on by what it heard last for the control plane's offline limit,
normally 15 minutes; then it ends all sessions and lets nobody in until it hears again.

With --relay it listens nowhere, and dials out to another gateway, through which clients reach it: for networks that let
nothing in. Add it with: sally admin gateways add NAME --relay GATEWAY.

SIGUSR2 ends it like SIGTERM (within handover_timeout) and then runs the program that is at the same path now, in the same
process: clients who connect meanwhile wait, and are not refused. Sockets that systemd passes on (named like the keys of
listen: tunnel, ssh, postgres ...) are used as well.`,
		Example: `  sally gateway --join --server https://control.acme.com:7444 --listen-tunnel 0.0.0.0:7443 < token
  sally gateway --join --server https://control.acme.com:7444 --relay gw-public < token
  sally gateway --config /etc/sallyport/gateway.yaml
  sally gateway --server https://control-1.acme.com:7444 --server https://control-2.acme.com:7444`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadGatewayConfig(path)
			if err != nil {
				return err
			}
			overrideGateway(&c, flags)
			if err := c.validate(); err != nil {
				return err
			}
			var stdin io.Reader
			if join {
				stdin = cmd.InOrStdin()
			}
			ctx, stop := untilHandover(cmd.Context())
			defer stop()
			return runGateway(ctx, c, stdin, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&path, "config", os.Getenv("SALLY_GATEWAY_CONFIG"), "configuration file (env SALLY_GATEWAY_CONFIG)")
	f.StringVar(&flags.DataDir, "data-dir", os.Getenv("SALLY_GATEWAY_DATA_DIR"), "data directory (env SALLY_GATEWAY_DATA_DIR)")
	f.StringSliceVar(&flags.Servers, "server", nil, "address of a control plane's port for gateways, https://HOST:PORT (repeat for several)")
	f.BoolVar(&join, "join", false, "join by a token on standard input")
	f.StringVar(&flags.JoinFile, "join-file", "", "join by the token in this file, unless joined already")
	f.StringVar(&flags.Relay, "relay", "", "gateway to dial out to, by its name or by HOST:PORT of its tunnel, instead of listening")
	f.StringVar(&flags.Listen.Tunnel, "listen-tunnel", "", `address of the local client's entrance, or "off"`)
	flags.Listen.Native.flags(f)
	return cmd
}

func overrideGateway(c *gatewayConfig, flags gatewayConfig) {
	for _, o := range []struct{ value, target *string }{
		{&flags.DataDir, &c.DataDir}, {&flags.JoinFile, &c.JoinFile}, {&flags.Relay, &c.Relay}, {&flags.Listen.Tunnel, &c.Listen.Tunnel},
	} {
		*o.target = cmp.Or(*o.value, *o.target)
	}
	flags.Listen.Native.complete(c.Listen.Native)
	c.Listen.Native = flags.Listen.Native
	if len(flags.Servers) > 0 {
		c.Servers = flags.Servers
	}
}

// gatewayProcess is what a gateway runs. Journal, proof and credentials are a server's.
type gatewayProcess struct {
	server
	gatewayConfig gatewayConfig
	identity      *gateway.Identity
	link          *gateway.Link
}

// runGateway joins if need be, runs until ctx ends, and is followed by the next program if that was asked for.
func runGateway(ctx context.Context, c gatewayConfig, stdin io.Reader, out, logOut io.Writer) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	own, err := c.own()
	if err != nil {
		return err
	}
	if os.Getenv(handoverEnv) != "" {
		stdin = nil // the program before this one has joined
	}
	g := &gatewayProcess{server: server{config: own, log: own.logger(logOut)}, gatewayConfig: c}
	sockets, err := g.run(ctx, stdin, out)
	if err = errors.Join(err, g.close()); err != nil || sockets == nil {
		return err
	}
	return sockets.follow(program)
}

// run gives the sockets that the next program needs; nil when there is none to come.
func (g *gatewayProcess) run(ctx context.Context, stdin io.Reader, out io.Writer) (kept, error) {
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"make data directory", g.openDataDir},
		{"join", func(ctx context.Context) error { return g.openIdentity(ctx, stdin) }},
		{"open recordings", g.openRecordings},
		{"open journal", g.openJournal},
		{"open key of the record", g.openSealed},
		{"open audit proof", g.openProof},
		{"open Vault", g.openVault},
		{"open gateway", g.openGateway},
		{"open retention", g.openKeeper},
	} {
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", step.what, err)
		}
	}
	l, err := g.listen(ctx, out)
	if err != nil {
		return nil, err
	}
	return g.serve(ctx, l)
}

// openRecordings opens what terminals show here. It is sealed to the control plane, which gets it when it is over.
func (g *gatewayProcess) openRecordings(context.Context) error {
	return g.openOwnRecordings(recording.Config{Recipient: func() string { return g.link.RecordingsRecipient() }, Ship: true})
}

// openIdentity takes the identity that is kept, unless there is a token on stdin, or none yet and a token elsewhere.
func (g *gatewayProcess) openIdentity(ctx context.Context, stdin io.Reader) error {
	dir := g.path(linkDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	id, err := gateway.LoadIdentity(dir)
	if err != nil && !errors.Is(err, gateway.ErrNotJoined) {
		return err
	}
	if id == nil || stdin != nil {
		if id, err = g.join(ctx, dir, stdin); err != nil {
			return err
		}
	}
	g.identity = id
	g.config.Gateway = id.Gateway
	return nil
}

func (g *gatewayProcess) join(ctx context.Context, dir string, stdin io.Reader) (*gateway.Identity, error) {
	text := os.Getenv(joinTokenEnv)
	switch {
	case stdin != nil:
		b, err := io.ReadAll(io.LimitReader(stdin, 4096))
		if err != nil {
			return nil, fmt.Errorf("read join token: %w", err)
		}
		text = string(b)
	case g.gatewayConfig.JoinFile != "":
		b, err := os.ReadFile(g.gatewayConfig.JoinFile)
		if err != nil {
			return nil, fmt.Errorf("read join token: %w", err)
		}
		text = string(b)
	case text == "":
		return nil, fmt.Errorf("%w; give it a join token in %s, by --join-file or with --join on standard input", gateway.ErrNotJoined, joinTokenEnv)
	}
	token, err := link.ParseJoinToken(text)
	if err != nil {
		return nil, err
	}
	id, err := gateway.Join(ctx, dir, g.gatewayConfig.Servers, token)
	if err != nil {
		return nil, err
	}
	g.log.Info("joined", "gateway", id.Gateway)
	return id, nil
}

func (g *gatewayProcess) openGateway(context.Context) error {
	g.access = gateway.NewDirectory(gateway.Options{
		Gateway: g.identity.Gateway, Used: func(token string, at time.Time) { g.link.NoteTokenUse(token, at) },
	})
	g.link = gateway.OpenLink(gateway.LinkOptions{
		Identity: g.identity, Dir: g.path(linkDir), Servers: g.gatewayConfig.Servers, Directory: g.access, Version: version,
		OfflineLimit: g.gatewayConfig.OfflineLimit, Record: g.journal, Recordings: g.recordings, Log: g.log,
	})
	if err := g.openHostKeys(g.link.CertifyHostKey); err != nil {
		return err
	}
	protocols := newProtocols(g.parts())
	redactor, err := redact.New(g.config.Redact, proxy.Readers(protocols))
	if err != nil {
		return err
	}
	certificate, err := g.certificate()
	if err != nil {
		return err
	}
	sources := creds.Router{"sealed": g.link.Secrets()}
	if g.vault != nil {
		sources["vault"] = g.vault
	}
	g.gateway = proxy.NewServer(proxy.Config{
		Gateway: g.identity.Gateway, Protocols: protocols, Directory: g.access, Credentials: sources, Journal: g.journal, Certificate: certificate, ClientCAs: g.link.ClientCAs(), Redactor: redactor,
		PlainOutside: g.config.PlainOutside, Limits: g.config.limits(), Log: g.log, Relays: g.access, NodeHost: g.config.Listen.Native.RedisNodesHost,
	})
	g.access.SetSessions(g.gateway)
	g.shipped = g.link.Shipped
	g.access.SetRelays(g.gateway)
	g.access.SetControl(g.link)
	return nil
}

// certificate gives the gateway's own certificate, and at the native entrances the configured one if there is one.
func (g *gatewayProcess) certificate() (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	if g.config.TLS.Certificate == "" {
		return g.link.Certificate, nil
	}
	public, err := loadCertificate(g.config.TLS)
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		for _, name := range hello.SupportedProtos {
			if name == proxy.TunnelALPN || name == proxy.RelayALPN {
				return g.link.Certificate(hello)
			}
		}
		return public(hello)
	}, err
}

// serve runs the entrances and the link until ctx ends or one of them fails. It gives the sockets for the next program.
func (g *gatewayProcess) serve(ctx context.Context, l listeners) (sockets kept, err error) {
	run, ctx := errgroup.WithContext(ctx)
	linked, unlink := context.WithCancel(context.WithoutCancel(ctx)) // while sessions drain they are still governed
	if tunnel, ok := l["tunnel"]; ok {
		run.Go(func() error { return g.gateway.ServeTunnel(tunnel) })
	}
	l.serveNative(run, g.gateway)
	if g.gatewayConfig.Relay != "" {
		g.serveRelay(run)
	}
	run.Go(func() error { return g.access.Run(linked) })
	run.Go(func() error { return g.link.Run(linked) })
	run.Go(func() error { return g.hostKeys.Run(linked) })
	run.Go(func() (err error) {
		defer unlink()
		sockets, err = g.drain(ctx, l)
		return err
	})
	err = run.Wait()
	return sockets, err
}

// listen opens the entrances and says where they are.
func (g *gatewayProcess) listen(ctx context.Context, out io.Writer) (listeners, error) {
	entrances := append([]entrance{{"tunnel", "local client", g.config.Listen.Tunnel}}, g.config.Listen.Native.entrances()...)
	l, err := openListeners(ctx, entrances)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "Sallyport gateway %s %s, data in %s, control plane %s\n", g.identity.Gateway, version, g.config.DataDir,
		strings.Join(g.gatewayConfig.Servers, ", "))
	if g.gatewayConfig.Relay != "" {
		fmt.Fprintf(out, "  %-15s %s\n", "reached through", g.gatewayConfig.Relay)
	}
	return l, l.announce(entrances, nil, filepath.Join(g.config.DataDir, addressesFile), out)
}
