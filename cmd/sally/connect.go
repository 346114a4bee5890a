package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/client"
)

func newConnectCommand() *cobra.Command {
	var (
		port    int
		account string
		all     bool
	)
	cmd := &cobra.Command{
		Use:   "connect NAME...",
		Short: "Open resources on local ports, until Ctrl-C",
		Long: `Open resources on local ports, until Ctrl-C.

Each resource has its own port on 127.0.0.1, derived from its name, so that saved connections go on working. Point any
client at the printed address; it needs no password. Every program and every user of this machine can use the port
while it is open: on a machine that you share, use "sally psql".`,
		Example: "  sally connect orders-db\n  sally connect orders-db billing-db --account reporting\n  sally connect --all",
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case all == (len(args) > 0):
				return errors.New("name resources, or say --all; sally ls shows what you may open")
			case port != 0 && len(args) != 1:
				return errors.New("--port is for one resource")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newConnecting(cmd)
			if err != nil {
				return err
			}
			resources, err := c.resources(cmd.Context(), args, all)
			if err != nil {
				return err
			}
			return c.connect(cmd.Context(), resources, account, port)
		},
	}
	cmd.Flags().IntVar(&port, "port", 0, "local port; default: derived from the resource's name")
	cmd.Flags().StringVar(&account, "account", "", "account at the store; default: the first that you may use")
	cmd.Flags().BoolVar(&all, "all", false, "every resource that you may open")
	return cmd
}

// connecting is what the commands that open tunnels share.
type connecting struct {
	profile *client.Profile
	dialer  *client.Dialer
	out     io.Writer
	troubles
}

func newConnecting(cmd *cobra.Command) (*connecting, error) {
	p, err := client.LoadProfile()
	if err != nil {
		return nil, err
	}
	dialer, err := client.NewDialer(p, client.LoadProfile)
	if err != nil {
		return nil, err
	}
	return &connecting{profile: p, dialer: dialer, out: cmd.OutOrStdout(), troubles: troubles{err: cmd.ErrOrStderr()}}, nil
}

// resources gives those that were named, or all. Gateways work for a while without the server, so a named resource is
// tried even when the server cannot be asked about it.
func (c *connecting) resources(ctx context.Context, names []string, all bool) ([]client.Resource, error) {
	api, err := c.profile.API()
	if err != nil {
		return nil, err
	}
	defer api.Close()
	mine, err := api.Resources(ctx)
	if err != nil && (all || ctx.Err() != nil) {
		return nil, err
	}
	if err != nil {
		c.say("%v; going on with the names alone", err)
	}
	if all {
		if len(mine) == 0 {
			return nil, errors.New("there is no resource that you may open")
		}
		return mine, nil
	}
	var chosen []client.Resource
	for _, name := range names {
		i := slices.IndexFunc(mine, func(r client.Resource) bool { return r.Name == name })
		switch {
		case i >= 0:
			chosen = append(chosen, mine[i])
		case err == nil:
			return nil, fmt.Errorf("there is no resource %q that you may open; sally ls shows those that you may", name)
		default:
			chosen = append(chosen, client.Resource{Name: name})
		}
	}
	return chosen, nil
}

// account gives the account that a client program names. Where none is known it names the person, which the gateway
// takes as the wish for the default account.
func (c *connecting) account(r client.Resource, wanted string) (string, error) {
	account, err := r.Account(wanted)
	if account == "" {
		account = c.profile.User
	}
	return account, err
}

func (c *connecting) tunnel(r client.Resource) *client.Tunnel {
	return &client.Tunnel{
		Resource: r.Name,
		Dial: func(ctx context.Context) (client.Conn, error) {
			return c.dialer.Dial(ctx, r.Name, r.Tunnel)
		},
		Report: c.report,
	}
}

// connect opens a listener for each resource and serves them until ctx ends or a signal comes; then it lets open
// connections end, until a second signal.
func (c *connecting) connect(ctx context.Context, resources []client.Resource, account string, port int) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var serving sync.WaitGroup
	defer serving.Wait()
	defer end()
	var (
		listeners []net.Listener
		tunnels   []*client.Tunnel
	)
	for _, r := range resources {
		l, err := c.open(ctx, r, account, port)
		if err != nil {
			return err
		}
		t := c.tunnel(r)
		listeners, tunnels = append(listeners, l), append(tunnels, t)
		serving.Go(func() {
			if err := t.Serve(life, l); err != nil {
				c.report(r.Name, err)
			}
		})
	}
	c.say("Certificate %s; renew it with: %s", untilWhen(c.dialer.Expires()), c.profile.Renewal())
	c.say("Ctrl-C ends.")
	serving.Go(func() { c.watchExpiry(life) })

	<-ctx.Done()
	stop()
	for _, l := range listeners {
		_ = l.Close()
	}
	c.drain(tunnels)
	return nil
}

// open listens for one resource and prints what a client connects to.
func (c *connecting) open(ctx context.Context, r client.Resource, account string, port int) (net.Listener, error) {
	account, err := c.account(r, account)
	if err != nil {
		return nil, err
	}
	var l *net.TCPListener
	if port != 0 {
		l, err = client.ListenOn(ctx, port)
	} else {
		l, err = client.Listen(ctx, r.Name)
	}
	if err != nil {
		return nil, err
	}
	taken := l.Addr().(*net.TCPAddr).Port
	if preferred := client.PreferredPort(r.Name); port == 0 && taken != preferred {
		c.say("%s: its own port %d is taken; using %d", r.Name, preferred, taken)
	}
	fmt.Fprintf(c.out, "%s  %s\n", r.Name, r.URL(account, taken))
	return l, nil
}

