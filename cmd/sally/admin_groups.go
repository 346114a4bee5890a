package main

import (
	"net/http"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sallyport/sallyport/access"
)

func newAdminGroups(f *adminFlags) *cobra.Command {
	n := &adminNoun[access.Group]{
		one: "group", many: "groups",
		long: `Groups give roles to all who are in them. Who is in a group, users say themselves (sally admin users set NAME --group
...), their identity provider, or the directory.`,
		example: "  sally admin groups add eng",
		head:    []string{"NAME", "SOURCE", "CREATED"},
		row:     func(g access.Group) []string { return []string{g.Name, g.Source, localTime(g.Created)} },
		fresh:   func(name string) access.Group { return access.Group{Name: name} },
		flags:   func(*pflag.FlagSet) func(*access.Group) error { return func(*access.Group) error { return nil } },
	}
	cmd := &cobra.Command{Use: n.many, Short: "Keep groups", Long: n.long, Aliases: []string{n.one}}
	cmd.AddCommand(n.add(f), n.show(f), n.list(f), n.remove(f), newGroupMembers(f, n))
	return cmd
}

func newGroupMembers(f *adminFlags, n *adminNoun[access.Group]) *cobra.Command {
	return &cobra.Command{
		Use: "members NAME", Short: "Show who is in a group, and which roles it gives", Args: cobra.ExactArgs(1),
		Example: "  sally admin groups members eng",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			var m struct {
				Name    string   `json:"name"`
				Known   bool     `json:"known"`
				Members []string `json:"members"`
				Roles   []string `json:"roles"`
			}
			if err := c.do(cmd.Context(), http.MethodGet, n.path(args[0])+"/members", nil, &m); err != nil {
				return err
			}
			if f.output == "json" {
				return printJSON(cmd.OutOrStdout(), m)
			}
			return printPairs(cmd.OutOrStdout(), []string{"NAME", "MEMBERS", "ROLES"}, []string{m.Name, joinList(m.Members), joinList(m.Roles)})
		},
	}
}
