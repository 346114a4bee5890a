package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/access"
)

func newAdminAccess(f *adminFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "access",
		Short: "Explain, test and rehearse who may do what",
		Long:  "Says which rule decides, runs tables of policy tests, and tells what a change would have allowed or denied. None of these changes anything.",
	}
	cmd.AddCommand(newAccessExplain(f), newAccessTest(f), newAccessSimulate(f))
	return cmd
}

func newAccessExplain(f *adminFlags) *cobra.Command {
	var in struct {
		User      string           `json:"user"`
		Resource  string           `json:"resource"`
		Account   string           `json:"account,omitempty"`
		From      string           `json:"from,omitempty"`
		At        time.Time        `json:"at,omitzero"`
		MFAAgo    *access.Duration `json:"mfa_ago,omitempty"`
		Token     string           `json:"token,omitempty"`
		Statement string           `json:"statement,omitempty"`
		Class     string           `json:"class,omitempty"`
		Tables    []string         `json:"tables,omitempty"`
	}
	var at string
	var mfaAgo time.Duration
	cmd := &cobra.Command{
		Use: "explain USER RESOURCE", Short: "Say whether a user could open a resource or run a statement, and which rule decides",
		Example: `  sally admin access explain alice@acme.com orders-db
  sally admin access explain alice@acme.com orders-db --statement "DELETE FROM orders" --from 10.1.2.3 --mfa-ago 5m
  sally admin access explain alice@acme.com web-1 --class shell
  sally admin access explain alice@acme.com web-1 --class forward --table db.internal:5432
  sally admin access explain alice@acme.com web-1 --class write --table /etc/hosts`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.User, in.Resource = args[0], args[1]
			if at != "" {
				moment, err := time.Parse(time.RFC3339, at)
				if err != nil {
					return fmt.Errorf("--at %q is no moment; write one such as 2026-11-23T09:30:00Z", at)
				}
				in.At = moment
			}
			if cmd.Flags().Changed("mfa-ago") {
				ago := access.Duration(mfaAgo)
				in.MFAAgo = &ago
			}
			c, err := f.api.client()
			if err != nil {
				return err
			}
			var x access.Explanation
			if err := c.do(cmd.Context(), http.MethodPost, "/access/explain", in, &x); err != nil {
				return err
			}
			if f.output == "json" {
				return printJSON(cmd.OutOrStdout(), x)
			}
			return printExplanation(cmd.OutOrStdout(), &x)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&in.Account, "account", "", "account at the resource; default: the one that they would get")
	fs.StringVar(&in.From, "from", "", "address that the client comes from")
	fs.StringVar(&at, "at", "", "moment, such as 2026-11-23T09:30:00Z; default: now")
	fs.DurationVar(&mfaAgo, "mfa-ago", 0, "how long before that they used a passkey; default: never")
	fs.StringVar(&in.Token, "proof", "", "ID of the access token that they come with, rather than a certificate")
	fs.StringVar(&in.Statement, "statement", "", "statement that they would run")
	fs.StringVar(&in.Class, "class", "", "class of what they would do, in a statement's place; over SSH shell, exec, read, write, forward, listen, agent or x11")
	fs.StringSliceVar(&in.Tables, "table", nil, "with --class: table that it would touch; over SSH a path, or HOST:PORT (repeat)")
	return cmd
}

func printExplanation(out io.Writer, x *access.Explanation) error {
	word := "denied"
	if x.Allowed {
		word = "allowed"
	}
	if _, err := fmt.Fprintf(out, "%s: %s\n", word, plainCell(x.Sentence)); err != nil {
		return err
	}
	until, rows := localTime(x.Until), ""
	if x.MaxRows > 0 {
		rows = fmt.Sprint(x.MaxRows)
	}
	if err := printPairs(out, []string{"decided by", "until", "rows at most"}, []string{joinList(x.Policies), until, rows}); err != nil {
		return err
	}
	if len(x.Considered) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	table := make([][]string, len(x.Considered))
	for i, c := range x.Considered {
		applies := "no"
		if c.Applies {
			applies = "yes"
		}
		table[i] = []string{c.Policy, c.Effect, applies, c.Why}
	}
	return printTable(out, []string{"RULE", "EFFECT", "APPLIES", "WHY"}, table)
}

