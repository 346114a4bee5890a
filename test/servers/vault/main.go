// Command vault is HashiCorp Vault for the tests: the real server, without the cloud key services and cloud
// discovery that no test needs (see stubs). It is built by scripts/build-vault.sh and never linked into Sallyport.
package main

import (
	"os"

	"github.com/hashicorp/vault/command"
)

func main() { os.Exit(command.Run(os.Args[1:])) }
