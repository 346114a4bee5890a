package main

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/access"
)

var grantHead = []string{"ID", "USER", "ROLE", "RESOURCE", "ACCOUNT", "FROM", "UNTIL", "BY", "REASON"}

func grantRow(g access.Grant) []string {
	return []string{g.ID, g.User, g.Role, g.Resource, g.Account, localTime(g.From), localTime(g.Until), joinList(g.By), g.Reason}
}

func newAdminGrants(f *adminFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use: "grants", Aliases: []string{"grant"}, Short: "Give roles for a time",
		Long: `Grants give a user a role for a time, at all that it covers or at one resource. Requests that are approved lead to
grants; admins also make them directly. Sessions end with the grant that let them in.`,
	}
	n := &adminNoun[access.Grant]{one: "grant", many: "grants", head: grantHead, row: grantRow}
	show := n.show(f)
	show.Use = "show ID"
	cmd.AddCommand(newGrantAdd(f), newGrantList(f), show, newGrantRevoke(f))
	return cmd
}

func newGrantAdd(f *adminFlags) *cobra.Command {
	var g access.Grant
	var period time.Duration
	cmd := &cobra.Command{
		Use: "add USER ROLE --for TIME", Short: "Give a user a role from now on, for a time", Args: cobra.ExactArgs(2),
		Example: `  sally admin grants add bob@acme.com prod-writers --resource orders-db --for 2h --reason "incident 4711"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if period <= 0 {
				return fmt.Errorf("say for how long with --for, such as --for 2h")
			}
			c, err := f.api.client()
			if err != nil {
				return err
			}
			g.User, g.Role, g.Until = args[0], args[1], time.Now().Add(period)
			var made access.Grant
			if err := c.do(cmd.Context(), http.MethodPost, "/grants", g, &made); err != nil {
				return err
			}
			if f.output == "json" {
				return printJSON(cmd.OutOrStdout(), made)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "grant %s added: %s holds %s until %s\n", made.ID, made.User, made.Role, localTime(made.Until))
			return err
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&g.Resource, "resource", "", "only at this resource; default: at all that the role covers")
	fs.StringVar(&g.Account, "account", "", "only as this account there")
	fs.StringVar(&g.Reason, "reason", "", "why; it is in the record")
	fs.DurationVar(&period, "for", 0, "how long, such as 2h or 30m")
	return cmd
}

func newGrantList(f *adminFlags) *cobra.Command {
	var user, resource, role string
	var active bool
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List grants", Args: cobra.NoArgs,
		Example: "  sally admin grants list --active\n  sally admin grants list --user bob@acme.com",
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			for name, value := range map[string]string{"user": user, "resource": resource, "role": role} {
				if value != "" {
					query.Set(name, value)
				}
			}
			if active {
				query.Set("active", "true")
			}
			return listItems(cmd, f, "/grants", query, grantHead, grantRow)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&user, "user", "", "only this user's")
	fs.StringVar(&resource, "resource", "", "only those of this one resource")
	fs.StringVar(&role, "role", "", "only those of this role")
	fs.BoolVar(&active, "active", false, "only those that give something now")
	return cmd
}

func newGrantRevoke(f *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID...", Aliases: []string{"remove", "rm", "delete"}, Short: "End grants now, and the sessions that they let in",
		Args: cobra.MinimumNArgs(1), Example: "  sally admin grants revoke bq3gk7f6xyz2w4ma",
		RunE: func(cmd *cobra.Command, args []string) error {
			return removeEach(cmd, f, args, below("/grants"), "grant", "revoked")
		},
	}
}
