package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/client"
)

// accessFlags are what the access commands share.
type accessFlags struct {
	output string
}

// accessRequest is a request as the API tells it.
type accessRequest struct {
	access.Request
	MayDecide bool `json:"may_decide"`
	Active    bool `json:"active"`
}

// newAccessCommand is `sally access`.
func newAccessCommand() *cobra.Command {
	var f accessFlags
	cmd := &cobra.Command{
		Use:   "access",
		Short: "Ask for access for a time, and decide on what others ask for",
		Long: `Asks for access that you do not hold all the time, and decides on what others ask for. Who approves is said by the
role that is asked for. The grant begins with the last approval, and sessions end with it.

What you may open already, sally ls shows.`,
		Example: `  sally access request orders-db --for 2h --reason "refund 1234 is stuck" --wait
  sally access list
  sally access approve bq3gk7f6xyz2w4ma --comment "go ahead"`,
	}
	cmd.PersistentFlags().StringVarP(&f.output, "output", "o", "table", "table or json")
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error {
		return checkOutput(f.output)
	}
	cmd.AddCommand(newAccessRequest(&f), newAccessList(&f), newAccessShow(&f),
		newAccessDecision(&f, "approve", "Approve somebody's request", "approved"), newAccessDecision(&f, "deny", "Deny somebody's request", "denied"),
		newAccessWithdraw(&f))
	return cmd
}

// asPerson gives the API as the person who is signed in on this machine. It renews their sign-in when that is due.
func asPerson() (*client.API, error) {
	p, err := client.LoadProfile()
	if err != nil {
		return nil, err
	}
	return p.API()
}

const requestsPath = "/api/v1/requests"

func requestPath(id, verb string) string {
	path := requestsPath + "/" + url.PathEscape(id)
	if verb != "" {
		path += "/" + verb
	}
	return path
}

