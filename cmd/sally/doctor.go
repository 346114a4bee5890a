package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/client/doctor"
)

func newDoctorCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what keeps you from connecting, and what to do about it",
		Long: `Say what keeps you from connecting, and what to do about it: the way to the server and its gateways, clocks,
certificates, your sign-in, the agent and its ports, client programs, keyring and completion.

The exit status is 1 when something is wrong; a note is nothing that keeps you from connecting.`,
		Example: "  sally doctor\n  sally doctor -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			store, err := client.OpenStore()
			if err != nil {
				return err
			}
			patient := doctor.Patient{Store: store, Keyring: client.SystemKeyring(), Version: version, Now: time.Now}
			findings := patient.Examine(cmd.Context())
			if output == "json" {
				err = printJSON(cmd.OutOrStdout(), findings)
			} else {
				err = printFindings(cmd, findings)
			}
			if err == nil && slices.ContainsFunc(findings, func(f doctor.Finding) bool { return f.Verdict == doctor.Wrong }) {
				err = errors.New("something is wrong")
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func printFindings(cmd *cobra.Command, findings []doctor.Finding) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, f := range findings {
		fmt.Fprintf(w, "%s\t%s\t%s\n", strings.ToUpper(string(f.Verdict)), f.Check, f.Finding)
		if f.Do != "" {
			fmt.Fprintf(w, "\t\t-> %s\n", f.Do)
		}
	}
	return w.Flush()
}
