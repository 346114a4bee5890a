package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/client/agent"
	"github.com/sallyport/sallyport/client/program"
)

// connectFlags are the choices of `sally connect`.
type connectFlags struct {
	all        bool
	account    string
	foreground bool
	port       int
	output     string
}

func newConnectCommand() *cobra.Command {
	var flags connectFlags
	cmd := &cobra.Command{
		Use:   "connect NAME... | --all",
		Short: "Open resources on local ports and keep them open",
		Long: `Open resources on local ports and keep them open.

Each resource has its own port on 127.0.0.1: the same every day, and the same on your colleagues' machines. Point any
client at the printed address; it needs no password. An agent in the background keeps the ports, finds a gateway for
each new connection and renews your certificate; "sally status" shows what it does, and "sally disconnect" closes them.
With --foreground this command does it itself, until Ctrl-C.

The nodes of a cluster have local ports of their own, and its clients find each node by that port alone. They are opened
with the cluster; you need not name them.

Every program and every user of this machine can use a port while it is open: on a machine that you share, use
"sally db connect", whose socket is yours alone.`,
		Example: `  sally connect orders-db
  sally connect orders-db billing-db --account reporting
  sally connect --all              # also those that you are given later
  sally connect orders-db --foreground`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case flags.all == (len(args) > 0):
				return errors.New("name resources, or say --all; sally ls shows what you may open")
			case flags.port != 0 && len(args) != 1:
				return errors.New("--port is for one resource")
			case flags.port != 0 && !flags.foreground:
				return errors.New("--port is for --foreground; the agent's ports are the same on every machine")
			}
			return checkOutput(flags.output)
		},
		ValidArgsFunction: completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.foreground {
				return flags.connectHere(cmd, args)
			}
			return flags.connect(cmd, args)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&flags.all, "all", false, "every resource that you may open, now and later")
	f.StringVar(&flags.account, "account", "", "account at the store; default: the first that you may use")
	f.BoolVar(&flags.foreground, "foreground", false, "without the agent, until Ctrl-C")
	f.IntVar(&flags.port, "port", 0, "local port, with --foreground; default: the resource's own")
	f.StringVarP(&flags.output, "output", "o", "table", "table or json")
	return cmd
}

func (f connectFlags) connectHere(cmd *cobra.Command, names []string) error {
	c, err := newConnecting(cmd)
	if err != nil {
		return err
	}
	resources, err := c.resources(cmd.Context(), names, f.all)
	if err != nil {
		return err
	}
	return c.foreground(cmd.Context(), resources, f.account, f.port)
}

func (f connectFlags) connect(cmd *cobra.Command, names []string) error {
	a, err := ensureAgent(cmd.Context())
	if err != nil {
		return err
	}
	defer a.Close()
	lines, err := a.Connect(cmd.Context(), agent.Wish{Profile: a.profile.Name, Names: names, All: f.all, Account: f.account})
	if err != nil {
		return err
	}
	if f.output == "json" {
		err = printJSON(cmd.OutOrStdout(), lines)
	} else {
		printAddresses(cmd.OutOrStdout(), cmd.ErrOrStderr(), lines)
	}
	return errors.Join(err, unopened(lines))
}

// printAddresses prints what client programs connect to, and notes beside it.
func printAddresses(out, notes io.Writer, lines []agent.Line) {
	for _, l := range lines {
		if l.Port == 0 {
			continue
		}
		fmt.Fprintf(out, "%s  %s\n", l.Name, l.URL)
		if l.Protocol == program.SSH {
			fmt.Fprintf(notes, "%s: sally ssh %[1]s needs no port; nor do scp, sftp, rsync and git, after: sally ssh-config --install\n", l.Name)
		}
		if l.Port != l.OwnPort {
			fmt.Fprintf(notes, "%s: its own port %d is taken by another program; using %d\n", l.Name, l.OwnPort, l.Port)
		}
		for _, n := range l.Unreached() {
			fmt.Fprintf(notes, "%s: %s\n", l.Name, n.Trouble)
		}
	}
}

// unopened is the error for lines that are not open.
func unopened(lines []agent.Line) error {
	var all []error
	for _, l := range lines {
		if l.Port == 0 {
			all = append(all, fmt.Errorf("%s is not connected: %s", l.Name, l.Trouble))
		}
	}
	return errors.Join(all...)
}

func newDisconnectCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "disconnect NAME... | --all",
		Short:   "Close local ports, with the connections through them",
		Example: "  sally disconnect orders-db\n  sally disconnect --all",
		Args: func(_ *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return errors.New("name resources, or say --all; sally status shows what is connected")
			}
			return nil
		},
		ValidArgsFunction: completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := findAgent()
			if errors.Is(err, agent.ErrNotRunning) && all {
				return nil
			}
			if err != nil {
				return err
			}
			defer a.Close()
			slices.Sort(args)
			closed, err := a.Disconnect(cmd.Context(), agent.Wish{Profile: a.profile.Name, Names: slices.Compact(args), All: all})
			if errors.Is(err, agent.ErrNotRunning) && all {
				return nil
			}
			for _, l := range closed {
				fmt.Fprintf(cmd.OutOrStdout(), "%s is closed\n", l.Name)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "everything that is connected")
	return cmd
}

// forgetAtAgent ends what the agent has open for a sign-in that is about to end. Where no agent runs there is nothing.
func forgetAtAgent(ctx context.Context, place agent.Place, profile string) error {
	c, err := agent.Find(place)
	if err != nil {
		return nil //nolint:nilerr // nobody to tell
	}
	defer c.Close()
	if err := c.Forget(ctx, profile); err != nil && !errors.Is(err, agent.ErrNotRunning) {
		return fmt.Errorf("close what is connected: %w", err)
	}
	return nil
}