func newAccessRequest(f *accessFlags) *cobra.Command {
	var in struct {
		Resource string          `json:"resource,omitempty"`
		Role     string          `json:"role,omitempty"`
		Account  string          `json:"account,omitempty"`
		Reason   string          `json:"reason"`
		Duration access.Duration `json:"duration,omitempty"`
	}
	var period time.Duration
	var wait bool
	cmd := &cobra.Command{
		Use: "request [RESOURCE]", Short: "Ask for access to a resource, or for a role, for a time",
		Long: `Asks for access. Without --role it is the only role that you may ask for and that gives the resource; where there are
several, the answer names them. With --role alone it is all that the role gives.

With --wait the command ends once the request is decided: with status 0 when you have access, 3 when it was denied, 4
when it lapsed or was withdrawn.`,
		Example: `  sally access request orders-db --reason "refund 1234 is stuck"
  sally access request orders-db --for 2h --reason "migration" --account app --wait && psql ...
  sally access request --role on-call --for 8h --reason "night shift"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				in.Resource = args[0]
			}
			if in.Resource == "" && in.Role == "" {
				return errors.New("name a resource, or a role with --role; what you may open already: sally ls")
			}
			if strings.TrimSpace(in.Reason) == "" {
				return errors.New("say why you need it, with --reason; who approves reads it")
			}
			in.Duration = access.Duration(period)
			api, err := asPerson()
			if err != nil {
				return err
			}
			defer api.Close()
			var r accessRequest
			if err := api.Call(cmd.Context(), http.MethodPost, requestsPath, in, &r); err != nil {
				return err
			}
			if wait && r.Status == access.Pending {
				fmt.Fprintln(cmd.ErrOrStderr(), requestSentence(&r))
				if r, err = awaitDecision(cmd.Context(), api, r); err != nil {
					return err
				}
			}
			if err := f.print(cmd.OutOrStdout(), &r); err != nil || !wait {
				return err
			}
			return outcome(&r)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&in.Role, "role", "", "the role to ask for, where several would do")
	fs.StringVar(&in.Account, "account", "", "only this account at the resource")
	fs.StringVar(&in.Reason, "reason", "", "why you need it; who approves reads it, and it is in the record")
	fs.DurationVar(&period, "for", 0, "for how long, such as 2h or 30m; default 1h, or less where the role gives less")
	fs.BoolVar(&wait, "wait", false, "end only when the request is decided")
	return cmd
}

// awaitDecision asks again until the request is no longer pending. A server that does not answer for a moment does not
// end the wait; the request goes on without us either way.
func awaitDecision(ctx context.Context, api *client.API, r accessRequest) (accessRequest, error) {
	const every = 2 * time.Second
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for r.Status == access.Pending {
		select {
		case <-ctx.Done():
			return r, fmt.Errorf("the request is still pending; look again with: sally access show %s", r.ID)
		case <-ticker.C:
		}
		var next accessRequest
		err := api.Call(ctx, http.MethodGet, requestPath(r.ID, ""), nil, &next)
		var refused *client.APIError
		switch {
		case err == nil:
			r = next
		case errors.As(err, &refused) && refused.Status < http.StatusInternalServerError && refused.Status != http.StatusTooManyRequests:
			return r, err
		}
	}
	return r, nil
}

// exitStatus is an error that ends the program with a status of its own and has been told already.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// The exit statuses of a request that did not lead to access.
const (
	exitDenied exitStatus = 3
	exitLapsed exitStatus = 4
)

func outcome(r *accessRequest) error {
	switch r.Status {
	case access.Approved:
		return nil
	case access.Denied:
		return exitDenied
	}
	return exitLapsed
}

func newAccessList(f *accessFlags) *cobra.Command {
	var scope, status string
	var every bool
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List your requests, and those that you may decide on", Args: cobra.NoArgs,
		Long: `Lists requests, newest first: your own, and those that you may decide on. Without a flag, those that are pending or
whose grant still runs; auditors and admins see everybody's.`,
		Example: "  sally access list\n  sally access list --to-decide\n  sally access list --mine --all",
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{"limit": {"1000"}}
			if status != "" {
				query.Set("status", status)
			}
			for name, value := range map[string]string{"mine": "mine", "to-decide": "to_decide"} {
				if cmd.Flags().Changed(name) {
					scope = value
				}
			}
			if scope != "" {
				query.Set("scope", scope)
			}
			api, err := asPerson()
			if err != nil {
				return err
			}
			defer api.Close()
			var items []accessRequest
			for next := ""; ; {
				if next != "" {
					query.Set("cursor", next)
				}
				var p page[accessRequest]
				if err := api.Call(cmd.Context(), http.MethodGet, requestsPath+"?"+query.Encode(), nil, &p); err != nil {
					return err
				}
				for _, r := range p.Items {
					if every || status != "" || r.Status == access.Pending || r.Active {
						items = append(items, r)
					}
				}
				if next = p.Next; next == "" {
					break
				}
			}
			return printRequests(cmd.OutOrStdout(), f.output, items)
		},
	}
	fs := cmd.Flags()
	fs.Bool("mine", false, "only your own")
	fs.Bool("to-decide", false, "only those that you may decide on now")
	fs.StringVar(&status, "status", "", "only pending, approved, denied, withdrawn or expired ones")
	fs.BoolVar(&every, "all", false, "those that are over, too")
	cmd.MarkFlagsMutuallyExclusive("mine", "to-decide")
	return cmd
}

func printRequests(out io.Writer, output string, items []accessRequest) error {
	if output == "json" {
		return printJSON(out, append([]accessRequest{}, items...))
	}
	rows := make([][]string, len(items))
	for i := range items {
		r := &items[i]
		rows[i] = []string{r.ID, standing(r), r.User, cmp.Or(r.Resource, "*"), r.Role, r.Duration.String(), localTime(r.Created), r.Reason}
	}
	return printTable(out, []string{"ID", "STATUS", "USER", "RESOURCE", "ROLE", "FOR", "ASKED", "REASON"}, rows)
}

// standing is the request's status in a few words.
func standing(r *accessRequest) string {
	switch {
	case r.Status == access.Pending && r.MayDecide:
		return "pending: yours to decide"
	case r.Status == access.Pending && r.Approvals > 1:
		return fmt.Sprintf("pending (%d of %d)", r.Approved(), r.Approvals)
	case r.Status == access.Approved && r.Active:
		return "until " + localTime(r.Until)
	case r.Status == access.Approved:
		return "ended"
	}
	return string(r.Status)
}

