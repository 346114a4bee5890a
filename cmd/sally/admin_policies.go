package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sallyport/sallyport/access"
)

func newAdminPolicies(f *adminFlags) *cobra.Command {
	n := &adminNoun[access.Policy]{
		one: "policy", many: "policies",
		long: `Policies are written by hand, in Cedar, and stand beside what roles give: docs/policies.md. One that is wrong is
refused, with its line; nothing is changed then. Try one first with: sally admin access simulate`,
		example: `  sally admin policies add no-ddl-on-fridays --file no-ddl.cedar
  sally admin policies set no-ddl-on-fridays --disabled`,
		head: []string{"NAME", "DISABLED", "TEXT"},
		row: func(p access.Policy) []string {
			return []string{p.Name, yes(p.Disabled), firstWords(p.Text)}
		},
		fresh: func(name string) access.Policy { return access.Policy{Name: name} },
		flags: policyFlags,
	}
	return n.command(f, newPolicyText(f, n))
}

// newPolicyText prints a policy as it was written.
func newPolicyText(f *adminFlags, n *adminNoun[access.Policy]) *cobra.Command {
	return &cobra.Command{
		Use: "text NAME", Short: "Print a policy's text", Args: cobra.ExactArgs(1), Example: "  sally admin policies text no-ddl-on-fridays > no-ddl.cedar",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			var p access.Policy
			if err := c.do(cmd.Context(), "GET", n.path(args[0]), nil, &p); err != nil {
				return err
			}
			_, err = io.WriteString(cmd.OutOrStdout(), strings.TrimRight(p.Text, "\n")+"\n")
			return err
		},
	}
}

func policyFlags(fs *pflag.FlagSet) func(*access.Policy) error {
	file := fs.String("file", "", "file with the policy's text; - is standard input")
	fs.Bool("disabled", false, "keep the policy without effect; --disabled=false puts it into effect")
	return func(p *access.Policy) error {
		takeBool(fs, "disabled", &p.Disabled)
		if !fs.Changed("file") {
			if p.Text == "" {
				return errors.New("give the policy's text with --file")
			}
			return nil
		}
		text, err := readFileOrInput(*file)
		p.Text = string(text)
		return err
	}
}

func readFileOrInput(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(os.Stdin)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	return b, nil
}

// firstWords is the beginning of a text, in one line.
func firstWords(text string) string {
	const limit = 60
	line := strings.Join(strings.Fields(text), " ")
	if runes := []rune(line); len(runes) > limit {
		return string(runes[:limit]) + "..."
	}
	return line
}
