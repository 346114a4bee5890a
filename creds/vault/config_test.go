package vault_test

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/creds/vault"
)

func TestConfigIsValidated(t *testing.T) {
	t.Parallel()
	const address = "https://vault.internal:8200"
	for name, test := range map[string]struct {
		config vault.Config
		want   string // the key that is named; empty when all is well
	}{
		"token":               {vault.Config{Address: address}, ""},
		"approle":             {vault.Config{Address: address, Auth: vault.Auth{Method: vault.AppRole, RoleID: "r", SecretIDFile: "f"}}, ""},
		"nothing":             {vault.Config{}, "address:"},
		"no scheme":           {vault.Config{Address: "vault:8200"}, "address:"},
		"other scheme":        {vault.Config{Address: "ftp://vault"}, "address:"},
		"password in address": {vault.Config{Address: "https://u:S3kr1t@vault"}, "address:"},
		"negative timeout":    {vault.Config{Address: address, Timeout: -1}, "timeout:"},
		"unknown method":      {vault.Config{Address: address, Auth: vault.Auth{Method: "ldap"}}, "auth.method:"},
		"method forgotten":    {vault.Config{Address: address, Auth: vault.Auth{RoleID: "r"}}, "auth.method:"},
		"no role id":          {vault.Config{Address: address, Auth: vault.Auth{Method: vault.AppRole, SecretIDFile: "f"}}, "auth.role_id:"},
		"no secret id":        {vault.Config{Address: address, Auth: vault.Auth{Method: vault.AppRole, RoleID: "r"}}, "auth.secret_id_file:"},
		"both":                {vault.Config{Address: address, Auth: vault.Auth{Method: vault.AppRole, RoleID: "r", SecretIDFile: "f", TokenFile: "t"}}, "auth.token_file:"},
	} {
		err := test.config.Validate()
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: got %v; want an error that names %s", name, err, test.want)
		case err != nil && strings.Contains(err.Error(), "S3kr1t"):
			t.Errorf("%s: the error shows a password: %v", name, err)
		}
	}
	_, err := vault.New(vault.Config{Address: address, CAFile: "/nonexistent"}, "", discard())
	if err == nil {
		t.Error("a missing ca_file is no error at start")
	}
}
