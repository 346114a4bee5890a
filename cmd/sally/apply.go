package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func newApplyCommand() *cobra.Command {
	var (
		api        apiFlags
		files      []string
		plan       bool
		prune, yes bool
	)
	cmd := &cobra.Command{
		Use:   "apply -f FILE...",
		Short: "Make users, roles, resources and so on what files say",
		Long: `Makes the control plane's objects what files say: shows what it would change, and changes it.

A file is YAML (or JSON) with a list for each kind of object: credentials, groups, resources, roles, users, policies.
Objects have the members that the API gives them; sally export writes such a file. Kinds that no file names are left
alone. Objects that no file names are left alone too, unless --prune removes them: of the kinds that the files name, and
never users or groups that a directory pushes. Secrets are never in such files: set them with
sally admin credentials set-secret.

What is applied twice changes nothing the second time. Each change is in the record before it is made. An object that
somebody else changes between the plan and its change is left alone, and apply ends there. Removing anything asks first,
or needs --yes.`,
		Example: `  sally export > access.yaml
  sally apply -f access.yaml --plan
  sally apply -f access.yaml --prune --yes
  sally apply -f roles.yaml -f users.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(files) == 0 {
				return errors.New("name files with -f; - is standard input")
			}
			document, err := readApplied(cmd.InOrStdin(), files)
			if err != nil {
				return err
			}
			c, err := api.client()
			if err != nil {
				return err
			}
			changes, err := planChanges(cmd.Context(), c, document, prune)
			if err != nil {
				return err
			}
			printPlan(cmd.OutOrStdout(), changes)
			if plan || len(changes) == 0 {
				return nil
			}
			if err := confirmRemovals(cmd, changes, yes); err != nil {
				return err
			}
			return makeChanges(cmd.Context(), c, cmd.OutOrStdout(), changes)
		},
	}
	f := cmd.Flags()
	api.register(f)
	f.StringArrayVarP(&files, "file", "f", nil, "file to apply (repeat); - is standard input")
	f.BoolVar(&plan, "plan", false, "show what would be changed, and change nothing")
	f.BoolVar(&prune, "prune", false, "remove objects that no file names, of the kinds that the files name")
	f.BoolVar(&yes, "yes", false, "remove without asking")
	return cmd
}

func newExportCommand() *cobra.Command {
	var (
		api   apiFlags
		kinds []string
	)
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write users, roles, resources and so on as a file for sally apply",
		Long: `Writes the control plane's objects as YAML that sally apply takes. What only Sallyport sets is left out, and so are
users and groups that a directory pushes, and everything that is secret.`,
		Example: "  sally export > access.yaml\n  sally export --kind roles,policies",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := api.client()
			if err != nil {
				return err
			}
			return exportObjects(cmd.Context(), c, cmd.OutOrStdout(), kinds)
		},
	}
	api.register(cmd.Flags())
	cmd.Flags().StringSliceVar(&kinds, "kind", nil, "only these kinds, such as roles (repeat, or separate by commas)")
	return cmd
}

// confirmRemovals asks a person, or refuses where there is none to ask.
func confirmRemovals(cmd *cobra.Command, changes []change, yes bool) error {
	n := 0
	for _, c := range changes {
		if c.verb == verbRemove {
			n++
		}
	}
	if n == 0 || yes {
		return nil
	}
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return fmt.Errorf("this would remove %d objects, and nothing was changed; say --yes if that is right", n)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "Remove %d objects? Type yes: ", n)
	line, err := firstLine(in)
	if err != nil || line != "yes" {
		return errors.New("nothing was changed")
	}
	return nil
}

// makeChanges stops at the first that is refused; what was made before stays, and applying again goes on from there.
func makeChanges(ctx context.Context, c *apiClient, out io.Writer, changes []change) error {
	for i, one := range changes {
		if err := one.make(ctx, c); err != nil {
			return fmt.Errorf("%s %s %s: %w\n%d of %d changes were made", one.verb, one.kind, one.name, err, i, len(changes))
		}
	}
	fmt.Fprintf(out, "\n%d changes made\n", len(changes))
	return nil
}
