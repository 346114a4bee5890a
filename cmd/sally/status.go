package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/client"
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
}

func newStatusCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show who you are signed in as, until when, and whether server and gateway answer",
		Long: `Show who you are signed in as, until when, and whether server and gateway answer.

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

func (s clientStatus) print(out io.Writer, output string) error {
	if output == "json" {
		return printIndented(out, s)
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
	return w.Flush()
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

func newLsCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the resources that you may open",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			p, err := client.LoadProfile()
			if err != nil {
				return err
			}
			api, err := p.API()
			if err != nil {
				return err
			}
			defer api.Close()
			resources, err := api.Resources(cmd.Context())
			if err != nil {
				return err
			}
			return printResources(cmd.OutOrStdout(), resources, output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func printResources(out io.Writer, resources []client.Resource, output string) error {
	if output == "json" {
		return printIndented(out, resources)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tPROTOCOL\tDATABASE\tACCOUNTS\tLOCAL PORT")
	for _, r := range resources {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", r.Name, r.Protocol, r.Database, strings.Join(r.Accounts, ", "),
			client.PreferredPort(r.Name))
	}
	return w.Flush()
}

func checkOutput(output string) error {
	if output != "table" && output != "json" {
		return fmt.Errorf("--output %s: it is table or json", output)
	}
	return nil
}

func printIndented(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
