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
	passphrase  struct{ stdin, prompt bool }
}

func (s *secretFlags) register(fs *pflag.FlagSet) {
	fs.BoolVar(&s.stdin, "password-stdin", false, "read the password from standard input")
	fs.BoolVar(&s.prompt, "password-prompt", false, "ask for the password on the terminal")
	fs.StringVar(&s.certificate, "certificate", "", "file with a client certificate, PEM, or with an SSH certificate")
	fs.StringVar(&s.key, "key", "", "file with its key, PEM, or with an SSH key")
	fs.BoolVar(&s.passphrase.stdin, "passphrase-stdin", false, "read the SSH key's passphrase from standard input; the key is kept without it")
	fs.BoolVar(&s.passphrase.prompt, "passphrase-prompt", false, "ask for the SSH key's passphrase on the terminal")
}

func newAdminCredentials(f *adminFlags) *cobra.Command {
	var secret secretFlags
	n := &adminNoun[access.Credential]{
		one: "credential", many: "credentials",
		long: `Credentials open accounts at resources. A sealed one is kept here, encrypted; its value can be set and never read. One
from Vault (or OpenBao) is fetched for each session.

For SSH servers a sealed one is a password or a key; with --engine ssh-ca nothing is kept, and each session gets a certificate of
a few minutes, signed by the authority of which "sally admin ssh-ca" shows the public key. Vault's SSH engine signs such certificates with
--engine ssh, and makes one-time passwords with --engine ssh-otp.`,
		example: `  printf %s "$PASSWORD" | sally admin credentials add orders-app --source sealed --username app --password-stdin
  sally admin credentials add orders-ro --source vault --engine kv --mount secret --path orders/readonly
  sally admin credentials add orders-dyn --source vault --engine database --mount database --path orders-app
  sally admin credentials add web-key --username deploy --key ~/.ssh/deploy --passphrase-prompt
  sally admin credentials add web-login --engine ssh-ca
  sally admin credentials add web-signed --source vault --engine ssh --path ops`,
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
	fs.String("engine", "", "vault: kv, database, ssh or ssh-otp; sealed: ssh-ca, or none")
	fs.String("mount", "", "vault: the engine's mount; default secret for kv, database for database, ssh for ssh and ssh-otp")
	fs.String("path", "", "vault: the secret's path below the mount for kv, the role's name for the others")
	fs.String("username", "", "login at the store, where the source holds the password alone; for certificates the principal, default the account")
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
	if s.stdin && s.passphrase.stdin {
		return errors.New("standard input holds one secret: give --password-stdin or --passphrase-stdin, not both")
	}
	for _, one := range []struct {
		name          string
		stdin, prompt bool
	}{{"password", s.stdin, s.prompt}, {"passphrase", s.passphrase.stdin, s.passphrase.prompt}} {
		secret, err := askOnce(cmd, one.name, one.stdin, one.prompt)
		if err != nil {
			return err
		}
		if secret != "" {
			in[one.name] = secret
		}
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

// askOnce reads a secret whole from standard input, and drops one line end, or asks for it on the terminal.
func askOnce(cmd *cobra.Command, name string, stdin, prompt bool) (string, error) {
	switch {
	case stdin && prompt:
		return "", fmt.Errorf("give --%s-stdin or --%s-prompt, not both", name, name)
	case stdin:
		b, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxPassword+1))
		if err != nil {
			return "", fmt.Errorf("read %s: %w", name, err)
		}
		if len(b) > maxPassword {
			return "", fmt.Errorf("the %s is longer than %d bytes", name, maxPassword)
		}
		secret := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
		if secret == "" {
			return "", fmt.Errorf("standard input holds no %s", name)
		}
		return secret, nil
	case prompt:
		return askSecret(cmd, os.Stdin, strings.ToUpper(name[:1])+name[1:]+": ")
	}
	return "", nil
}
