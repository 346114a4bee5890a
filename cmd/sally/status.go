package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/client/agent"
)

// clientStatus is what `sally status -o json` prints.
type clientStatus struct {
	Profile string    `json:"profile"`
	Server  string    `json:"server"`
	User    string    `json:"user"`
	Expires time.Time `json:"expires"`
	Expired bool      `json:"expired"`
	Gateway string    `json:"gateway"`
	// ServerTrouble and GatewayTrouble say why each cannot be used; empty when it can.
	ServerTrouble  string   `json:"server_trouble,omitempty"`
	GatewayTrouble string   `json:"gateway_trouble,omitempty"`
	Others         []string `json:"other_profiles,omitempty"`
	// Agent is what the agent does for this profile; nil when it does not run.
	Agent *agent.ProfileStatus `json:"agent"`
}

func newStatusCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show who you are signed in as, until when, whether server and gateway answer, and what is connected",
		Long: `Show who you are signed in as, until when, whether server and gateway answer, and what is connected.

The exit status is 0 only when a connection could be opened now.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			status, err := readStatus(cmd.Context())
			if err != nil {
				return err
			}
			if err := status.print(cmd.OutOrStdout(), output); err != nil {
				return err
			}
			return status.verdict()
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func readStatus(ctx context.Context) (clientStatus, error) {
	store, err := client.OpenStore()
	if err != nil {
		return clientStatus{}, err
	}
	p, err := store.Active()
	if err != nil {
		return clientStatus{}, err
	}
	if present, err := presentProfile(ctx); err == nil && present.Name == p.Name {
		p = present // an ended one that cannot be renewed is told of below
	}
	names, err := store.Names()
	if err != nil {
		return clientStatus{}, err
	}
	s := clientStatus{
		Profile: p.Name, Server: p.Server, User: p.User, Gateway: p.Tunnel,
		Expires: p.Expires, Expired: !time.Now().Before(p.Expires),
	}
	for _, name := range names {
		if name != p.Name {
			s.Others = append(s.Others, name)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := askServer(ctx, p); err != nil {
		s.ServerTrouble = err.Error()
	}
	if err := askGateway(ctx, p); err != nil {
		s.GatewayTrouble = err.Error()
	}
	s.Agent = askAgent(ctx, agent.PlaceOf(store), p.Name)
	return s, nil
}

func askServer(ctx context.Context, p *client.Profile) error {
	api, err := p.API()
	if err != nil {
		return err
	}
	defer api.Close()
	_, err = api.Resources(ctx)
	return err
}

// askGateway makes a TLS connection that names no resource, and so opens no session.
func askGateway(ctx context.Context, p *client.Profile) error {
	dialer, err := client.NewDialer(p, nil)
	if err != nil {
		return err
	}
	conn, err := dialer.Dial(ctx, client.GatewayName, "")
	if err != nil {
		return err
	}
	return conn.Close()
}

// askAgent gives what the agent does for the profile; nil when none runs.
func askAgent(ctx context.Context, place agent.Place, profile string) *agent.ProfileStatus {
	c, err := agent.Find(place)
	if err != nil {
		return nil
	}
	defer c.Close()
	status, err := c.Status(ctx)
	if err != nil {
		return nil
	}
	its := status.Of(profile)
	its.Lines = slices.Concat([]agent.Line{}, its.Lines) // JSON shows an empty list as [], not null
	return &its
}

func (s clientStatus) print(out io.Writer, output string) error {
	if output == "json" {
		return printJSON(out, s)
	}
	reachable := func(trouble string) string {
		if trouble == "" {
			return "answers"
		}
		return trouble
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "Profile\t%s\nUser\t%s\n", s.Profile, s.User)
	fmt.Fprintf(w, "Server\t%s\t%s\n", s.Server, reachable(s.ServerTrouble))
	fmt.Fprintf(w, "Gateway\t%s\t%s\n", s.Gateway, reachable(s.GatewayTrouble))
	fmt.Fprintf(w, "Certificate\t%s\n", untilWhen(s.Expires))
	if len(s.Others) > 0 {
		fmt.Fprintf(w, "Other profiles\t%s (choose by SALLY_PROFILE)\n", strings.Join(s.Others, ", "))
	}
	if s.Agent == nil {
		fmt.Fprintf(w, "Agent\tdoes not run; it is started by: sally connect\n")
		return w.Flush()
	}
	fmt.Fprintf(w, "Agent\truns\t%s\n", s.Agent.RenewalTrouble)
	if err := w.Flush(); err != nil || len(s.Agent.Lines) == 0 {
		return err
	}
	fmt.Fprintln(out)
	return printLines(out, s.Agent.Lines)
}

func (s clientStatus) verdict() error {
	switch {
	case s.Expired:
		return errors.New("your certificate has ended; sign in again: sally login")
	case s.GatewayTrouble != "":
		return errors.New("the gateway cannot be used")
	case s.ServerTrouble != "":
		return errors.New("the server cannot be used")
	}
	return nil
}

func checkOutput(output string) error {
	if output != "table" && output != "json" {
		return fmt.Errorf("--output is table or json, not %q", output)
	}
	return nil
}
