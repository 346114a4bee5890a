package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/client/agent"
	"github.com/sallyport/sallyport/client/program"
)

func newDBCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "db",
		Short: "Use a database with the client programs that you have",
		Long: `Use a database with the client programs that you have.

  sally db connect    start the right program
  sally db env        variables for programs that you start yourself
  sally db url        the address, to paste
  sally db config     connection files, for DBeaver and others`,
	}
	cmd.AddCommand(newDBConnectCommand(), newDBEnvCommand(), newDBURLCommand(), newDBConfigCommand())
	return cmd
}

func newDBConnectCommand() *cobra.Command {
	var account, wanted string
	cmd := &cobra.Command{
		Use:   "connect NAME [-- PROGRAM-ARGUMENTS]",
		Short: "Start the right client program, through a socket that is yours alone",
		Long: `Start the right client program, through a socket that is yours alone.

A cluster sends its clients from node to node, which no socket can do, so that it is connected by the agent instead: its
ports are open to every user of this machine until "sally disconnect".`,
		Example: `  sally db connect orders-db
  sally db connect orders-db --account reporting
  sally db connect orders-db -- -c 'select count(*) from orders'
  sally db connect orders-db --program pgcli`,
		Args:              oneNameThenArguments,
		ValidArgsFunction: completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return connectProgram(cmd, args, account, wanted)
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "account at the store; default: the first that you may use")
	cmd.Flags().StringVar(&wanted, "program", "", "the program to start; default: the first that is installed")
	return cmd
}

func newPsqlCommand() *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:               "psql NAME [-- PSQL-ARGUMENTS]",
		Short:             "Run psql on a resource: sally db connect --program psql",
		Example:           "  sally psql orders-db\n  sally psql orders-db -- -c 'select count(*) from orders'",
		Args:              oneNameThenArguments,
		ValidArgsFunction: completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return connectProgram(cmd, args, account, "psql")
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "account at the store; default: the first that you may use")
	return cmd
}

func oneNameThenArguments(cmd *cobra.Command, args []string) error {
	if dash := cmd.ArgsLenAtDash(); len(args) == 0 || dash != 1 && (dash >= 0 || len(args) > 1) {
		return errors.New("name one resource; the program's own arguments come after --")
	}
	return nil
}

func connectProgram(cmd *cobra.Command, args []string, account, wanted string) error {
	c, err := newConnecting(cmd)
	if err != nil {
		return err
	}
	resources, err := c.resources(cmd.Context(), args[:1], false)
	if err != nil {
		return err
	}
	r := resources[0]
	if r.Protocol == "" { // the server could not be asked, and never was before
		if r.Protocol = program.ProtocolOf(wanted); r.Protocol == "" {
			return fmt.Errorf("what %s is cannot be asked now; name its client program by --program, such as psql", r.Name)
		}
	}
	if r.Protocol == program.SSH && wanted != "" && wanted != "ssh" {
		return fmt.Errorf("%s is a server, which %s cannot open; use: sally ssh %[1]s", r.Name, wanted)
	}
	if r.Protocol == program.SSH {
		return c.startSSH(r, account, program.SSHArguments{Destination: r.Name, Command: args[1:]})
	}
	found, path, err := program.Find(r.Protocol, wanted)
	if err != nil {
		return err
	}
	if account, err = c.account(r, account); err != nil {
		return err
	}
	// From here on the terminal is the program's, and its exit status says all.
	cmd.SilenceUsage = true
	if len(r.Nodes) > 0 {
		target, err := c.clusterTarget(cmd, r, account)
		if err != nil {
			return err
		}
		return runProgram(cmd, target, found, path, args[1:])
	}
	return c.run(cmd, r, account, found, path, args[1:])
}

// run runs the program on a tunnel of its own.
func (c *connecting) run(cmd *cobra.Command, r client.Resource, account string, p program.Program, path string, args []string) error {
	target := r.Target(account, 0)
	l, remove, err := privateListener(cmd.Context(), &target)
	if err != nil {
		return err
	}
	defer remove()
	ctx, end := context.WithCancel(context.WithoutCancel(cmd.Context()))
	var serving sync.WaitGroup
	serving.Go(func() { c.serve(ctx, openPort{l, c.tunnel(r)}) })
	defer serving.Wait()
	defer end()
	return runProgram(cmd, target, p, path, args)
}

