package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// adminFlags are what the admin commands share.
type adminFlags struct {
	api    apiFlags
	output string
}

// newAdminCommand is `sally admin`.
func newAdminCommand() *cobra.Command {
	var f adminFlags
	cmd := &cobra.Command{
		Use:   "admin",
		Short: "Say who may reach what",
		Long: `Keeps users, resources, roles, credentials and tokens, and ends sessions. On the machine of the server it needs
no sign-in: the right to read the data directory is enough. Every change is in the record before it is made.`,
		Example: `  sally admin credentials add orders-app --source sealed --username app --password-stdin
  sally admin resources add orders-db --protocol postgres --address 10.0.0.5:5432 --account app=orders-app
  sally admin roles add developers --resource orders-db --account app --group eng
  sally admin users add alice@acme.com --group eng
  sally admin tokens add alice@acme.com --expires 24h
  sally admin users suspend alice@acme.com`,
	}
	f.api.register(cmd.PersistentFlags())
	cmd.PersistentFlags().StringVarP(&f.output, "output", "o", "table", "table or json")
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error {
		return checkOutput(f.output)
	}
	cmd.AddCommand(newAdminUsers(&f), newAdminResources(&f), newAdminRoles(&f), newAdminCredentials(&f), newAdminTokens(&f),
		newAdminGroups(&f), newAdminPolicies(&f), newAdminGrants(&f), newAdminRequests(&f), newAdminAccess(&f),
		newAdminGateways(&f), newAdminReceipts(&f), newAdminSessions(&f), newAdminSignInLink(&f), newAdminCA(&f), newAdminSSHKeys(&f), newAdminSSHCA(&f))
	return cmd
}

func newAdminSignInLink(f *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "sign-in-link [USER]",
		Short: "Make a link that signs a user in once, within 24 hours",
		Long:  "Makes a one-time sign-in link; USER is admin unless given. Who has the link is that user: pass it on with care.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			user := "admin"
			if len(args) == 1 {
				user = args[0]
			}
			c, err := f.api.client()
			if err != nil {
				return err
			}
			var link struct {
				User    string `json:"user"`
				Path    string `json:"path"`
				URL     string `json:"url,omitempty"`
				Expires string `json:"expires"`
			}
			if err := c.do(cmd.Context(), http.MethodPost, "/sign-in/links", map[string]string{"user": user}, &link); err != nil {
				return err
			}
			if f.output == "json" {
				return printJSON(cmd.OutOrStdout(), link)
			}
			return printLink(cmd.OutOrStdout(), c, link.URL, link.Path)
		},
	}
}

func newAdminCA(f *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "ca",
		Short: "Print the certificate authority's certificate",
		Long: `Prints, in PEM, the certificate by which clients without the local client verify the gateway: what psql takes as
sslrootcert. It is no secret, but who takes it from you must know that it is from you. Where the configuration gives
the gateway a certificate of its own (tls), clients need the authority of that one instead.`,
		Example: "  sally admin ca > gateway-ca.pem",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			var authority struct {
				CA string `json:"ca"`
			}
			if err := c.do(cmd.Context(), http.MethodGet, "/ca", nil, &authority); err != nil {
				return err
			}
			if f.output == "json" {
				return printJSON(cmd.OutOrStdout(), authority)
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), authority.CA)
			return err
		},
	}
}

// printLink shows the whole address where it is known, which over the local socket only the server's configuration tells.
func printLink(out io.Writer, c *apiClient, whole, path string) error {
	switch {
	case whole == "" && c.base == localBase:
		_, err := fmt.Fprintf(out, "%s\n(put it behind the address of the web UI; with url in the server's configuration it is told whole)\n", path)
		return err
	case whole == "":
		whole = c.base + path
	}
	_, err := fmt.Fprintln(out, whole)
	return err
}

// page is a page of a list.
type page[T any] struct {
	Items     []T      `json:"items"`
	Revisions []string `json:"revisions"` // of the items, where they have any
	Next      string   `json:"next"`
}

// all reads every page of the list at path, which has no query.
func all[T any](ctx context.Context, c *apiClient, path string, query url.Values) ([]T, error) {
	whole, err := joined[T](ctx, c, path, query)
	return whole.Items, err
}

// joined is all with what the pages tell beside the items.
func joined[T any](ctx context.Context, c *apiClient, path string, query url.Values) (page[T], error) {
	whole := page[T]{Items: []T{}}
	if query == nil {
		query = url.Values{}
	}
	for {
		var p page[T]
		if err := c.do(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &p); err != nil {
			return page[T]{}, err
		}
		whole.Items, whole.Revisions = append(whole.Items, p.Items...), append(whole.Revisions, p.Revisions...)
		if p.Next == "" {
			return whole, nil
		}
		query.Set("cursor", p.Next)
	}
}
