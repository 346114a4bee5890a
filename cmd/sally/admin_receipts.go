package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/link"
)

// receipt says what was cut when a user was put out.
type receipt struct {
	ID                 string           `json:"id"`
	User               string           `json:"user"`
	Action             string           `json:"action"`
	By                 string           `json:"by"`
	Recorded           string           `json:"recorded"`
	RefusedFrom        time.Time        `json:"refused_from"`
	CertificatesBefore time.Time        `json:"certificates_before"`
	Tokens             []string         `json:"tokens"`
	SSHKeys            []string         `json:"ssh_keys"`
	BrowserSessions    int              `json:"browser_sessions"`
	ClientSessions     int              `json:"client_sessions"`
	OneTimeSecrets     int              `json:"one_time_secrets"`
	Grants             int              `json:"grants"`
	Gateways           []receiptGateway `json:"gateways"`
	Complete           bool             `json:"complete"`
	Issued             time.Time        `json:"issued"`
}

type receiptGateway struct {
	Name     string       `json:"name"`
	State    string       `json:"state"`
	At       time.Time    `json:"at"`
	Sessions []access.Cut `json:"sessions"`
}

func newAdminReceipts(f *adminFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use: "receipts", Aliases: []string{"receipt"}, Short: "Show and verify what was cut when somebody was put out",
		Long: `When a user is suspended, removed or signed out everywhere (revoke), the server signs a receipt: since when everything of theirs is refused, and what
was cut when, on each gateway. Its hash is in the record.`,
	}
	cmd.AddCommand(newReceiptList(f), newReceiptShow(f), newReceiptVerify(f), newReceiptKey(f))
	return cmd
}

func newReceiptList(f *adminFlags) *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List receipts, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			type item struct {
				ID      string    `json:"id"`
				User    string    `json:"user"`
				Created time.Time `json:"created"`
			}
			query := url.Values{}
			if user != "" {
				query.Set("user", user)
			}
			items, err := all[item](cmd.Context(), c, "/receipts", query)
			if err != nil {
				return err
			}
			return printItems(cmd, f, []string{"ID", "USER", "CREATED"}, items, func(i item) []string {
				return []string{i.ID, i.User, localTime(i.Created)}
			})
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "of this user alone")
	return cmd
}

func newReceiptShow(f *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a receipt in words, or with -o json as it was signed", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			var signed link.Signed
			if err := c.do(cmd.Context(), http.MethodGet, "/receipts/"+escapeName(args[0]), nil, &signed); err != nil {
				return err
			}
			if f.output == "json" {
				return printJSON(cmd.OutOrStdout(), signed)
			}
			var r receipt
			if err := json.Unmarshal(signed.Payload, &r); err != nil {
				return fmt.Errorf("decode receipt: %w", err)
			}
			return printReceipt(cmd.OutOrStdout(), &r)
		},
	}
}

func newReceiptKey(f *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use: "key", Short: "Print the public key by which receipts are verified", Args: cobra.NoArgs,
		Example: "  sally admin receipts key > receipts.pem",
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := fetchReceiptKey(cmd, f)
			if err == nil {
				_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			}
			return err
		},
	}
}

func newReceiptVerify(f *adminFlags) *cobra.Command {
	var keyFile string
	cmd := &cobra.Command{
		Use: "verify FILE", Short: "Say whether a receipt is genuine", Args: cobra.ExactArgs(1),
		Long: `Verifies a receipt that was saved with: sally admin receipts show ID -o json. With --key no server is needed; without
it the key is the server's.`,
		Example: `  sally admin receipts verify receipt.json
  sally admin receipts verify receipt.json --key receipts.pem`,
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("read receipt: %w", err)
			}
			var signed link.Signed
			if err := json.Unmarshal(text, &signed); err != nil || len(signed.Signature) == 0 {
				return fmt.Errorf("%s is no signed receipt; save one with: sally admin receipts show ID -o json", args[0])
			}
			key, err := receiptKey(cmd, f, keyFile)
			if err != nil {
				return err
			}
			var r receipt
			if err := signed.Open(key, link.ReceiptPurpose, &r); err != nil {
				return fmt.Errorf("%s is not genuine: %w", args[0], err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "genuine: receipt %s\n\n", r.ID)
			return printReceipt(cmd.OutOrStdout(), &r)
		},
	}
	cmd.Flags().StringVar(&keyFile, "key", "", "file with the public key")
	return cmd
}

