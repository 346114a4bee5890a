package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/client/program"
)

func newSSHConfigCommand() *cobra.Command {
	var output string
	var install, uninstall bool
	cmd := &cobra.Command{
		Use:   "ssh-config [NAME...]",
		Short: "Let ssh, scp, sftp, rsync, git, ansible and editors know your servers by name",
		Long: `Prints blocks of ssh_config for the servers that you may open, or those that are named: each by its name, and by NAME.sally where the name
alone means another host to you. They hold no secret, and name no key: with them, "ssh web-1" and "scp file web-1:" go through Sallyport
and are never asked for anything.

--install keeps them in a file of their own, which ~/.ssh/config reads first from then on (its former content stays beside it as
config.sally-backup). Servers that you are given later come into it with the next sally ls or sally ssh.`,
		Example: `  sally ssh-config --install
  sally ssh-config web-1 >> ~/.ssh/config
  sally ssh-config --output servers.ssh && ansible all -i web-1, --ssh-common-args '-F servers.ssh' -m ping
  sally ssh-config --uninstall`,
		Args: func(_ *cobra.Command, args []string) error {
			if install && uninstall || (install || uninstall) && (output != "" || len(args) > 0) {
				return errors.New("--install and --uninstall stand alone: they are for all of your servers")
			}
			return nil
		},
		ValidArgsFunction: completeServers,
		RunE: func(cmd *cobra.Command, names []string) error {
			switch {
			case uninstall:
				return uninstallSSHConfig(cmd)
			case install:
				return installSSHConfig(cmd)
			}
			return printSSHConfig(cmd, names, output)
		},
	}
	f := cmd.Flags()
	f.StringVar(&output, "output", "", "write this file, for ssh -F")
	f.BoolVar(&install, "install", false, "have ~/.ssh/config read them")
	f.BoolVar(&uninstall, "uninstall", false, "take out what --install has put in")
	return cmd
}

func printSSHConfig(cmd *cobra.Command, names []string, output string) error {
	c, err := newConnecting(cmd)
	if err != nil {
		return err
	}
	resources, err := c.resources(cmd.Context(), names, len(names) == 0)
	if err != nil {
		return err
	}
	for _, r := range resources {
		if len(names) > 0 && r.Protocol != program.SSH {
			return fmt.Errorf("%s is no server, but %s", r.Name, r.Protocol)
		}
	}
	content, err := sshConfig(c.profile, resources)
	switch {
	case err != nil:
		return err
	case output == "":
		_, err = cmd.OutOrStdout().Write(content)
	default:
		err = client.ReplaceFile(output, content)
	}
	return err
}

// sshConfig is the file for those of the resources that are servers.
func sshConfig(p *client.Profile, resources []client.Resource) ([]byte, error) {
	var out strings.Builder
	out.WriteString("# Servers behind Sallyport, written by: sally ssh-config\n")
	for _, r := range resources {
		if r.Protocol != program.SSH {
			continue
		}
		way, err := sshWay(p, r.Name, p.User) // by which the gateway knows the wish for the default account
		if err != nil {
			return nil, err
		}
		out.WriteString("\n" + way.Host(r.Name, program.FullName(r.Name)))
	}
	return []byte(out.String()), nil
}

func installSSHConfig(cmd *cobra.Command) error {
	p, err := presentProfile(cmd.Context())
	if err != nil {
		return err
	}
	resources, err := ownResources(cmd.Context(), p)
	if err != nil {
		return err
	}
	store, err := client.OpenStore()
	if err != nil {
		return err
	}
	content, err := sshConfig(p, resources)
	if err != nil {
		return err
	}
	if err := client.ReplaceFile(store.SSHConfig(p.Name), content); err != nil {
		return fmt.Errorf("write ssh's configuration: %w", err)
	}
	path, err := includeSSHConfig(store.SSHConfig("*"))
	if err == nil {
		fmt.Fprintf(cmd.OutOrStdout(), "%s reads %s: ssh, scp, sftp and what runs them know your servers by name.\n", path, store.SSHConfig(p.Name))
	}
	return err
}

func uninstallSSHConfig(cmd *cobra.Command) error {
	path, err := includeSSHConfig("")
	if err != nil {
		return err
	}
	store, err := client.OpenStore()
	if err != nil {
		return err
	}
	installed, err := filepath.Glob(store.SSHConfig("*"))
	for _, file := range installed {
		err = errors.Join(err, os.Remove(file))
	}
	if err != nil {
		return fmt.Errorf("remove ssh's configuration: %w", err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s is as if there were no Sallyport.\n", path)
	return nil
}

// includeSSHConfig has the person's own configuration of ssh read the files, or none of ours where that is empty. It gives its path.
func includeSSHConfig(files string) (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find home directory: %w", err)
	}
	path := filepath.Join(home, ".ssh", "config")
	_, err = program.Including(files).Write(path, nil)
	return path, err
}

// refreshSSHConfig brings what --install has written up to date with what the person may open now.
func refreshSSHConfig(store *client.Store, p *client.Profile, resources []client.Resource) error {
	path := store.SSHConfig(p.Name)
	before, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read ssh's configuration: %w", err)
	}
	content, err := sshConfig(p, resources)
	if err != nil || string(content) == string(before) {
		return err
	}
	if err := client.ReplaceFile(path, content); err != nil {
		return fmt.Errorf("write ssh's configuration: %w", err)
	}
	return nil
}
