package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/access"
)

const ownSSHKeysPath = "/api/v1/me/ssh-keys"

func newSSHKeyCommand() *cobra.Command {
	var f accessFlags
	cmd := &cobra.Command{
		Use: "ssh-key", Aliases: []string{"ssh-keys"}, Short: "Keep the SSH keys by which you sign in at gateways' native SSH entrance",
		Long: `Keeps your public SSH keys. Who has the private half of one of them is you at the native SSH entrance, with any SSH client and until the key
is removed: ssh -p 2222 'YOU#RESOURCE@GATEWAY'. A certificate proves you as well and ends by itself: sally ssh-cert.`,
	}
	cmd.PersistentFlags().StringVarP(&f.output, "output", "o", "table", "table or json")
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error { return checkOutput(f.output) }
	cmd.AddCommand(newSSHKeyAdd(&f), newSSHKeyList(&f), newSSHKeyRemove())
	return cmd
}

func newSSHKeyAdd(f *accessFlags) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "add [FILE]", Short: "Register a public key", Args: cobra.MaximumNArgs(1),
		Long: `Registers the public key in FILE (- is standard input), or else the first of ~/.ssh/id_ed25519.pub, id_ed25519_sk.pub, id_ecdsa.pub,
id_ecdsa_sk.pub and id_rsa.pub. Like any means of signing in it can be added only within 15 minutes of a sign-in, or of a passkey's use:
sally login --mfa.`,
		Example: "  sally ssh-key add\n  sally ssh-key add ~/.ssh/work.pub --name laptop",
		RunE: func(cmd *cobra.Command, args []string) error {
			public, err := readPublicKey(cmd.InOrStdin(), args)
			if err != nil {
				return err
			}
			api, err := asPerson()
			if err != nil {
				return err
			}
			defer api.Close()
			var k access.SSHKey
			if err := api.Call(cmd.Context(), http.MethodPost, ownSSHKeysPath, map[string]string{"name": name, "public": string(public)}, &k); err != nil {
				return err
			}
			if f.output == "json" {
				return printJSON(cmd.OutOrStdout(), k)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s (%s) is registered\n", k.Fingerprint, k.Name)
			return err
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "what it is, such as laptop; default: the key's comment")
	return cmd
}

// readPublicKey reads the file that is named, or the first of those that ssh itself uses. A private key goes no further.
func readPublicKey(stdin io.Reader, args []string) ([]byte, error) {
	if len(args) == 1 {
		return readPublicKeyAt(stdin, args[0])
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, fmt.Errorf("find home directory: %w", err)
	}
	for _, name := range []string{"id_ed25519", "id_ed25519_sk", "id_ecdsa", "id_ecdsa_sk", "id_rsa"} {
		public, err := os.ReadFile(filepath.Join(home, ".ssh", name+".pub"))
		if !errors.Is(err, os.ErrNotExist) {
			return public, err
		}
	}
	return nil, errors.New("there is no public key in ~/.ssh; make one with: ssh-keygen -t ed25519")
}

func readPublicKeyAt(stdin io.Reader, file string) ([]byte, error) {
	const most = 16 << 10
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read public key: %w", err)
		}
		defer func() { _ = f.Close() }()
		stdin = f
	}
	text, err := io.ReadAll(io.LimitReader(stdin, most))
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	if bytes.Contains(text, []byte("PRIVATE KEY")) {
		return nil, errors.New("this is a private key, which must stay where it is; the public one is in the file that ends in .pub")
	}
	return text, nil
}

func newSSHKeyList(f *accessFlags) *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List your keys", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := asPerson()
			if err != nil {
				return err
			}
			defer api.Close()
			var keys page[access.SSHKey] // at most 20, so all are in one
			if err := api.Call(cmd.Context(), http.MethodGet, ownSSHKeysPath, nil, &keys); err != nil {
				return err
			}
			if f.output == "json" {
				return printJSON(cmd.OutOrStdout(), keys.Items)
			}
			rows := make([][]string, len(keys.Items))
			for i, k := range keys.Items {
				rows[i] = []string{k.Fingerprint, k.Name, localTime(k.Created)}
			}
			return printTable(cmd.OutOrStdout(), []string{"FINGERPRINT", "NAME", "ADDED"}, rows)
		},
	}
}

func newSSHKeyRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove FINGERPRINT...", Aliases: []string{"rm", "delete"}, Short: "Remove keys", Args: cobra.MinimumNArgs(1),
		Long: "Removes keys, by their fingerprints (SHA256:...): they open nothing more, and the sessions that they opened end at once.",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := asPerson()
			if err != nil {
				return err
			}
			defer api.Close()
			for _, fingerprint := range args {
				if err := api.Call(cmd.Context(), http.MethodDelete, ownSSHKeysPath+"/"+url.PathEscape(fingerprint), nil, nil); err != nil {
					return err
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "SSH key %s removed\n", fingerprint)
			}
			return nil
		},
	}
}