// drain waits until no connection is open, or for a signal.
func (c *connecting) drain(tunnels []*client.Tunnel) {
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(again)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for told := false; ; told = true {
		open := 0
		for _, t := range tunnels {
			open += t.Open()
		}
		if open == 0 {
			return
		}
		if !told {
			c.say("Waiting for open connections (%d) to end; Ctrl-C again ends them now.", open)
		}
		select {
		case <-again:
			return
		case <-tick.C:
		}
	}
}

// watchExpiry says once when the certificate has ended without another sign-in.
func (c *connecting) watchExpiry(ctx context.Context) {
	for end := c.dialer.Expires(); ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(end)):
		}
		renewed, err := client.LoadProfile()
		if err != nil || !renewed.Expires.After(end) {
			c.say("Your certificate has ended: new connections will be refused. Renew it with: %s", c.profile.Renewal())
			return
		}
		end = renewed.Expires
	}
}

func newPsqlCommand() *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:     "psql NAME [-- PSQL-ARGUMENTS]",
		Short:   "Run psql on a resource, through a socket that is yours alone",
		Example: "  sally psql orders-db\n  sally psql orders-db -- -c 'select count(*) from orders'",
		Args: func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); len(args) == 0 || dash != 1 && (dash >= 0 || len(args) > 1) {
				return errors.New("name one resource; psql's own arguments come after --")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newConnecting(cmd)
			if err != nil {
				return err
			}
			resources, err := c.resources(cmd.Context(), args[:1], false)
			if err != nil {
				return err
			}
			// From here on the terminal is psql's, and its exit status says all.
			cmd.SilenceUsage = true
			return c.psql(cmd, resources[0], account, args[1:])
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "account at the store; default: the first that you may use")
	return cmd
}

// psql runs psql on a tunnel whose local end is a Unix socket in a directory that only this user may enter. It returns
// psql's own *exec.ExitError when psql ends with a status other than 0.
func (c *connecting) psql(cmd *cobra.Command, r client.Resource, account string, args []string) error {
	if r.Protocol != "postgres" && r.Protocol != "" {
		return fmt.Errorf("%s speaks %s, not PostgreSQL; try: sally connect %s", r.Name, r.Protocol, r.Name)
	}
	account, err := c.account(r, account)
	if err != nil {
		return err
	}
	program, err := exec.LookPath("psql")
	if err != nil {
		return fmt.Errorf("psql is not installed here; install it, or use another client with: sally connect %s", r.Name)
	}
	dir, err := os.MkdirTemp("", "sally-") // mode 0700
	if err != nil {
		return fmt.Errorf("make directory for socket: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	const port = "5432" // only a part of the socket's name
	l, err := new(net.ListenConfig).Listen(cmd.Context(), "unix", filepath.Join(dir, ".s.PGSQL."+port))
	if err != nil {
		return fmt.Errorf("listen on socket: %w", err)
	}
	ctx, end := context.WithCancel(context.WithoutCancel(cmd.Context()))
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := c.tunnel(r).Serve(ctx, l); err != nil {
			c.report(r.Name, err)
		}
	})
	defer serving.Wait()
	defer end()

	// Ctrl-C is for psql, which cancels the statement by it. Caught signals are at their default in psql again.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, os.Interrupt)
	defer signal.Stop(caught)
	psql := exec.Command(program, args...) // without a context: psql ends when the person says so
	psql.Stdin, psql.Stdout, psql.Stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	psql.Env = append(withoutLibpq(os.Environ()),
		"PGHOST="+dir, "PGPORT="+port, "PGUSER="+account, "PGSSLMODE=disable")
	if r.Database != "" {
		psql.Env = append(psql.Env, "PGDATABASE="+r.Database)
	}
	return psql.Run()
}

// withoutLibpq drops the variables that would send psql elsewhere or ask of the socket what TLS already gives.
func withoutLibpq(environment []string) []string {
	steering := []string{
		"PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGSSLMODE",
		"PGREQUIREAUTH", "PGCHANNELBINDING", "PGREQUIRESSL", "PGSSLNEGOTIATION", "PGTARGETSESSIONATTRS", "PGREQUIREPEER",
	}
	return slices.DeleteFunc(slices.Clone(environment), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(steering, name)
	})
}

// troubles prints sentences to a person while tunnels run. It is safe for concurrent use.
type troubles struct {
	mu   sync.Mutex
	err  io.Writer
	last string
	at   time.Time
}

func (t *troubles) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.err, format+"\n", args...)
}

// report tells a trouble once, not once for each connection of a pool.
func (t *troubles) report(resource string, err error) {
	sentence := fmt.Sprintf("%s: %v", resource, err)
	t.mu.Lock()
	defer t.mu.Unlock()
	if sentence == t.last && time.Since(t.at) < 5*time.Second {
		return
	}
	t.last, t.at = sentence, time.Now()
	fmt.Fprintln(t.err, sentence)
}
