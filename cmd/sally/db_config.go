package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/client/agent"
	"github.com/sallyport/sallyport/client/program"
)

// dbConfigFlags are the choices of `sally db config`.
type dbConfigFlags struct {
	all     bool
	account string
	kind    string
	write   bool
	file    string
}

func newDBConfigCommand() *cobra.Command {
	var flags dbConfigFlags
	cmd := &cobra.Command{
		Use:   "config NAME... | --all",
		Short: "Print or write connection files for psql's services, mysql's options, DBeaver and Java programs",
		Long: `Print or write connection files. They hold no password, and stay right for as long as the resources' ports are
the same, which is every day; what they name works while it is connected (sally connect).

  psql-service  libpq's services, in ~/.pg_service.conf: psql service=orders-db. Other lines of that file stay.
  mysql-options groups of MySQL's and MariaDB's option file, in ~/.my.cnf: mysql --defaults-group-suffix=shop-db
  dbeaver       connections of a DBeaver project; --file names its .dbeaver/data-sources.json. Close DBeaver first.
  jdbc          addresses for Java programs, to print only

The former content of a file that is written stays beside it, with .sally-backup at the end of its name.`,
		Example: `  sally db config orders-db --for psql-service
  sally db config --all --for psql-service --write
  sally db config --all --for dbeaver --file ~/project/.dbeaver/data-sources.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if flags.all == (len(args) > 0) {
				return errors.New("name resources, or say --all; sally ls shows what you may open")
			}
			return nil
		},
		ValidArgsFunction: completeNames,
		RunE:              flags.run,
	}
	f := cmd.Flags()
	f.BoolVar(&flags.all, "all", false, "every database that you may open")
	f.StringVar(&flags.account, "account", "", "account at the store; default: the first that you may use")
	f.StringVar(&flags.kind, "for", "psql-service", "psql-service, mysql-options, dbeaver or jdbc")
	f.BoolVar(&flags.write, "write", false, "write the file, where the program looks for it")
	f.StringVar(&flags.file, "file", "", "write this file")
	return cmd
}

func (f *dbConfigFlags) run(cmd *cobra.Command, names []string) error {
	format, err := program.FormatNamed(f.kind)
	if err != nil {
		return err
	}
	targets, err := f.targets(cmd, format, names)
	if err != nil {
		return err
	}
	if !f.write && f.file == "" {
		content, err := format.Print(targets)
		if err == nil {
			_, err = cmd.OutOrStdout().Write(content)
		}
		return err
	}
	path, err := f.path(format)
	if err != nil {
		return err
	}
	changed, err := format.Write(path, targets)
	switch {
	case err != nil:
		return err
	case changed:
		fmt.Fprintf(cmd.OutOrStdout(), "%s is written.\n", path)
	default:
		fmt.Fprintf(cmd.OutOrStdout(), "%s is as it should be.\n", path)
	}
	return nil
}

// path is the file to write: the named one, or where the program looks.
func (f *dbConfigFlags) path(format program.Format) (string, error) {
	if f.file != "" {
		return f.file, nil
	}
	if own := os.Getenv("PGSERVICEFILE"); format.Name == "psql-service" && own != "" {
		return own, nil
	}
	if format.File == "" {
		return "", fmt.Errorf("say by --file where %s keeps its connections", format.Name)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find home directory: %w", err)
	}
	return filepath.Join(home, format.File), nil
}

func (f *dbConfigFlags) targets(cmd *cobra.Command, format program.Format, names []string) ([]program.Target, error) {
	c, err := newConnecting(cmd)
	if err != nil {
		return nil, err
	}
	resources, err := c.resources(cmd.Context(), names, f.all)
	if err != nil {
		return nil, err
	}
	ports := agentPorts(cmd.Context(), c.profile.Name)
	var targets []program.Target
	for _, r := range resources {
		if !slices.Contains(format.Protocols, r.Protocol) {
			if !f.all {
				return nil, fmt.Errorf("%s is %s, which %s is not for", r.Name, r.Protocol, format.Name)
			}
			continue
		}
		account, err := c.account(r, f.account)
		if err != nil {
			return nil, err
		}
		port := r.LocalPort()
		if now := ports[r.Name]; now != 0 {
			port = now
		}
		targets = append(targets, r.Target(account, port))
	}
	return targets, nil
}

// agentPorts gives the ports that the agent has open, by resource; none when it does not run.
func agentPorts(ctx context.Context, profile string) map[string]int {
	ports := map[string]int{}
	for _, l := range agentLines(ctx, profile) {
		ports[l.Name] = l.Port
	}
	return ports
}

func agentLines(ctx context.Context, profile string) []agent.Line {
	store, err := client.OpenStore()
	if err != nil {
		return nil
	}
	c, err := agent.Find(agent.PlaceOf(store))
	if err != nil {
		return nil
	}
	defer c.Close()
	status, err := c.Status(ctx)
	if err != nil {
		return nil
	}
	return status.Of(profile).Lines
}