func fetchReceiptKey(cmd *cobra.Command, f *adminFlags) (string, error) {
	c, err := f.api.client()
	if err != nil {
		return "", err
	}
	var key struct {
		PublicKey string `json:"public_key"`
	}
	err = c.do(cmd.Context(), http.MethodGet, "/receipts/key", nil, &key)
	return key.PublicKey, err
}

func receiptKey(cmd *cobra.Command, f *adminFlags, file string) (ed25519.PublicKey, error) {
	var text string
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read key: %w", err)
		}
		text = string(b)
	} else {
		var err error
		if text, err = fetchReceiptKey(cmd, f); err != nil {
			return nil, err
		}
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("the key is no PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	key, ok := parsed.(ed25519.PublicKey)
	if err != nil || !ok {
		return nil, errors.New("the key is no Ed25519 public key")
	}
	return key, nil
}

// receiptTime is to the millisecond: a receipt is about what happened within a second.
func receiptTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05.000") }

// printReceipt tells a receipt in words.
func printReceipt(out io.Writer, r *receipt) error {
	did := "suspended"
	switch r.Action {
	case "delete":
		did = "removed"
	case "revoke":
		did = "signed out everywhere"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "user %s %s by %s\n", plainCell(r.User), did, plainCell(r.By))
	fmt.Fprintf(&b, "  refused since      %s\n", receiptTime(r.RefusedFrom))
	fmt.Fprintf(&b, "  certificates       refused when issued until %s\n", receiptTime(r.CertificatesBefore))
	for _, line := range []struct {
		name string
		n    int
		did  string
	}{
		{"access tokens", len(r.Tokens), "refused"}, {"SSH keys", len(r.SSHKeys), "refused"}, {"browser sign-ins", r.BrowserSessions, "ended"},
		{"client sign-ins", r.ClientSessions, "ended"}, {"one-time links", r.OneTimeSecrets, "removed"}, {"temporary grants", r.Grants, "without effect"},
	} {
		if line.n > 0 {
			fmt.Fprintf(&b, "  %-18s %d %s\n", line.name, line.n, line.did)
		}
	}
	for _, g := range r.Gateways {
		fmt.Fprintf(&b, "  gateway %-10s %s\n", plainCell(g.Name), gatewayWords(&g))
		for _, c := range g.Sessions {
			fmt.Fprintf(&b, "    %s  session %s on %s as %s cut\n", receiptTime(c.At), plainCell(c.Session), plainCell(c.Resource), plainCell(c.Account))
		}
	}
	if !r.Complete {
		fmt.Fprintln(&b, "  NOT COMPLETE: a gateway has not confirmed; see above until when it may go on")
	}
	fmt.Fprintf(&b, "  receipt            %s, recorded as event %s\n", r.ID, r.Recorded)
	_, err := io.WriteString(out, b.String())
	return err
}

func gatewayWords(g *receiptGateway) string {
	switch {
	case g.State == "confirmed":
		return fmt.Sprintf("refuses since %s, sessions cut: %d", receiptTime(g.At), len(g.Sessions))
	case g.State == "unconfirmed":
		return fmt.Sprintf("HAS NOT CONFIRMED; ends all its sessions by itself by %s, unless it hears of this before", receiptTime(g.At))
	case g.At.IsZero():
		return "never served anybody"
	}
	return fmt.Sprintf("was away so long that it ended all its sessions by itself by %s", receiptTime(g.At))
}
