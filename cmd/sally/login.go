package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/client/agent"
)

// loginFlags are the choices of `sally login`.
type loginFlags struct {
	server     string
	tokenStdin bool
	browser    bool
	device     bool
	mfa        bool
	workload   workloadFlags
	caFile     string
	caSHA256   string
	profile    string
}

func newLoginCommand() *cobra.Command {
	var flags loginFlags
	cmd := &cobra.Command{
		Use:   "login [SERVER | LINK]",
		Short: "Prove who you are and get a certificate that renews itself for some hours",
		Long: `Prove who you are and get a certificate that renews itself for some hours.

In a terminal this opens the server's page in your browser, where you sign in as you do there; compare the code. On a
machine without a browser, --device shows a code to type on any other device. Other proofs are a one-time sign-in link
and an access token, which is read from standard input (--token-stdin), from SALLY_TOKEN, or from the last sign-in at
that server; never given as an argument, which other users of this machine could see. Programs in a CI system sign in by
its own token (--workload). The key is made here and never leaves this machine.`,
		Example: `  sally login https://sally.acme.com
  sally login --mfa                               # where a role wants a passkey
  sally login --device
  sally login 'https://sally.acme.com/sign-in#...'
  sally login --server https://sally.acme.com --token-stdin < token
  sally login --server https://sally.acme.com --workload --workload-audience sally   # in a CI job`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := client.OpenStore()
			if err != nil {
				return err
			}
			return flags.run(cmd, args, store)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.server, "server", os.Getenv("SALLY_SERVER"), "the server's address, such as https://sally.acme.com (env SALLY_SERVER)")
	f.BoolVar(&flags.tokenStdin, "token-stdin", false, "read an access token or a sign-in link from standard input")
	f.BoolVar(&flags.browser, "browser", false, "sign in by a browser on this machine, also where this is no terminal")
	f.BoolVar(&flags.device, "device", false, "sign in by a code that you type on another device")
	f.BoolVar(&flags.mfa, "mfa", false, "have the browser ask for your passkey, for roles that want one")
	flags.workload.add(f)
	cmd.MarkFlagsMutuallyExclusive("token-stdin", "browser", "device", "workload")
	for _, other := range []string{"token-stdin", "device", "workload"} {
		cmd.MarkFlagsMutuallyExclusive("mfa", other)
	}
	f.StringVar(&flags.caFile, "ca", "", "PEM file with the authority of the server's certificate; default: the system's")
	f.StringVar(&flags.caSHA256, "ca-sha256", "", "SHA-256 fingerprint of a certificate in the server's chain, instead of --ca")
	f.StringVar(&flags.profile, "profile", os.Getenv("SALLY_PROFILE"), "name under which the sign-in is kept (env SALLY_PROFILE); default: the server's host")
	return cmd
}

// run signs in by the proof that the flags name, or that is at hand.
func (f loginFlags) run(cmd *cobra.Command, args []string, store *client.Store) error {
	s, err := f.signIn(cmd, args, store)
	if err != nil {
		return err
	}
	s.Passkey = f.mfa
	var p *client.Profile
	switch ctx := cmd.Context(); {
	case f.device:
		p, err = s.OnDevice(ctx, showDevice(cmd.ErrOrStderr()))
	case f.workload.wanted:
		p, err = f.workload.signIn(ctx, s)
	case f.browser || f.mfa || s.Token == "" && s.Link == "" && term.IsTerminal(int(os.Stdin.Fd())):
		p, err = s.InBrowser(ctx, showBrowser(ctx, cmd.ErrOrStderr()))
	case s.Token == "" && s.Link == "":
		return errors.New("no proof of who you are, and no terminal to ask in: use --browser, --device, --token-stdin or a sign-in link, or set SALLY_TOKEN")
	default:
		p, err = s.Do(ctx)
	}
	if err != nil {
		return err
	}
	if err := store.Save(p); err != nil {
		return err
	}
	printSignedIn(cmd.OutOrStdout(), p)
	return nil
}

func printSignedIn(out io.Writer, p *client.Profile) {
	if p.SessionExpires.IsZero() {
		fmt.Fprintf(out, "Signed in at %s as %s. Certificate %s.\nNext: sally ls\n", p.Server, p.User, untilWhen(p.Expires))
		return
	}
	fmt.Fprintf(out, "Signed in at %s as %s, %s.\nNext: sally ls\n", p.Server, p.User, untilWhen(p.SessionExpires))
}

// showBrowser opens the browser, and says what to do where that does not work.
func showBrowser(ctx context.Context, out io.Writer) func(client.Waiting) error {
	return func(w client.Waiting) error {
		fmt.Fprintf(out, "Sign in in your browser. The page shows this code: %s\n", w.Code)
		if err := client.OpenBrowser(ctx, w.URL); err != nil {
			fmt.Fprintf(out, "Open it there yourself (%v):\n  %s\n", err, w.URL)
		} else {
			fmt.Fprintf(out, "If it did not open:\n  %s\n", w.URL)
		}
		return nil
	}
}

func showDevice(out io.Writer) func(client.Device) error {
	return func(d client.Device) error {
		fmt.Fprintf(out, "On any device, open %s and type this code: %s\n", d.Page, d.Code)
		if d.PageWithCode != "" {
			fmt.Fprintf(out, "Or open:\n  %s\n", d.PageWithCode)
		}
		fmt.Fprintln(out, "Confirm there only what you began yourself, here.")
		return nil
	}
}