// exitCases says that cases of a table failed; they have been told.
const exitCases exitStatus = 1

func newAccessTest(f *adminFlags) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "test FILE", Short: "Run a table of policy tests, on the present state or on an access file",
		Long: `Runs a table of policy tests: docs/policies.md has its form. Without --access it is run on the server's present state.
With --access it is run on what that file says (users, groups, roles, resources, credentials and policies, as sally
export writes them), here, without a server: for a check before a change is merged.

The exit status is 0 if all cases turn out as they should, else 1.`,
		Example: "  sally admin access test access_test.yaml\n  sally admin access test access_test.yaml --access access.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cases, err := readCases(args[0])
			if err != nil {
				return err
			}
			var result struct {
				Cases    int              `json:"cases"`
				Failures []access.Failure `json:"failures"`
			}
			if file != "" {
				engine, err := engineOf(file)
				if err != nil {
					return err
				}
				result.Cases = len(cases)
				result.Failures = engine.Test(cases, time.Now(), readStatement)
			} else {
				c, err := f.api.client()
				if err != nil {
					return err
				}
				if err := c.do(cmd.Context(), http.MethodPost, "/access/test", map[string]any{"cases": cases}, &result); err != nil {
					return err
				}
			}
			if f.output == "json" {
				err = printJSON(cmd.OutOrStdout(), result)
			} else {
				err = printFailures(cmd.OutOrStdout(), result.Cases, result.Failures)
			}
			if err == nil && len(result.Failures) > 0 {
				return exitCases
			}
			return err
		},
	}
	cmd.Flags().StringVar(&file, "access", "", "file that sally export wrote, instead of the server's present state")
	return cmd
}

func readStatement(protocol, text string) (access.Statement, error) {
	return statementFacts(newProtocols(parts{}))(protocol, []byte(text))
}

// readCases reads a list of cases, or a document whose member "cases" is one.
func readCases(path string) ([]access.Case, error) {
	text, err := readFileOrInput(path)
	if err != nil {
		return nil, err
	}
	var document struct {
		Cases []access.Case `yaml:"cases"`
	}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, true))
	}
	if len(document.Cases) == 0 {
		return nil, fmt.Errorf("%s holds no cases; it begins with \"cases:\", see docs/policies.md", path)
	}
	return document.Cases, nil
}

// engineOf decides by what an access file says alone.
func engineOf(path string) (*access.Engine, error) {
	document, err := readApplied(nil, []string{path})
	if err != nil {
		return nil, err
	}
	s := &access.Snapshot{Grants: map[string]access.Grant{}, Tokens: map[string]access.Token{}, TokenHashes: map[string]access.TokenHash{}, Gateways: map[string]access.Gateway{}}
	for _, err := range []error{
		named(document["users"], &s.Users, func(u *access.User) string { return u.Name }),
		named(document["groups"], &s.Groups, func(g *access.Group) string { return g.Name }),
		named(document["roles"], &s.Roles, func(r *access.Role) string { return r.Name }),
		named(document["resources"], &s.Resources, func(r *access.Resource) string { return r.Name }),
		named(document["credentials"], &s.Credentials, func(c *access.Credential) string { return c.Name }),
		named(document["policies"], &s.Policies, func(p *access.Policy) string { return p.Name }),
	} {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	engine, err := access.Compile(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return engine, nil
}

func named[T any](documents []json.RawMessage, into *map[string]T, name func(*T) string) error {
	*into = make(map[string]T, len(documents))
	for _, raw := range documents {
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			return err
		}
		(*into)[name(&v)] = v
	}
	return nil
}

func printFailures(out io.Writer, cases int, failures []access.Failure) error {
	for i := range failures {
		x := &failures[i]
		name := x.Case.Name
		if name == "" {
			name = strings.TrimSpace(x.Case.User + " " + x.Case.Resource + " " + x.Case.Statement)
		}
		fmt.Fprintf(out, "case %d (%s): %s\n", x.Number, plainCell(name), plainCell(x.Problem))
		for _, c := range x.Explanation.Considered {
			fmt.Fprintf(out, "    %s: %s\n", plainCell(c.Policy), plainCell(c.Why))
		}
	}
	_, err := fmt.Fprintf(out, "%d cases, %d failed\n", cases, len(failures))
	return err
}
