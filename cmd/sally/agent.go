package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/client/agent"
)

func newAgentCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "The background agent that keeps your local ports open",
		Long: `The background agent keeps your local ports open, finds a gateway for each new connection, and renews your
certificate. "sally connect" starts it by itself. It works for you alone, and remembers what was connected.`,
	}
	cmd.AddCommand(newAgentRunCommand(), newAgentStartCommand(), newAgentStopCommand(), newAgentStatusCommand())
	return cmd
}

func newAgentRunCommand() *cobra.Command {
	var (
		detached bool
		poll     time.Duration
	)
	cmd := &cobra.Command{
		Use:     "run",
		Short:   "Be the agent, such as under systemd or launchd",
		Example: "  sally agent run",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := client.OpenStore()
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			config := agent.Config{Store: store, Version: version, Poll: poll}
			if detached {
				return agent.RunDetached(ctx, config, cmd.OutOrStdout())
			}
			config.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			return agent.Run(ctx, config)
		},
	}
	cmd.Flags().BoolVar(&detached, "detached", false, "log to the agent's file, and say on standard output how it began")
	cmd.Flags().DurationVar(&poll, "poll", 30*time.Second, "about how often to ask the server what you may open")
	_ = cmd.Flags().MarkHidden("detached") // it is there
	return cmd
}

func newAgentStartCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "start",
		Short: "Start the agent, which connects again what was connected",
		Long: `Start the agent, which connects again what was connected. One of another version is replaced; connections
through it go on until they end by themselves.`,
		Example: "  sally agent start",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := client.OpenStore()
			if err != nil {
				return err
			}
			c, err := startAgent(cmd.Context(), store)
			if err != nil {
				return err
			}
			defer c.Close()
			status, err := c.Status(cmd.Context())
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "The agent runs (process %d).\n", status.PID)
			}
			return err
		},
	}
}

func newAgentStopCommand() *cobra.Command {
	var now bool
	cmd := &cobra.Command{
		Use:   "stop",
		Short: "Stop the agent and close its ports",
		Long: `Stop the agent and close its ports. Connections that are open go on until they end by themselves, or end at once
with --now. What was connected is connected again when the agent starts.`,
		Example: "  sally agent stop\n  sally agent stop --now",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := client.OpenStore()
			if err != nil {
				return err
			}
			c, err := agent.Find(agent.PlaceOf(store))
			if err == nil {
				defer c.Close()
				err = c.Stop(cmd.Context(), !now)
			}
			if errors.Is(err, agent.ErrNotRunning) {
				fmt.Fprintln(cmd.OutOrStdout(), "The agent does not run.")
				return nil
			}
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), "The agent is stopped.")
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&now, "now", false, "end open connections, too")
	return cmd
}

func newAgentStatusCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show what the agent does",
		Long:    "Show what the agent does. The exit status is 1 when it does not run.",
		Example: "  sally agent status\n  sally agent status -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			store, err := client.OpenStore()
			if err != nil {
				return err
			}
			c, err := agent.Find(agent.PlaceOf(store))
			if err != nil {
				return err
			}
			defer c.Close()
			status, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return printJSON(cmd.OutOrStdout(), status)
			}
			return printAgent(cmd.OutOrStdout(), status)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func printAgent(out io.Writer, s agent.Status) error {
	fmt.Fprintf(out, "Version %s, process %d, since %s\n", s.Version, s.PID, s.Started.Local().Format(time.DateTime))
	for _, p := range s.Profiles {
		fmt.Fprintf(out, "\nProfile %s, %s, certificate %s\n", p.Name, p.User, untilWhen(p.Expires))
		for _, trouble := range []string{p.RenewalTrouble, p.ServerTrouble} {
			if trouble != "" {
				fmt.Fprintln(out, "Trouble:", trouble)
			}
		}
		if err := printLines(out, p.Lines); err != nil {
			return err
		}
	}
	return nil
}

func printLines(out io.Writer, lines []agent.Line) error {
	if len(lines) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tADDRESS\tOPEN\tGATEWAY\tTROUBLE")
	for _, l := range lines {
		address := l.URL
		if l.Port == 0 {
			address = "not connected"
		}
		if open := len(l.Nodes) - len(l.Unreached()); len(l.Nodes) > 0 {
			address += fmt.Sprintf(", %d of %d nodes", open, len(l.Nodes))
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", l.Name, address, l.Open, l.Gateway, troublesOf(l))
	}
	return w.Flush()
}

// troublesOf gives those of a line and its nodes.
func troublesOf(l agent.Line) string {
	var all []string
	if l.Trouble != "" {
		all = append(all, l.Trouble)
	}
	for _, n := range l.Nodes {
		if n.Trouble != "" {
			all = append(all, n.Trouble)
		}
	}
	return strings.Join(all, "; ")
}

// personsAgent is the agent, asked for one profile.
type personsAgent struct {
	*agent.Client
	profile *client.Profile
}

// findAgent gives the agent that runs. The error wraps agent.ErrNotRunning when none does.
func findAgent() (*personsAgent, error) {
	store, err := client.OpenStore()
	if err != nil {
		return nil, err
	}
	p, err := store.Active()
	if err != nil {
		return nil, err
	}
	c, err := agent.Find(agent.PlaceOf(store))
	if err != nil {
		return nil, err
	}
	return &personsAgent{c, p}, nil
}

// ensureAgent gives the agent, started if need be.
func ensureAgent(ctx context.Context) (*personsAgent, error) {
	store, err := client.OpenStore()
	if err != nil {
		return nil, err
	}
	p, err := store.Active()
	if err != nil {
		return nil, err
	}
	c, err := startAgent(ctx, store)
	if err != nil {
		return nil, err
	}
	return &personsAgent{c, p}, nil
}

func startAgent(ctx context.Context, store *client.Store) (*agent.Client, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	// A program that was replaced while it ran.
	program = strings.TrimSuffix(program, " (deleted)")
	return agent.Starter{Store: store, Program: program, Args: []string{"agent", "run", "--detached"}, Version: version}.Ensure(ctx)
}
