package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

const breakGlassHelp = `Passwords are for break-glass accounts: local users who must get in when the identity provider is away. Everybody else
signs in by the provider or with a passkey. Each attempt is in the record: sally audit search action:sign_in.password`

func newUserSetPassword(f *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use: "set-password NAME", Short: "Let a break-glass user sign in by password", Args: cobra.ExactArgs(1),
		Long: `Lets a user sign in to the web by password, and ends their present sign-ins. The password is asked for, or read from
standard input; it has at least 12 characters.

` + breakGlassHelp,
		Example: `  sally admin users set-password break-glass
  pwgen -s 24 1 | tee /media/safe/break-glass | sally admin users set-password break-glass`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			password, err := newPassword(cmd)
			if err != nil {
				return err
			}
			in := map[string]string{"password": password}
			if err := c.do(cmd.Context(), http.MethodPut, "/users/"+escapeName(args[0])+"/password", in, nil); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.ErrOrStderr(), "user %s may sign in by password\n", args[0])
			return err
		},
	}
}

func newUserRemovePassword(f *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use: "remove-password NAME", Short: "Take a break-glass user's password away", Args: cobra.ExactArgs(1),
		Long: "Takes a user's password away, and ends their present sign-ins.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			if err := c.do(cmd.Context(), http.MethodDelete, "/users/"+escapeName(args[0])+"/password", nil, nil); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.ErrOrStderr(), "user %s has no password any more\n", args[0])
			return err
		},
	}
}

func newUserPasswords(f *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use: "passwords", Short: "List who may sign in by password", Args: cobra.NoArgs, Long: breakGlassHelp,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			type password struct {
				User    string    `json:"user"`
				Created time.Time `json:"created"`
			}
			items, err := all[password](cmd.Context(), c, "/passwords", nil)
			if err != nil {
				return err
			}
			return printItems(cmd, f, []string{"USER", "SET"}, items, func(p password) []string { return []string{p.User, localTime(p.Created)} })
		},
	}
}

func newUserPasskeys(f *adminFlags) *cobra.Command {
	var remove string
	cmd := &cobra.Command{
		Use: "passkeys NAME", Short: "List a user's passkeys, or remove one that was lost", Args: cobra.ExactArgs(1),
		Example: `  sally admin users passkeys alice@acme.com
  sally admin users passkeys alice@acme.com --remove qL3k...`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			path := "/users/" + escapeName(args[0]) + "/passkeys"
			if remove != "" {
				if err := c.do(cmd.Context(), http.MethodDelete, path+"/"+escapeName(remove), nil, nil); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.ErrOrStderr(), "passkey removed; %s's sessions count as stepped up no more\n", args[0])
				return err
			}
			type passkey struct {
				ID       string    `json:"id"`
				Label    string    `json:"label"`
				Created  time.Time `json:"created"`
				LastUsed time.Time `json:"last_used,omitzero"`
				Copied   time.Time `json:"copied,omitzero"`
			}
			items, err := all[passkey](cmd.Context(), c, path, nil)
			if err != nil {
				return err
			}
			return printItems(cmd, f, []string{"ID", "LABEL", "CREATED", "LAST USED", "COPY SEEN"}, items, func(k passkey) []string {
				return []string{k.ID, k.Label, localTime(k.Created), localTime(k.LastUsed), localTime(k.Copied)}
			})
		},
	}
	cmd.Flags().StringVar(&remove, "remove", "", "ID of the passkey to remove")
	return cmd
}

// newPassword asks for a password twice at a terminal, and else reads a line of standard input.
func newPassword(cmd *cobra.Command) (string, error) {
	if in, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		first, err := askSecret(cmd, in, "Password: ")
		if err != nil {
			return "", err
		}
		second, err := askSecret(cmd, in, "Again: ")
		if err == nil && first != second {
			err = errors.New("the two are not the same; nothing was changed")
		}
		return first, err
	}
	const limit = 2048 // bytes, more than any password has
	text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), limit))
	if err != nil {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	line, rest, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" || strings.TrimSpace(rest) != "" {
		return "", errors.New("standard input must hold the password in one line, and nothing else")
	}
	return line, nil
}

func askSecret(cmd *cobra.Command, in *os.File, prompt string) (string, error) {
	fmt.Fprint(cmd.ErrOrStderr(), prompt)
	typed, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(cmd.ErrOrStderr())
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	return string(typed), nil
}