// runProgram returns the program's own *exec.ExitError when that ends with a status other than 0.
func runProgram(cmd *cobra.Command, target program.Target, p program.Program, path string, args []string) error {
	// Ctrl-C is for the program, which cancels the statement by it. Caught signals are at their default in it again.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, os.Interrupt)
	defer signal.Stop(caught)
	started := exec.Command(path, append(p.ArgumentsFor(target), args...)...) // without a context: it ends when the person says so
	started.Stdin, started.Stdout, started.Stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	started.Env = append(p.Without(os.Environ()), p.EnvironmentFor(target)...)
	return started.Run()
}

// clusterTarget has the agent open a cluster and its nodes: programs that follow a cluster from node to node take no
// socket, and the nodes' ports may be needed by several programs, of which one outlives the other.
func (c *connecting) clusterTarget(cmd *cobra.Command, r client.Resource, account string) (program.Target, error) {
	l, err := connectedLine(cmd, r.Name, "")
	if err != nil {
		return program.Target{}, fmt.Errorf("connect the nodes of %s: %w", r.Name, err)
	}
	for _, n := range l.Unreached() {
		c.say("%s: %s", r.Name, n.Trouble)
	}
	return r.Target(account, l.Port), nil
}

// privateListener listens where only this user can connect, and tells target where that is: a socket in a directory
// that nobody else may enter. Programs on Windows know none, so there it is a port of loopback.
func privateListener(ctx context.Context, target *program.Target) (l net.Listener, remove func(), err error) {
	if runtime.GOOS == "windows" {
		l, err := client.ListenOn(ctx, 0)
		if err != nil {
			return nil, nil, err
		}
		target.Port = l.Addr().(*net.TCPAddr).Port
		return l, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "sally-") // mode 0700
	if err != nil {
		return nil, nil, fmt.Errorf("make directory for socket: %w", err)
	}
	remove = func() { _ = os.RemoveAll(dir) }
	target.Socket = filepath.Join(dir, program.SocketName(target.Protocol))
	l, err = new(net.ListenConfig).Listen(ctx, "unix", target.Socket)
	if err != nil {
		remove()
		return nil, nil, fmt.Errorf("listen on socket: %w", err)
	}
	return l, remove, nil
}

func newDBEnvCommand() *cobra.Command {
	var account, shell string
	cmd := &cobra.Command{
		Use:   "env NAME",
		Short: "Print the variables that client programs read, and connect the resource",
		Example: `  eval "$(sally db env orders-db)"
  sally db env orders-db --shell fish
  sally db env orders-db --shell json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := connectedLine(cmd, args[0], account)
			if err != nil {
				return err
			}
			variables, err := targetOf(l).Environment(l.URL)
			if err != nil {
				return err
			}
			text, err := program.Export(variables, shell)
			if err == nil {
				fmt.Fprint(cmd.OutOrStdout(), text)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "account at the store; default: the one that is connected, or the first that you may use")
	cmd.Flags().StringVar(&shell, "shell", "sh", "sh (also bash and zsh), fish, powershell or json")
	return cmd
}

func newDBURLCommand() *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:               "url NAME",
		Short:             "Print the address that client programs connect to, and connect the resource",
		Example:           "  sally db url orders-db\n  pg_dump \"$(sally db url orders-db)\"",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := connectedLine(cmd, args[0], account)
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), l.URL)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "account at the store; default: the one that is connected, or the first that you may use")
	return cmd
}

// connectedLine has the agent connect a resource.
func connectedLine(cmd *cobra.Command, name, account string) (agent.Line, error) {
	a, err := ensureAgent(cmd.Context())
	if err != nil {
		return agent.Line{}, err
	}
	defer a.Close()
	lines, err := a.Connect(cmd.Context(), agent.Wish{Profile: a.profile.Name, Names: []string{name}, Account: account})
	if err == nil {
		err = unopened(lines)
	}
	if err != nil {
		return agent.Line{}, err
	}
	return lines[0], nil
}

func targetOf(l agent.Line) program.Target {
	return program.Target{Name: l.Name, Protocol: l.Protocol, Host: "127.0.0.1", Port: l.Port, Database: l.Database, Account: l.Account,
		Cluster: len(l.Nodes) > 0}
}

func newOpenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "open NAME",
		Short:             "Open a resource with what is right for it: a database by its client program, a server by ssh",
		Example:           `  sally open orders-db`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeNames,
		RunE:              func(cmd *cobra.Command, args []string) error { return connectProgram(cmd, args, "", "") },
	}
	return cmd
}
