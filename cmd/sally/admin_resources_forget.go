package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// newForgetHostKey is `sally admin resources forget-host-key`.
func newForgetHostKey(f *adminFlags) *cobra.Command {
	var fingerprint string
	cmd := &cobra.Command{
		Use: "forget-host-key NAME", Short: "Forget a key by which an SSH server is known", Args: cobra.ExactArgs(1),
		Long: `Forgets the host key of an SSH server, which was learned at the first connection or given. That is on the record.

Once no key is known, and no authority either, the next connection pins the key of whoever answers. Where you have the server's new key, let
there be no such moment: sally admin resources set NAME --host-key FILE.pub puts it into the place of all that are known.`,
		Example: `  sally admin resources show web-1
  sally admin resources forget-host-key web-1
  sally admin resources forget-host-key web-1 --fingerprint SHA256:2b5dJ0aYlLq0v4wXn9cR1sTt8uQe7fGhZkPmVxWyAbC`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			known, err := hostKeysOf(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			key, err := keyToForget(args[0], known, fingerprint)
			if err != nil {
				return err
			}
			path := "/resources/" + escapeName(args[0]) + "/host-keys/" + escapeName(key)
			if err := c.do(cmd.Context(), http.MethodDelete, path, nil, nil); err != nil {
				return err
			}
			next := "it is known by its others"
			if len(known) == 1 {
				next = "the next key that it shows is pinned"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "host key %s of %s forgotten; %s\n", key, args[0], next)
			return err
		},
	}
	cmd.Flags().StringVar(&fingerprint, "fingerprint", "", "of the key, SHA256:...; may be left out where one alone is known")
	return cmd
}

// keyToForget is the fingerprint of the key that is meant.
func keyToForget(resource string, known []serverKey, fingerprint string) (string, error) {
	if fingerprint != "" {
		return fingerprint, nil // the server says what is wrong when it knows none such
	}
	keys := slices.DeleteFunc(slices.Clone(known), func(k serverKey) bool { return k.Authority })
	switch len(keys) {
	case 0:
		return "", fmt.Errorf("no host key of %s is known", resource)
	case 1:
		return keys[0].Fingerprint, nil
	}
	var names []string
	for _, k := range keys {
		names = append(names, k.Fingerprint)
	}
	return "", fmt.Errorf("%s has %d host keys; name one with --fingerprint: %s", resource, len(keys), strings.Join(names, ", "))
}
