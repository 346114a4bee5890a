package main

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sallyport/sallyport/access"
)

// gatewayStatus is a gateway as the API tells how it is.
type gatewayStatus struct {
	Name       string    `json:"name"`
	State      string    `json:"state"`
	Draining   bool      `json:"draining,omitempty"`
	Tunnel     string    `json:"tunnel,omitempty"`
	Relay      string    `json:"relay,omitempty"`
	Version    string    `json:"version,omitempty"`
	LastSeen   time.Time `json:"last_seen,omitzero"`
	Generation int64     `json:"generation"`
	Current    bool      `json:"current"`
	Sessions   int       `json:"sessions"`

	Journal *journalStatus `json:"journal,omitempty"`
}

// journalStatus is how far the copy of a gateway's record is.
type journalStatus struct {
	Records    uint64  `json:"records"`
	Behind     uint64  `json:"behind"`
	LagSeconds float64 `json:"lag_seconds"`
	Trouble    string  `json:"trouble,omitempty"`
	Diverged   string  `json:"diverged,omitempty"`
}

// words is what a list says of it.
func (j *journalStatus) words() string {
	switch {
	case j == nil:
		return ""
	case j.Diverged != "":
		return "DIVERGED: " + j.Diverged
	case j.Behind == 0:
		return "here"
	}
	words := fmt.Sprintf("%d records behind, %s", j.Behind, (time.Duration(j.LagSeconds * float64(time.Second))).Round(time.Second))
	if j.Trouble != "" {
		words += ": " + j.Trouble
	}
	return words
}

func newAdminGateways(f *adminFlags) *cobra.Command {
	n := &adminNoun[access.Gateway]{
		one: "gateway", many: "gateways",
		long: `Gateways are entrances that run elsewhere, near the stores, and are governed from here. Their sessions are listed,
ended and cut like this server's own.`,
		example: `  sally admin gateways add gw-eu --tunnel gw-eu.acme.com:7443
  sally admin gateways add gw-us --tunnel 10.1.0.9:7443 --host gw-us.acme.com
  sally admin gateways add gw-plant --relay gw-eu      # where nothing may listen: it dials out to gw-eu`,
		head: []string{"NAME", "REACHED AT", "HOSTS", "DRAINING"},
		row: func(g access.Gateway) []string {
			return []string{g.Name, reachedAt(g.Tunnel, g.Relay), joinList(g.Hosts), yes(g.Draining)}
		},
		fresh: func(name string) access.Gateway { return access.Gateway{Name: name} },
		flags: gatewayFlags,
	}
	cmd := &cobra.Command{Use: "gateways", Aliases: []string{"gateway"}, Short: "Keep gateways that run elsewhere", Long: n.long}
	add := n.add(f)
	add.Long = `Adds a gateway and prints the join token with which it enrols, once and within a day. If the gateway exists already
just as described, nothing is changed, and the token is a further one.`
	run := add.RunE
	add.RunE = func(cmd *cobra.Command, args []string) error {
		out := cmd.OutOrStdout()
		if f.output != "json" {
			cmd.SetOut(cmd.ErrOrStderr()) // the token alone goes where it can be piped from
		}
		err := run(cmd, args)
		cmd.SetOut(out)
		if err != nil || f.output == "json" {
			return err
		}
		return printJoinToken(cmd, f, args[0])
	}
	remove := n.remove(f)
	remove.Long = "Removes gateways. Their certificates are refused from here on, and their sessions end."
	cmd.AddCommand(add, n.set(f), n.show(f), newGatewayList(f), remove, newGatewayToken(f),
		newGatewayDrain(f, "drain", "Tell clients to go elsewhere", true), newGatewayDrain(f, "undrain", "Let clients come again", false))
	return cmd
}

// reachedAt says where clients reach a gateway.
func reachedAt(tunnel, relay string) string {
	if relay != "" {
		return "through " + relay
	}
	return tunnel
}

