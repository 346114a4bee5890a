package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/access"
)

func newAdminSSHKeys(f *adminFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use: "ssh-keys", Aliases: []string{"ssh-key"}, Short: "Keep the SSH keys by which users sign in",
		Long: `SSH keys prove their users at gateways' native SSH entrance. People register their own, with sally ssh-key add or in the web UI; those of service
accounts are added here.`,
	}
	cmd.AddCommand(newAdminSSHKeyAdd(f), newAdminSSHKeyList(f), newAdminSSHKeyRemove(f))
	return cmd
}

func newAdminSSHKeyAdd(f *adminFlags) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "add USER FILE", Short: "Register the public key of a service account", Args: cobra.ExactArgs(2),
		Example: "  sally admin ssh-keys add etl etl.pub --name runner-1",
		RunE: func(cmd *cobra.Command, args []string) error {
			public, err := readPublicKeyAt(cmd.InOrStdin(), args[1])
			if err != nil {
				return err
			}
			c, err := f.api.client()
			if err != nil {
				return err
			}
			var k access.SSHKey
			in := map[string]string{"user": args[0], "name": name, "public": string(public)}
			if err := c.do(cmd.Context(), http.MethodPost, "/ssh-keys", in, &k); err != nil {
				return err
			}
			if f.output == "json" {
				return printJSON(cmd.OutOrStdout(), k)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s (%s) proves %s\n", k.Fingerprint, k.Name, k.User)
			return err
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "what it is; default: the key's comment")
	return cmd
}

func newAdminSSHKeyList(f *adminFlags) *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List users' SSH keys", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			if user != "" {
				query.Set("user", user)
			}
			return listItems(cmd, f, "/ssh-keys", query, []string{"FINGERPRINT", "USER", "NAME", "ADDED"}, func(k access.SSHKey) []string {
				return []string{k.Fingerprint, k.User, k.Name, localTime(k.Created)}
			})
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "only this user's")
	return cmd
}

func newAdminSSHKeyRemove(f *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use: "remove FINGERPRINT...", Aliases: []string{"rm", "delete"}, Short: "Remove SSH keys", Args: cobra.MinimumNArgs(1),
		Long: "Removes SSH keys: they open nothing more, and the sessions that they opened end at once.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return removeEach(cmd, f, args, below("/ssh-keys"), "SSH key", "removed")
		},
	}
}

func newAdminSSHCA(f *adminFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use: "ssh-ca [users|hosts|logins]", Short: "Print the public keys of the SSH authorities",
		Long: `Prints the public keys of Sallyport's own SSH authorities, or one of them, each below a line that says how it is used: hosts for clients that come
without the local client, logins for the servers behind Sallyport. users signs people's certificates; gateways know it by themselves.`,
		Example: `  sally admin ssh-ca hosts >> ~/.ssh/known_hosts
  sally admin ssh-ca logins > /etc/ssh/sallyport-ca.pub    # and in sshd_config: TrustedUserCAKeys /etc/ssh/sallyport-ca.pub`,
		Args: cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs), ValidArgs: []string{"users", "hosts", "logins"},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			var keys sshAuthorities
			if err := c.do(cmd.Context(), http.MethodGet, "/ca/ssh", nil, &keys); err != nil {
				return err
			}
			if f.output == "json" {
				return printJSON(cmd.OutOrStdout(), keys)
			}
			return keys.print(cmd.OutOrStdout(), args)
		},
	}
	cmd.AddCommand(newAdminSSHCARotate(f))
	return cmd
}

// sshAuthorities are the SSH authorities' keys, and those that count besides while they are rotated.
type sshAuthorities struct {
	access.SSHAuthorities
	Rotations access.SSHRotations `json:"rotations"`
}

// print writes the keys of the authorities that are named; none is all. Of two keys the one that signs comes last.
func (k *sshAuthorities) print(out io.Writer, names []string) error {
	for _, a := range []struct{ name, use, prefix, key, other string }{
		{"users", "signs people's certificates (sally ssh-cert) for gateways' SSH entrance; no server needs to trust it", "", k.Users, k.Rotations.Users.OtherKey},
		{"hosts", "signs gateways' host keys: a line of known_hosts, where * may be your gateways' names", "@cert-authority * ", k.Hosts, k.Rotations.Hosts.OtherKey},
		{"logins", "signs gateways' logins at servers: a file that TrustedUserCAKeys in their sshd_config names", "", k.Logins, k.Rotations.Logins.OtherKey},
	} {
		if len(names) == 1 && names[0] != a.name {
			continue
		}
		lines := "# " + a.name + " " + a.use + "\n"
		if a.other != "" {
			lines += a.prefix + a.other + "\n"
		}
		if _, err := io.WriteString(out, lines+a.prefix+a.key+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func newAdminSSHCARotate(f *adminFlags) *cobra.Command {
	var in struct {
		Step string `json:"step"`
		Now  bool   `json:"now"`
	}
	cmd := &cobra.Command{
		Use: "rotate users|hosts|logins begin|switch|finish", Short: "Give an SSH authority another key, step by step",
		Long: `begin makes another key, which counts besides. Let all who have to know it learn it: clients' known_hosts of hosts (the local client learns it within
the hour), TrustedUserCAKeys of logins; of users nobody has to. switch signs by it; the former key counts on. finish lets the former key count no
more: of hosts and users once what it has signed has ended, a day later. --now finishes at once, as when a key was stolen: what the former key has
signed is refused. Before switch, finish takes the new key back.`,
		Example: "  sally admin ssh-ca rotate logins begin\n  sally admin ssh-ca logins > /etc/ssh/sallyport-ca.pub    # at each server: both keys\n" +
			"  sally admin ssh-ca rotate logins switch\n  sally admin ssh-ca rotate logins finish",
		Args: cobra.ExactArgs(2), ValidArgs: []string{"users", "hosts", "logins", "begin", "switch", "finish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			in.Step = args[1]
			var keys sshAuthorities
			if err := c.do(cmd.Context(), http.MethodPost, "/ca/ssh/"+escapeName(args[0])+"/rotate", in, &keys); err != nil {
				return err
			}
			if f.output == "json" {
				return printJSON(cmd.OutOrStdout(), keys)
			}
			if next := afterRotation(args[0], args[1], in.Now); next != "" {
				fmt.Fprintln(cmd.ErrOrStderr(), "next: "+next)
			}
			return keys.print(cmd.OutOrStdout(), args[:1])
		},
	}
	cmd.Flags().BoolVar(&in.Now, "now", false, "finish before what the former key has signed has ended")
	return cmd
}

// afterRotation is what is to be done after a step; empty if nothing is. now is that of finish.
func afterRotation(authority, step string, now bool) string {
	further := "sally admin ssh-ca rotate " + authority
	switch authority + " " + step {
	case "logins begin":
		return "let every server trust these two, in the file that TrustedUserCAKeys names; then: " + further + " switch"
	case "hosts begin":
		return "let clients' known_hosts have these two (the local client takes them within the hour); then: " + further + " switch"
	case "users begin":
		return further + " switch"
	case "logins switch":
		return further + " finish"
	case "hosts switch", "users switch":
		return "in a day, when what the former key signed has ended: " + further + " finish"
	case "logins finish":
		return "let every server trust this one alone, in the file that TrustedUserCAKeys names"
	case "users finish":
		if now {
			return "who is refused now gets a new certificate by: sally ssh-cert"
		}
	}
	return ""
}