// signIn gathers server, trust and proof from the arguments, the environment and the last sign-in, in this order.
func (f loginFlags) signIn(cmd *cobra.Command, args []string, store *client.Store) (s client.SignIn, err error) {
	s = client.SignIn{Profile: f.profile, Server: f.server, Trust: client.Trust{Fingerprint: f.caSHA256}}
	if f.caFile != "" {
		ca, err := os.ReadFile(f.caFile)
		if err != nil {
			return s, fmt.Errorf("read --ca: %w", err)
		}
		s.Trust.CA = string(ca)
	}
	if len(args) == 1 {
		if err := useLoginArgument(&s, args[0], cmd.Flags().Changed("server")); err != nil {
			return s, err
		}
	}
	if f.tokenStdin {
		if s.Link != "" {
			return s, errors.New("give a sign-in link or --token-stdin, not both")
		}
		line, err := firstLine(cmd.InOrStdin())
		if err != nil {
			return s, err
		}
		if err := useProof(&s, line); err != nil {
			return s, err
		}
	}
	last, err := lastSignIn(store, &s)
	if err != nil {
		return s, err
	}
	if last != nil && s.Trust == (client.Trust{}) {
		s.Trust.CA = last.ServerCA
	}
	if s.Token == "" && s.Link == "" && !f.browser && !f.device && !f.workload.wanted {
		findToken(&s, last)
	}
	return s, nil
}

func useLoginArgument(s *client.SignIn, arg string, serverGiven bool) error {
	if client.LooksLikeToken(arg) {
		return errors.New("an access token must not be an argument: others on this machine can see it, and your shell keeps it; " +
			"revoke that token, and give the next one by --token-stdin or SALLY_TOKEN")
	}
	if !strings.Contains(arg, "#") {
		if serverGiven {
			return errors.New("the server is given twice")
		}
		s.Server = arg
		return nil
	}
	named := s.Server
	if err := useProof(s, arg); err != nil {
		return err
	}
	if serverGiven && strings.TrimRight(named, "/") != s.Server {
		return errors.New("the sign-in link is for another server than --server")
	}
	return nil
}

// useProof takes a sign-in link, which names its server too, or an access token.
func useProof(s *client.SignIn, proof string) error {
	if !strings.Contains(proof, "://") {
		s.Token = proof
		return nil
	}
	server, token, err := client.ParseLink(proof)
	if err != nil {
		return err
	}
	s.Server, s.Link = server, token
	return nil
}

// lastSignIn finds the profile that this sign-in renews, or nil. Without a server named, it is the active one.
func lastSignIn(store *client.Store, s *client.SignIn) (*client.Profile, error) {
	if s.Server == "" {
		active, err := store.Active()
		if errors.Is(err, client.ErrSignedOut) {
			return nil, errors.New("which server? write: sally login https://SERVER, or the sign-in link that you were sent, in quotes")
		}
		if err != nil {
			return nil, err
		}
		s.Server, s.Profile = active.Server, active.Name
		return active, nil
	}
	last, err := store.ForServer(s.Server, s.Profile)
	if err != nil || last == nil {
		return nil, err
	}
	s.Profile = last.Name
	return last, nil
}

// findToken takes the access token of the environment, or of the last sign-in.
func findToken(s *client.SignIn, last *client.Profile) {
	s.Token = os.Getenv("SALLY_TOKEN")
	if s.Token == "" && last != nil {
		s.Token = last.Token
	}
}

func firstLine(in io.Reader) (string, error) {
	const limit = 64 << 10 // bytes
	line, err := bufio.NewReader(io.LimitReader(in, limit)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", errors.New("standard input holds no token")
	}
	return line, nil
}

// untilWhen tells a person when something ends, or that it has.
func untilWhen(end time.Time) string {
	left := time.Until(end)
	if left <= 0 {
		return "ended at " + end.Local().Format(time.DateTime)
	}
	if left = left.Round(time.Minute); left == 0 {
		return fmt.Sprintf("until %s (less than a minute left)", end.Local().Format(time.DateTime))
	}
	return fmt.Sprintf("until %s (%s left)", end.Local().Format(time.DateTime), strings.TrimSuffix(left.String(), "0s"))
}

func newLogoutCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "logout [PROFILE]",
		Short: "Remove the certificate, its key and the token from this machine",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := client.OpenStore()
			if err != nil {
				return err
			}
			names, err := logoutNames(store, args, all)
			if err != nil {
				return err
			}
			for _, name := range names {
				endSession(cmd.Context(), store, name)
				if err := store.Remove(name); err != nil {
					return err
				}
				if err := forgetAtAgent(cmd.Context(), agent.PlaceOf(store), name); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "Signed out of %s: certificate, key and token are gone from this machine.\n", name)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every server this machine is signed in to")
	return cmd
}

// endSession ends the server's side of a sign-in. Leaving this machine does not wait for a server that is away,
// where the session ends by itself.
func endSession(ctx context.Context, store *client.Store, name string) {
	p, err := store.Load(name)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_ = p.SignOut(ctx)
}

func logoutNames(store *client.Store, args []string, all bool) ([]string, error) {
	known, err := store.Names()
	if err != nil || all {
		return known, err
	}
	name := strings.Join(args, "")
	if name == "" {
		if name, err = store.ActiveName(); err != nil {
			return nil, err
		}
	}
	for _, candidate := range known {
		if candidate == name {
			return []string{name}, nil
		}
	}
	if name == "" {
		return nil, client.ErrSignedOut
	}
	return nil, fmt.Errorf("this machine has no profile %q; it has: %s", name, strings.Join(known, ", "))
}