func gatewayFlags(fs *pflag.FlagSet) func(*access.Gateway) error {
	fs.String("tunnel", "", "host:port of its tunnel entrance, as clients reach it")
	fs.String("relay", "", "gateway through which it is reached, where nothing can listen; instead of --tunnel")
	hosts := fs.StringSlice("host", nil, "further DNS name or IP address for its certificate (repeat, or separate by commas)")
	return func(g *access.Gateway) error {
		takeText(fs, "tunnel", &g.Tunnel)
		takeText(fs, "relay", &g.Relay)
		takeList(fs, "host", *hosts, false, &g.Hosts)
		return nil
	}
}

func newGatewayToken(f *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use: "token NAME", Short: "Make a join token for a gateway, good once and for a day", Args: cobra.ExactArgs(1),
		Long: `Prints a join token. When it is used, the certificate that the gateway had before is refused: this is also how a
gateway is replaced on a new machine.`,
		Example: "  sally admin gateways token gw-eu",
		RunE:    func(cmd *cobra.Command, args []string) error { return printJoinToken(cmd, f, args[0]) },
	}
}

func printJoinToken(cmd *cobra.Command, f *adminFlags, name string) error {
	c, err := f.api.client()
	if err != nil {
		return err
	}
	var token struct {
		Gateway string    `json:"gateway"`
		Token   string    `json:"token"`
		Expires time.Time `json:"expires"`
	}
	if err := c.do(cmd.Context(), http.MethodPost, "/gateways/"+escapeName(name)+"/join-tokens", nil, &token); err != nil {
		return err
	}
	if f.output == "json" {
		return printJSON(cmd.OutOrStdout(), token)
	}
	var g access.Gateway
	if err := c.do(cmd.Context(), http.MethodGet, "/gateways/"+escapeName(name), nil, &g); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "join token, good once until %s; on the gateway's machine, with the address at which it reaches listen.gateways here:\n"+
		"  sally gateway --join --server https://HOST:PORT %s < token\n", localTime(token.Expires), joinFlags(g))
	_, err = fmt.Fprintln(cmd.OutOrStdout(), token.Token)
	return err
}

// joinFlags are those by which the gateway is to be reached as it was added.
func joinFlags(g access.Gateway) string {
	if g.Relay != "" {
		return "--relay " + g.Relay
	}
	_, port, _ := net.SplitHostPort(g.Tunnel) // was looked at when the gateway was added
	return "--listen-tunnel 0.0.0.0:" + port
}

func newGatewayList(f *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "Say how the gateways are", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			items, err := all[gatewayStatus](cmd.Context(), c, "/gateways/status", nil)
			if err != nil {
				return err
			}
			return printItems(cmd, f, []string{"NAME", "STATE", "REACHED AT", "VERSION", "LAST SEEN", "RULES", "SESSIONS", "RECORD"}, items, func(g gatewayStatus) []string {
				state, rules := g.State, "old"
				if g.Draining {
					state += ", draining"
				}
				if g.Current {
					rules = "newest"
				}
				if g.Generation == 0 {
					rules = ""
				}
				return []string{g.Name, state, reachedAt(g.Tunnel, g.Relay), g.Version, localTime(g.LastSeen), rules, strconv.Itoa(g.Sessions), g.Journal.words()}
			})
		},
	}
}

func newGatewayDrain(f *adminFlags, verb, short string, draining bool) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME", Short: short, Args: cobra.ExactArgs(1), Example: "  sally admin gateways " + verb + " gw-eu",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			path := "/gateways/" + escapeName(args[0])
			var g access.Gateway
			revision, err := c.read(cmd.Context(), path, &g)
			if err != nil {
				return err
			}
			g.Draining = draining
			if err := c.replace(cmd.Context(), path, revision, g, &g); err != nil {
				return err
			}
			if f.output == "json" {
				return printJSON(cmd.OutOrStdout(), g)
			}
			words := "takes clients again"
			if draining {
				words = "is being drained: new clients go elsewhere when they can, open sessions go on"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "gateway %s %s\n", g.Name, words)
			return err
		},
	}
}
