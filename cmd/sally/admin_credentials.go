package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sallyport/sallyport/access"
)

// maxPassword bounds what is read as a password, in bytes.
const maxPassword = 64 << 10

// secretFlags say where a sealed credential's value comes from. A value is never a flag's: flags are in process lists.
type secretFlags struct {
	stdin       bool
	prompt      bool
	certificate string
	key         string
}

func (s *secretFlags) register(fs *pflag.FlagSet) {
	fs.BoolVar(&s.stdin, "password-stdin", false, "read the password from standard input")
	fs.BoolVar(&s.prompt, "password-prompt", false, "ask for the password on the terminal")
	fs.StringVar(&s.certificate, "certificate", "", "file with a client certificate, PEM")
	fs.StringVar(&s.key, "key", "", "file with its key, PEM")
}

func newAdminCredentials(f *adminFlags) *cobra.Command {
	var secret secretFlags
	n := &adminNoun[access.Credential]{
		one: "credential", many: "credentials",
		long: `Credentials open accounts at resources. A sealed one is kept here, encrypted; its value can be set and never read. One
from Vault (or OpenBao) is fetched for each session.`,
		example: `  printf %s "$PASSWORD" | sally admin credentials add orders-app --source sealed --username app --password-stdin
  sally admin credentials add orders-ro --source vault --engine kv --mount secret --path orders/readonly
  sally admin credentials add orders-dyn --source vault --engine database --mount database --path orders-app`,
		head: []string{"NAME", "SOURCE", "ENGINE", "MOUNT", "PATH", "USERNAME"},
		row: func(c access.Credential) []string {
			return []string{c.Name, c.Source, c.Engine, c.Mount, c.Path, c.Username}
		},
		fresh: func(name string) access.Credential { return access.Credential{Name: name, Source: "sealed"} },
		flags: func(fs *pflag.FlagSet) func(*access.Credential) error {
			secret.register(fs)
			return credentialFlags(fs)
		},
		after: secret.send,
	}
	return n.command(f)
}

func credentialFlags(fs *pflag.FlagSet) func(*access.Credential) error {
	fs.String("source", "sealed", "sealed or vault")
	fs.String("engine", "", "vault: kv or database")
	fs.String("mount", "", "vault: the engine's mount; default secret for kv, database for database")
	fs.String("path", "", "vault: the secret's path below the mount for kv, the role's name for database")
	fs.String("username", "", "login at the store, where the source holds the password alone")
	return func(c *access.Credential) error {
		takeText(fs, "source", &c.Source)
		takeText(fs, "engine", &c.Engine)
		takeText(fs, "mount", &c.Mount)
		takeText(fs, "path", &c.Path)
		takeText(fs, "username", &c.Username)
		return nil
	}
}

// send sets the credential's value if the flags give one.
func (s *secretFlags) send(cmd *cobra.Command, c *apiClient, name string) error {
	in := map[string]string{}
	password, err := s.password(cmd)
	if err != nil {
		return err
	}
	if password != "" {
		in["password"] = password
	}
	for member, file := range map[string]string{"certificate": s.certificate, "key": s.key} {
		if file == "" {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read %s: %w", member, err)
		}
		in[member] = string(b)
	}
	if len(in) == 0 {
		return nil
	}
	if user := cmd.Flags().Lookup("username").Value.String(); user != "" {
		in["username"] = user
	}
	if err := c.do(cmd.Context(), http.MethodPut, "/credentials/"+escapeName(name)+"/secret", in, nil); err != nil {
		return fmt.Errorf("set the value of credential %s: %w", name, err)
	}
	return nil
}

// password reads it whole and drops one line end.
func (s *secretFlags) password(cmd *cobra.Command) (string, error) {
	switch {
	case s.stdin && s.prompt:
		return "", errors.New("give --password-stdin or --password-prompt, not both")
	case s.stdin:
		b, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxPassword+1))
		if err != nil {
			return "", fmt.Errorf("read password: %w", err)
		}
		if len(b) > maxPassword {
			return "", fmt.Errorf("the password is longer than %d bytes", maxPassword)
		}
		password := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
		if password == "" {
			return "", errors.New("standard input holds no password")
		}
		return password, nil
	case s.prompt:
		return askSecret(cmd, os.Stdin, "Password: ")
	}
	return "", nil
}
