package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sallyport/sallyport/access"
)

func newAdminUsers(f *adminFlags) *cobra.Command {
	n := &adminNoun[access.User]{
		one: "user", many: "users",
		long: "Users are people and service accounts. They hold roles by name and by their groups.",
		example: `  sally admin users add alice@acme.com --group eng
  sally admin users add bob@acme.com --role developers --role auditors
  sally admin users add etl --service-account --role loaders`,
		head: []string{"NAME", "KIND", "ROLES", "GROUPS", "SUSPENDED", "CREATED"},
		row: func(u access.User) []string {
			return []string{u.Name, string(u.Kind), joinList(u.Roles), joinList(u.Groups), yes(u.Suspended), localTime(u.Created)}
		},
		fresh: func(name string) access.User { return access.User{Name: name} },
		flags: userFlags,
	}
	return n.command(f, newUserState(f, "suspend", "Refuse a user at once and cut their sessions"),
		newUserState(f, "reinstate", "Let a suspended user in again"), newUserRevoke(f),
		newUserSetPassword(f), newUserRemovePassword(f), newUserPasswords(f), newUserPasskeys(f))
}

func userFlags(fs *pflag.FlagSet) func(*access.User) error {
	roles := fs.StringSlice("role", nil, "role given by name (repeat, or separate by commas)")
	groups := fs.StringSlice("group", nil, "group (repeat, or separate by commas)")
	service := fs.Bool("service-account", false, "this is a program, not a person")
	return func(u *access.User) error {
		takeList(fs, "role", *roles, true, &u.Roles)
		takeList(fs, "group", *groups, true, &u.Groups)
		if fs.Changed("service-account") {
			u.Kind = access.Person
			if *service {
				u.Kind = access.ServiceAccount
			}
		}
		return nil
	}
}

func newUserRevoke(f *adminFlags) *cobra.Command {
	var in struct {
		KeepSSHKeys bool `json:"keep_ssh_keys"`
		KeepTokens  bool `json:"keep_tokens"`
	}
	cmd := &cobra.Command{
		Use: "revoke NAME", Short: "End all that proves a user, as when a laptop was lost", Args: cobra.ExactArgs(1),
		Long: `Refuses, on every gateway and for good, what a machine of the user's could hold: TLS and SSH certificates that were issued until now, browsers' and
clients' sign-ins, links, SSH keys and access tokens. Sessions that any of these opened are cut. The user is not suspended: they sign in anew,
as they always do. Passkeys and passwords stay; see sally admin users passkeys.`,
		Example: "  sally admin users revoke alice@acme.com\n  sally admin users revoke alice@acme.com --keep-tokens",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			var u struct {
				access.User
				SessionsKilled int     `json:"sessions_killed"`
				Receipt        receipt `json:"receipt"`
			}
			if err := c.do(cmd.Context(), http.MethodPost, "/users/"+escapeName(args[0])+"/revoke", in, &u); err != nil {
				return err
			}
			if f.output == "json" {
				return printJSON(cmd.OutOrStdout(), u)
			}
			return printReceipt(cmd.OutOrStdout(), &u.Receipt)
		},
	}
	cmd.Flags().BoolVar(&in.KeepSSHKeys, "keep-ssh-keys", false, "leave SSH keys, and the sessions that they opened")
	cmd.Flags().BoolVar(&in.KeepTokens, "keep-tokens", false, "leave access tokens, and the sessions that they opened")
	return cmd
}

func newUserState(f *adminFlags, verb, short string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME", Short: short, Args: cobra.ExactArgs(1), Example: "  sally admin users " + verb + " alice@acme.com",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			var u struct {
				access.User
				SessionsKilled *int     `json:"sessions_killed,omitempty"`
				Receipt        *receipt `json:"receipt,omitempty"`
			}
			if err := c.do(cmd.Context(), http.MethodPost, "/users/"+escapeName(args[0])+"/"+verb, nil, &u); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			switch {
			case f.output == "json":
				return printJSON(out, u)
			case u.SessionsKilled != nil:
				fmt.Fprintf(out, "user %s suspended, sessions cut: %d\n", u.Name, *u.SessionsKilled)
				if u.Receipt != nil {
					err = printReceipt(out, u.Receipt)
				}
			default:
				_, err = fmt.Fprintf(out, "user %s reinstated\n", u.Name)
			}
			return err
		},
	}
}