func newAccessShow(f *accessFlags) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a request", Args: cobra.ExactArgs(1), Example: "  sally access show bq3gk7f6xyz2w4ma",
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.call(cmd, http.MethodGet, requestPath(args[0], ""), nil, printRequest)
		},
	}
}

func newAccessDecision(f *accessFlags, verb, short, did string) *cobra.Command {
	var in struct {
		Comment string `json:"comment,omitempty"`
	}
	cmd := &cobra.Command{
		Use: verb + " ID", Short: short, Args: cobra.ExactArgs(1),
		Example: fmt.Sprintf("  sally access %s bq3gk7f6xyz2w4ma --comment \"...\"", verb),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.call(cmd, http.MethodPost, requestPath(args[0], verb), in, func(out io.Writer, r *accessRequest) error {
				_, err := fmt.Fprintf(out, "%s; %s\n", did, requestSentence(r))
				return err
			})
		},
	}
	cmd.Flags().StringVar(&in.Comment, "comment", "", "a word to who asked; it is in the record")
	return cmd
}

func newAccessWithdraw(f *accessFlags) *cobra.Command {
	return &cobra.Command{
		Use: "withdraw ID", Short: "Withdraw a pending request of yours", Args: cobra.ExactArgs(1),
		Example: "  sally access withdraw bq3gk7f6xyz2w4ma",
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.call(cmd, http.MethodPost, requestPath(args[0], "withdraw"), nil, func(out io.Writer, r *accessRequest) error {
				_, err := fmt.Fprintf(out, "request %s withdrawn\n", plainCell(r.ID))
				return err
			})
		},
	}
}

// call makes one call about one request and prints what came of it.
func (f *accessFlags) call(cmd *cobra.Command, method, path string, in any, print func(io.Writer, *accessRequest) error) error {
	api, err := asPerson()
	if err != nil {
		return err
	}
	defer api.Close()
	var r accessRequest
	if err := api.Call(cmd.Context(), method, path, in, &r); err != nil {
		return err
	}
	if f.output == "json" {
		return printJSON(cmd.OutOrStdout(), r)
	}
	return print(cmd.OutOrStdout(), &r)
}

func (f *accessFlags) print(out io.Writer, r *accessRequest) error {
	if f.output == "json" {
		return printJSON(out, r)
	}
	_, err := fmt.Fprintln(out, requestSentence(r))
	return err
}

// requestSentence says where the request stands, and what comes next.
func requestSentence(r *accessRequest) string {
	what := "the role " + plainCell(r.Role)
	if r.Resource != "" {
		what = plainCell(r.Resource) + " by the role " + plainCell(r.Role)
	}
	switch r.Status {
	case access.Approved:
		return fmt.Sprintf("%s has %s until %s", plainCell(r.User), what, localTime(r.Until))
	case access.Denied:
		text := fmt.Sprintf("request %s for %s is denied", r.ID, what)
		if n := len(r.Opinions); n > 0 {
			last := r.Opinions[n-1]
			text += " by " + plainCell(last.By)
			if last.Comment != "" {
				text += ": " + plainCell(last.Comment)
			}
		}
		return text
	case access.Pending:
		left := r.Approvals - r.Approved()
		return fmt.Sprintf("request %s for %s waits for %d of %s to approve it, until %s", plainCell(r.ID), what, left,
			plainCell(strings.Join(r.Approvers, ", ")), localTime(r.Expires))
	}
	return fmt.Sprintf("request %s for %s is %s", plainCell(r.ID), what, r.Status)
}

func printRequest(out io.Writer, r *accessRequest) error {
	row := []string{r.ID, standing(r), r.User, r.Resource, r.Role, r.Account, r.Duration.String(), r.Reason, localTime(r.Created), ""}
	if r.Status == access.Pending {
		row[9] = localTime(r.Expires)
	}
	if err := printPairs(out, []string{"ID", "STATUS", "USER", "RESOURCE", "ROLE", "ACCOUNT", "FOR", "REASON", "ASKED", "LAPSES"}, row); err != nil {
		return err
	}
	for _, o := range r.Opinions {
		word := "denied"
		if o.Approve {
			word = "approved"
		}
		if _, err := fmt.Fprintf(out, "%s  %s by %s  %s\n", localTime(o.At), word, plainCell(o.By), plainCell(o.Comment)); err != nil {
			return err
		}
	}
	return nil
}
