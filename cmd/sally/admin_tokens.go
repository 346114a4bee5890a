package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/access"
)

func newAdminTokens(f *adminFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use: "tokens", Aliases: []string{"token"}, Short: "Keep access tokens",
		Long: "Access tokens prove a user where no local client runs: as password at the native entrance, as bearer token at the API.",
	}
	cmd.AddCommand(newTokenAdd(f), newTokenList(f), newTokenRemove(f))
	return cmd
}

func newTokenAdd(f *adminFlags) *cobra.Command {
	var label string
	var expires time.Duration
	var scope access.Scope
	cmd := &cobra.Command{
		Use: "add USER", Short: "Issue an access token and print it, this once", Args: cobra.ExactArgs(1),
		Long: `Issues an access token and prints it, this once. Without a scope it opens all that the user may. With one it opens
only what the scope names, and nothing at the control plane; give programs no more than they need.`,
		Example: `  sally admin tokens add alice@acme.com --expires 24h
  sally admin tokens add etl --resource orders-db --account app --class read --from 10.2.0.0/16 --expires 2160h
  TOKEN=$(sally admin tokens add etl --expires 2160h --label nightly)`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			if expires <= 0 {
				return fmt.Errorf("--expires must be above zero, such as 24h")
			}
			in := map[string]any{"user": args[0], "label": label, "expires": time.Now().Add(expires).UTC()}
			if describeScope(&scope) != "" {
				in["scope"] = scope
			}
			var t struct {
				access.Token
				Value string `json:"token"`
			}
			if err := c.do(cmd.Context(), http.MethodPost, "/tokens", in, &t); err != nil {
				return err
			}
			if f.output == "json" {
				return printJSON(cmd.OutOrStdout(), t)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "token %s of %s, until %s; it is shown this once\n", t.ID, t.User, localTime(t.Expires))
			_, err = fmt.Fprintln(cmd.OutOrStdout(), t.Value)
			return err
		},
	}
	cmd.Flags().StringVar(&label, "label", "", "what it is for")
	cmd.Flags().DurationVar(&expires, "expires", 30*24*time.Hour, "how long it is valid, at most 366 days (8784h)")
	scopeFlags(cmd, &scope)
	return cmd
}

func scopeFlags(cmd *cobra.Command, scope *access.Scope) {
	cmd.Flags().StringSliceVar(&scope.Resources, "resource", nil, "resource that it opens (repeat, or separate by commas); default: all that the user may")
	cmd.Flags().StringSliceVar(&scope.Accounts, "account", nil, "account that it opens them as; default: all that the user may")
	cmd.Flags().StringSliceVar(&scope.Statements, "class", nil, "class of statements that it may run: read, write, ddl, admin, other, shell, exec, forward, listen, agent, x11; default: all")
	cmd.Flags().StringSliceVar(&scope.From, "from", nil, "network from which it may be used, such as 10.2.0.0/16; default: everywhere")
}

// describeScope tells what a token opens in a line; empty for all that its user may.
func describeScope(s *access.Scope) string {
	if s == nil {
		return ""
	}
	var parts []string
	for _, l := range []struct {
		word   string
		values []string
	}{{"", s.Resources}, {"as ", s.Accounts}, {"class ", s.Statements}, {"from ", s.From}} {
		if len(l.values) > 0 {
			parts = append(parts, l.word+strings.Join(l.values, ","))
		}
	}
	return strings.Join(parts, " ")
}

func newTokenList(f *adminFlags) *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List access tokens, without their values", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			if user != "" {
				query.Set("user", user)
			}
			return listItems(cmd, f, "/tokens", query, []string{"ID", "USER", "LABEL", "SCOPE", "CREATED", "EXPIRES", "LAST USED"}, func(t access.Token) []string {
				return []string{t.ID, t.User, t.Label, describeScope(t.Scope), localTime(t.Created), localTime(t.Expires), localTime(t.LastUsed)}
			})
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "only this user's")
	return cmd
}

func newTokenRemove(f *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use: "remove ID...", Aliases: []string{"rm", "delete", "revoke"}, Short: "Revoke access tokens", Args: cobra.MinimumNArgs(1),
		Long: "Revokes access tokens: they open nothing more, and the sessions that they opened end at once.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if slices.ContainsFunc(args, func(id string) bool { return strings.HasPrefix(id, "sally_") }) {
				return errors.New("name the token by its ID, not by its value: see sally admin tokens list")
			}
			return removeEach(cmd, f, args, below("/tokens"), "token", "revoked")
		},
	}
}

func newAdminSessions(f *adminFlags) *cobra.Command {
	cmd := &cobra.Command{Use: "sessions", Aliases: []string{"session"}, Short: "See, watch and end the sessions that are open now"}
	list := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List open sessions", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			head := []string{"ID", "USER", "RESOURCE", "ACCOUNT", "DATABASE", "CLIENT", "ENTRANCE", "STARTED", "STATEMENTS"}
			return listItems(cmd, f, "/sessions", nil, head, func(s access.LiveSession) []string {
				return []string{s.ID, s.User, s.Resource, s.Account, s.Database, s.ClientAddr, s.Entrance, localTime(s.Started), fmt.Sprint(s.Statements)}
			})
		},
	}
	cmd.AddCommand(list, newSessionWatch(f), newSessionKill(f))
	return cmd
}

func newSessionKill(f *adminFlags) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "kill ID...", Short: "End sessions; their clients read the reason", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			query := ""
			if reason != "" {
				query = "?" + url.Values{"reason": {reason}}.Encode()
			}
			return removeEach(cmd, f, args, func(id string) string { return "/sessions/" + escapeName(id) + query }, "session", "killed")
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "a sentence for the session's user")
	return cmd
}
