package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/client/agent"
	"github.com/sallyport/sallyport/client/program"
)

// listedResource is a resource as `sally ls -o json` prints it.
type listedResource struct {
	client.Resource
	LocalPort int    `json:"local_port"` // the one in use, or the one that it would have
	Connected bool   `json:"connected"`
	URL       string `json:"url,omitempty"` // while it is connected
}

func newLsCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "ls [FILTER...]",
		Short: "List the resources that you may open",
		Long: `List the resources that you may open, all or those that fit every filter: a part of the name, the protocol, or a
label as key=value. The first of its accounts is the one that you get where you name none.`,
		Example: `  sally ls
  sally ls orders env=prod
  sally ls ssh
  sally ls postgres -o json`,
		RunE: func(cmd *cobra.Command, filters []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			p, err := presentProfile(cmd.Context())
			if err != nil {
				return err
			}
			resources, err := ownResources(cmd.Context(), p)
			if err != nil {
				return err
			}
			listed := listResources(resources, filters, agentLines(cmd.Context(), p.Name))
			if output == "json" {
				return printJSON(cmd.OutOrStdout(), listed)
			}
			if slices.ContainsFunc(listed, func(r listedResource) bool { return r.Protocol == program.SSH }) {
				fmt.Fprintln(cmd.ErrOrStderr(), "Servers: sally ssh NAME; for scp, sftp, rsync, git and others: sally ssh-config --install")
			}
			if len(listed) == 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), nothingListed(filters))
				return nil
			}
			return printResources(cmd.OutOrStdout(), listed)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func nothingListed(filters []string) string {
	if len(filters) > 0 {
		return "None of the resources that you may open fits; sally ls lists all of them."
	}
	return "There is no resource that you may open; ask your admin for a role, or: sally access request NAME --reason ..."
}

func listResources(resources []client.Resource, filters []string, lines []agent.Line) []listedResource {
	listed := []listedResource{}
	for _, r := range resources {
		if !fits(r, filters) {
			continue
		}
		one := listedResource{Resource: r, LocalPort: r.LocalPort()}
		for _, l := range lines {
			if l.Name == r.Name && l.Port != 0 {
				one.LocalPort, one.Connected, one.URL = l.Port, true, l.URL
			}
		}
		listed = append(listed, one)
	}
	return listed
}

// fits says whether a resource fits every filter.
func fits(r client.Resource, filters []string) bool {
	for _, filter := range filters {
		key, value, isLabel := strings.Cut(filter, "=")
		switch {
		case isLabel && r.Labels[key] == value && value != "":
		case !isLabel && (strings.Contains(r.Name, filter) || r.Protocol == filter):
		default:
			return false
		}
	}
	return true
}

func printResources(out io.Writer, resources []listedResource) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tPROTOCOL\tDATABASE\tACCOUNTS\tLOCAL PORT\tLABELS")
	for _, r := range resources {
		port := strconv.Itoa(r.LocalPort)
		if r.Connected {
			port += " connected"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, r.Protocol, r.Database, joinList(r.Accounts), port, joinMap(r.Labels))
	}
	return w.Flush()
}
