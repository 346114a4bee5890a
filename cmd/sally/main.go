// Command sally is Sallyport: the server, the admin's and the auditor's tools, and the engineer's local client.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	_ "time/tzdata" // rules name time zones, which bare images lack

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "development"

func main() { os.Exit(run()) }

// run gives the exit status.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := newRootCommand().ExecuteContext(ctx)
	var program *exec.ExitError // of a client that ran in our place and has said what is wrong
	var status exitStatus       // of a command that has said how it ended
	switch {
	case err == nil:
		return 0
	case errors.As(err, &program):
		return program.ExitCode()
	case errors.As(err, &status):
		return int(status)
	}
	fmt.Fprintln(os.Stderr, "sally:", inWords(ctx, err))
	return 1
}

// inWords is what a person reads of an error: of one that came of Ctrl-C or SIGTERM, that it did.
func inWords(ctx context.Context, err error) string {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))) {
		return "interrupted"
	}
	return err.Error()
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "sally",
		Short: "Access to databases and servers, without passwords, with everything on the record",
		Long: `Sallyport stands in front of databases and servers. Engineers connect with the clients they already use and
never see a password; every statement is recorded before it runs; security searches that record.

  sally server            run Sallyport, with nothing to set up
  sally login, connect    reach a resource from your machine
  sally admin ...         say who may reach what
  sally audit ...         find out what was done`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newServerCommand(), newGatewayCommand(), newConfigCommand(), newAdminCommand(), newAuditCommand(), newLoginCommand(),
		newLogoutCommand(), newStatusCommand(), newLsCommand(), newConnectCommand(), newPsqlCommand(), newOpenAPICommand(),
		newAgentCommand(), newDisconnectCommand(), newReadyCommand(), newOpenCommand(), newDBCommand(), newDoctorCommand(),
		newUpdateCompletionsCommand(), newAccessCommand(), newApplyCommand(), newExportCommand(), newSSHCommand(),
		newSSHConfigCommand(), newSSHProxyCommand(), newSSHCertCommand(), newSSHKeyCommand(), newReplayCommand())
	explainUsage(root)
	return root
}
