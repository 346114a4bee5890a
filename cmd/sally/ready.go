package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/client/program"
)

func newReadyCommand() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "ready [NAME...]",
		Short: "Succeed when resources can be used now, for scripts and containers",
		Long: `Succeed when the agent runs, you are signed in, and the named resources, or all that are connected, are on their
ports with a gateway behind them that answers. Servers, which ssh uses, need neither agent nor port. Nothing is opened at
the resources themselves.`,
		Example: `  sally ready
  sally ready orders-db --wait 30s`,
		ValidArgsFunction: completeNames,
		RunE: func(cmd *cobra.Command, names []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), max(wait, 10*time.Second))
			defer cancel()
			for deadline := time.Now().Add(wait); ; {
				err := ready(ctx, names)
				if err == nil || !time.Now().Before(deadline) {
					return err
				}
				select {
				case <-ctx.Done():
					return err
				case <-time.After(200 * time.Millisecond):
				}
			}
		},
	}
	cmd.Flags().DurationVar(&wait, "wait", 0, "how long to wait for it")
	return cmd
}

// ready says why the resources cannot be used. Servers need no port, and so no agent.
func ready(ctx context.Context, names []string) error {
	if servers, err := onlyServers(ctx, names); err != nil {
		return err
	} else if servers {
		return gatewaysAnswer(ctx, names)
	}
	a, err := findAgent()
	if err != nil {
		return err
	}
	defer a.Close()
	s, err := a.Refresh(ctx, a.profile.Name)
	switch {
	case err != nil:
		return err
	case s.RenewalTrouble != "":
		return errors.New(s.RenewalTrouble)
	case s.ServerTrouble != "":
		return fmt.Errorf("the server does not answer: %s", s.ServerTrouble)
	}
	lines := s.Lines
	if len(names) > 0 {
		lines = nil
		for _, name := range names {
			l, ok := s.Line(name)
			if !ok {
				return fmt.Errorf("%s is not connected; run: sally connect %s", name, name)
			}
			lines = append(lines, l)
		}
	}
	if err := unopened(lines); err != nil {
		return err
	}
	connected := make([]string, len(lines))
	for i, l := range lines {
		connected[i] = l.Name
	}
	return gatewaysAnswer(ctx, connected)
}

// onlyServers says that what is named is used by ssh alone. The server is asked only of what it did not tell before.
func onlyServers(ctx context.Context, names []string) (bool, error) {
	if len(names) == 0 {
		return false, nil
	}
	p, err := presentProfile(ctx)
	if err != nil {
		return false, err
	}
	store, err := client.OpenStore()
	if err != nil {
		return false, err
	}
	mine, _ := store.KeptResources(p.Name) // without a copy the server is asked
	protocol := func(name string) string {
		for _, r := range mine {
			if r.Name == name {
				return r.Protocol
			}
		}
		return ""
	}
	if slices.ContainsFunc(names, func(n string) bool { return protocol(n) == "" }) {
		if mine, err = ownResources(ctx, p); err != nil {
			return false, fmt.Errorf("the server does not answer: %w", err)
		}
	}
	return !slices.ContainsFunc(names, func(n string) bool { return protocol(n) != program.SSH }), nil
}

// gatewaysAnswer dials a gateway of each resource, naming none, which opens no session.
func gatewaysAnswer(ctx context.Context, names []string) error {
	store, err := client.OpenStore()
	if err != nil {
		return err
	}
	p, err := store.Active()
	if err != nil {
		return err
	}
	kept, err := store.KeptResources(p.Name)
	if err != nil {
		return err
	}
	dialer, err := client.NewDialer(p, nil)
	if err != nil {
		return err
	}
	ways := map[string][]string{}
	for _, r := range kept {
		ways[r.Name] = r.Ways(p.Host())
	}
	routes := client.NewRoutes(dialer)
	for _, name := range names {
		conn, err := routes.Dial(ctx, client.GatewayName, ways[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		_ = conn.Close()
	}
	return nil
}
