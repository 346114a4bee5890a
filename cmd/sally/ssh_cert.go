package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/client"
)

// sshCertificate is a certificate as the API gives it.
type sshCertificate struct {
	Certificate string    `json:"certificate"`
	User        string    `json:"user"`
	Expires     time.Time `json:"expires"`
}

func newSSHCertCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "ssh-cert",
		Short: "Get a certificate for an SSH key, for gateways' native SSH entrance",
		Long: `Has your public SSH key certified, and writes the certificate beside it, where ssh finds it by itself: KEY-cert.pub. It proves you at the native SSH
entrance, with any SSH client, for as long as your sign-in's own certificate: an hour. Without --key it is that of a key that is made for
this, which opens nothing without its certificate.

With sally ssh and sally ssh-config you need none of this.`,
		Example: `  sally ssh-cert
  sally ssh-cert --key ~/.ssh/id_ed25519.pub
  ssh -p 2222 'alice@acme.com#web-1@gateway.acme.com'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := client.LoadProfile()
			if err != nil {
				return err
			}
			if p.Refresh != "" { // so that it lasts as long as it may
				if p, err = p.Renew(cmd.Context()); err != nil {
					return err
				}
			}
			store, err := client.OpenStore()
			if err != nil {
				return err
			}
			key := strings.TrimSuffix(file, ".pub")
			if file == "" {
				if key, err = store.SSHKey(p); err != nil {
					return err
				}
			}
			c, err := certifySSHKey(cmd, p, key)
			if err != nil {
				return err
			}
			return explainSSHCertificate(cmd, store, p, key, c)
		},
	}
	cmd.Flags().StringVar(&file, "key", "", "file of the public key, such as ~/.ssh/id_ed25519.pub")
	return cmd
}

// certifySSHKey has the key's public half certified and writes the certificate beside it.
func certifySSHKey(cmd *cobra.Command, p *client.Profile, key string) (sshCertificate, error) {
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		return sshCertificate{}, fmt.Errorf("read public key: %w", err)
	}
	api, err := p.API()
	if err != nil {
		return sshCertificate{}, err
	}
	defer api.Close()
	var c sshCertificate
	if err := api.Call(cmd.Context(), http.MethodPost, "/api/v1/certificates/ssh", map[string]string{"public_key": string(public)}, &c); err != nil {
		return c, err
	}
	if c.Certificate == "" {
		return c, errors.New("the server gave no certificate")
	}
	if err := client.ReplaceFile(key+"-cert.pub", []byte(c.Certificate+"\n")); err != nil {
		return c, fmt.Errorf("write certificate: %w", err)
	}
	return c, nil
}

func explainSSHCertificate(cmd *cobra.Command, store *client.Store, p *client.Profile, key string, c sshCertificate) error {
	known, err := store.KnownHosts(p)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%s-cert.pub proves %s until %s. Use it at a gateway's SSH entrance:\n\n", key, c.User, localTime(c.Expires))
	_, err = fmt.Fprintf(out, "  ssh -p 2222 -i %s -o UserKnownHostsFile=%s -o HostKeyAlias=%s '%s#RESOURCE@GATEWAY'\n",
		shellWord(key), shellWord(known), client.GatewayName, c.User)
	return err
}

// shellWord is the text as one word of a shell.
func shellWord(text string) string {
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("/._-+=:@%,~", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
