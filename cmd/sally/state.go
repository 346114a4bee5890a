package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/admin/store"
)

func newStateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "What the control plane keeps: users, roles, resources, tokens",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newStateCopyCommand())
	return cmd
}

// stateCopy are the flags of `sally server state copy`.
type stateCopy struct {
	config, dataDir  string
	to, passwordFile string
	output           string
}

func newStateCopyCommand() *cobra.Command {
	var f stateCopy
	cmd := &cobra.Command{
		Use:   "copy --to TARGET",
		Short: "Copy the state from SQLite to PostgreSQL, or back",
		Long: `Copies the control plane's whole state into an empty database: from where the configuration says that it is, to TARGET, which
is a PostgreSQL URL or the path of an SQLite file. All of it is copied in one transaction and counted, or nothing is. The
source stays as it is.

Stop every server on this state first: what they change while it is copied is not in the copy. Then let the configuration
name the new place, and start them again. The keys in the state stay sealed with the same key: keep seal_key_file. The
record is no part of the state; it stays in the data directory.`,
		Example: `  sally server state copy --to 'postgres://sallyport@db.acme.com/sallyport' --password-file /etc/sallyport/state-password
  sally server state copy --config /etc/sallyport/sally.yaml --to /var/lib/sallyport/state.db`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(f.output); err != nil {
				return err
			}
			return f.run(cmd)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config", os.Getenv("SALLY_CONFIG"), "the server's configuration file (env SALLY_CONFIG)")
	flags.StringVar(&f.dataDir, "data-dir", os.Getenv("SALLY_DATA_DIR"), "the server's data directory (env SALLY_DATA_DIR)")
	flags.StringVar(&f.to, "to", "", "where to: a URL such as postgres://sallyport@db.acme.com/sallyport, without a password, or a file")
	flags.StringVar(&f.passwordFile, "password-file", "", "file with the password for a PostgreSQL target, in its first line")
	flags.StringVarP(&f.output, "output", "o", "table", "table or json")
	_ = cmd.MarkFlagRequired("to") // which fails for unknown flags alone
	return cmd
}

func (f stateCopy) run(cmd *cobra.Command) (err error) {
	c, err := loadConfig(f.config)
	if err != nil {
		return err
	}
	if f.dataDir != "" {
		c.DataDir = f.dataDir
	}
	if conn, err := net.Dial("unix", filepath.Join(c.DataDir, apiSocket)); err == nil {
		return errors.Join(fmt.Errorf("the server on %s is running; stop it first, or what it changes meanwhile is lost", c.DataDir), conn.Close())
	}
	source, target := c.store(nil), f.target()
	if source.Postgres == nil {
		if _, err := os.Stat(source.File); err != nil {
			return fmt.Errorf("there is no state to copy: %w", err)
		}
	}
	from, err := store.Open(cmd.Context(), source)
	if err != nil {
		return fmt.Errorf("open the present state: %w", err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := store.Open(cmd.Context(), target)
	if err != nil {
		return fmt.Errorf("open the target: %w", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	copied, err := store.Copy(cmd.Context(), from, to)
	if errors.Is(err, store.ErrNotEmpty) {
		return fmt.Errorf("%s: %w; nothing was copied", to, err)
	}
	if err != nil {
		return fmt.Errorf("nothing was copied: %w", err)
	}
	return f.report(cmd.OutOrStdout(), target, from, to, copied)
}

func (f stateCopy) target() store.Config {
	log := slog.New(slog.DiscardHandler)
	if strings.HasPrefix(f.to, "postgres://") || strings.HasPrefix(f.to, "postgresql://") {
		return store.Config{Postgres: &store.Postgres{URL: f.to, PasswordFile: f.passwordFile}, Log: log}
	}
	return store.Config{File: f.to, Log: log}
}

func (f stateCopy) report(w io.Writer, target store.Config, from, to *store.Store, copied []store.Copied) error {
	if f.output == "json" {
		rows := map[string]int64{}
		for _, c := range copied {
			rows[c.Table] = c.Rows
		}
		return json.NewEncoder(w).Encode(map[string]any{"from": from.String(), "to": to.String(), "rows": rows})
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "TABLE\tROWS")
	for _, c := range copied {
		fmt.Fprintf(t, "%s\t%d\n", c.Table, c.Rows)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nThe state is in the %s now, as it was in the %s.\n", to, from)
	if p := target.Postgres; p != nil {
		fmt.Fprintf(w, "Let the configuration say so before the server starts again:\n\n  state:\n    postgres:\n      url: %s\n", p.URL)
		if p.PasswordFile != "" {
			fmt.Fprintf(w, "      password_file: %s\n", p.PasswordFile)
		}
		return nil
	}
	_, err := fmt.Fprintf(w, "A server without state.postgres in its configuration uses %s in its data directory.\n", stateFile)
	return err
}
