package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/client/program"
)

// completeNames gives the names of resources that begin as what was typed. They come from the copy of the server's
// last answer, so that a key press never waits for a network.
func completeNames(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	store, err := client.OpenStore()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	profile, err := store.ActiveName()
	if err != nil || profile == "" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	kept, err := store.KeptResources(profile)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, r := range kept {
		if strings.HasPrefix(r.Name, typed) && !slices.Contains(args, r.Name) {
			names = append(names, r.Name+"\t"+r.Protocol)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func newUpdateCompletionsCommand() *cobra.Command {
	var shell string
	cmd := &cobra.Command{
		Use:   "update-completions",
		Short: "Have your shell complete commands and the names of your resources",
		Long: `Have your shell complete commands and the names of your resources: it writes the completion where the shell looks
for it, and asks the server for the names. To see the script alone: sally completion bash.`,
		Example: "  sally update-completions\n  sally update-completions --shell zsh",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if shell == "" {
				shell = ownShell()
			}
			if err := installCompletion(cmd, shell); err != nil {
				return err
			}
			n, err := refreshNames(cmd.Context())
			switch {
			case errors.Is(err, client.ErrSignedOut):
				return nil // names come with the sign-in
			case err != nil:
				return fmt.Errorf("commands are completed; names as they were before: %w", err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Names of resources: %d\n", n)
			return nil
		},
	}
	cmd.Flags().StringVar(&shell, "shell", "", "bash, zsh, fish or powershell; default: yours")
	return cmd
}

func ownShell() string {
	if runtime.GOOS == "windows" {
		return "powershell"
	}
	path := os.Getenv("SHELL")
	return path[strings.LastIndexByte(path, '/')+1:]
}

func installCompletion(cmd *cobra.Command, shell string) error {
	out := cmd.OutOrStdout()
	if shell == "powershell" {
		fmt.Fprintln(out, "Add this line to your profile ($PROFILE):\n  sally completion powershell | Out-String | Invoke-Expression")
		return nil
	}
	if shell == "" {
		return errors.New("which shell is yours? write --shell bash, zsh, fish or powershell")
	}
	path := program.CompletionFile(shell)
	if path == "" {
		return fmt.Errorf("the shell %q is not known here; say --shell bash, zsh, fish or powershell", shell)
	}
	var script bytes.Buffer
	if err := writeCompletion(cmd.Root(), shell, &script); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write completion: %w", err)
	}
	if err := os.WriteFile(path, script.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write completion: %w", err)
	}
	fmt.Fprintf(out, "%s is written; it works in the next shell.\n", path)
	if shell == "zsh" {
		fmt.Fprintf(out, "If it does not, add these lines to your .zshrc:\n  fpath+=(%s)\n  autoload -U compinit && compinit\n", filepath.Dir(path))
	}
	return nil
}

func writeCompletion(root *cobra.Command, shell string, out io.Writer) error {
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(out, true)
	case "zsh":
		return root.GenZshCompletion(out)
	}
	return root.GenFishCompletion(out, true)
}

// refreshNames keeps a new copy of what the person may open, and counts it.
func refreshNames(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	p, err := presentProfile(ctx)
	if err != nil {
		return 0, err
	}
	resources, err := ownResources(ctx, p)
	return len(resources), err
}

// ownResources asks the server what the person may open, and keeps a copy for programs.
func ownResources(ctx context.Context, p *client.Profile) ([]client.Resource, error) {
	api, err := p.API()
	if err != nil {
		return nil, err
	}
	defer api.Close()
	resources, err := api.Resources(ctx)
	if err != nil {
		return nil, err
	}
	store, err := client.OpenStore()
	if err != nil {
		return nil, err
	}
	return resources, errors.Join(store.KeepResources(p.Name, resources), refreshSSHConfig(store, p, resources))
}
