package main

import (
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// newAdminRequests is what admins need of access requests; people ask and decide with sally access.
func newAdminRequests(f *adminFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use: "requests", Aliases: []string{"request"}, Short: "See everybody's access requests, and deny them",
		Long: "Shows all access requests. Admins may deny any; to approve takes a role that the request's own role names: sally access approve.",
	}
	var status, user string
	list := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List access requests, newest first", Args: cobra.NoArgs,
		Example: "  sally admin requests list --status pending",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			query := url.Values{}
			for name, value := range map[string]string{"status": status, "user": user} {
				if value != "" {
					query.Set(name, value)
				}
			}
			items, err := all[accessRequest](cmd.Context(), c, "/requests", query)
			if err != nil {
				return err
			}
			return printRequests(cmd.OutOrStdout(), f.output, items)
		},
	}
	list.Flags().StringVar(&status, "status", "", "only pending, approved, denied, withdrawn or expired ones")
	list.Flags().StringVar(&user, "user", "", "only this user's")
	var in struct {
		Comment string `json:"comment,omitempty"`
	}
	one := func(use, short, method, verb string, body any) *cobra.Command {
		return &cobra.Command{
			Use: use, Short: short, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				c, err := f.api.client()
				if err != nil {
					return err
				}
				var r accessRequest
				if err := c.do(cmd.Context(), method, "/requests/"+url.PathEscape(args[0])+verb, body, &r); err != nil {
					return err
				}
				if f.output == "json" {
					return printJSON(cmd.OutOrStdout(), r)
				}
				return printRequest(cmd.OutOrStdout(), &r)
			},
		}
	}
	deny := one("deny ID", "Deny an access request", http.MethodPost, "/deny", &in)
	deny.Flags().StringVar(&in.Comment, "comment", "", "a word to who asked; it is in the record")
	cmd.AddCommand(list, one("show ID", "Show an access request", http.MethodGet, "", nil), deny)
	return cmd
}
