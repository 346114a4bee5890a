package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/client/agent"
)

func newReadyCommand() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "ready [NAME...]",
		Short: "Succeed when resources can be used now, for scripts and containers",
		Long: `Succeed when the agent runs, you are signed in, and the named resources, or all that are connected, are on their
ports with a gateway behind them that answers. Nothing is opened at the resources themselves.`,
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

// ready says why the resources cannot be used.
func ready(ctx context.Context, names []string) error {
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
	return gatewaysAnswer(ctx, lines)
}

// gatewaysAnswer dials a gateway of each line, naming no resource, which opens no session.
func gatewaysAnswer(ctx context.Context, lines []agent.Line) error {
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
	for _, l := range lines {
		conn, err := routes.Dial(ctx, client.GatewayName, ways[l.Name])
		if err != nil {
			return fmt.Errorf("%s: %w", l.Name, err)
		}
		_ = conn.Close()
	}
	return nil
}
