package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/access"
)

// rehearsal is what is to be tried on the record.
type rehearsal struct {
	Roles          []access.Role   `json:"roles,omitempty"`
	Policies       []access.Policy `json:"policies,omitempty"`
	RemoveRoles    []string        `json:"remove_roles,omitempty"`
	RemovePolicies []string        `json:"remove_policies,omitempty"`
	Query          string          `json:"q,omitempty"`
	From           time.Time       `json:"from,omitzero"`
	To             time.Time       `json:"to,omitzero"`
	Cursor         string          `json:"cursor,omitempty"`
}

// rehearsed is what the change would have made otherwise.
type rehearsed struct {
	Events      int64        `json:"events"`
	Skipped     int64        `json:"skipped,omitempty"`
	Oldest      time.Time    `json:"oldest,omitzero"`
	Differences []difference `json:"differences"`
	More        int64        `json:"more,omitempty"`
	Partial     bool         `json:"partial,omitempty"`
	Next        string       `json:"next,omitempty"`
}

type difference struct {
	Would       string    `json:"would"`
	Of          string    `json:"of"`
	User        string    `json:"user"`
	Resource    string    `json:"resource"`
	Account     string    `json:"account,omitempty"`
	Class       string    `json:"class,omitempty"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Count       int64     `json:"count"`
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
	Sentence    string    `json:"sentence"`
	Event       string    `json:"event"`
	Sample      string    `json:"sample,omitempty"`
}

// key tells kinds of differences apart.
func (d *difference) key() string {
	return strings.Join([]string{d.Would, d.Of, d.User, d.Resource, d.Account, d.Class, d.Fingerprint}, "\x00")
}

func newAccessSimulate(f *adminFlags) *cobra.Command {
	var (
		policies []string
		in       rehearsal
		since    time.Duration
		limit    int64
	)
	cmd := &cobra.Command{
		Use: "simulate [FILE...]", Short: "Say what a change of roles or policies would have allowed or denied",
		Long: `Goes through the record's sessions and statements and decides each twice: by today's state, and by today's state
with the roles and policies of FILE (in the form of sally export) in it. It lists what would turn out otherwise, by
user, resource and shape of statement. Nothing is changed.

Passkeys are taken as just used, since the record does not say when they were; grants that have been dropped count for
neither side. Ctrl-C ends it with what was found so far.`,
		Example: `  sally admin access simulate roles.yaml
  sally admin access simulate --policy no-ddl=no-ddl.cedar --since 168h
  sally admin access simulate --remove-role on-call --query "resource:orders-db"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := gatherRehearsal(&in, args, policies); err != nil {
				return err
			}
			in.To = time.Now()
			in.From = in.To.Add(-since)
			c, err := f.api.client()
			if err != nil {
				return err
			}
			total, err := rehearse(cmd, c, in, limit)
			if err != nil {
				return err
			}
			if f.output == "json" {
				return printJSON(cmd.OutOrStdout(), total)
			}
			return printRehearsed(cmd.OutOrStdout(), total)
		},
	}
	fs := cmd.Flags()
	fs.StringArrayVar(&policies, "policy", nil, "NAME=FILE: a policy as it would be (repeat)")
	fs.StringSliceVar(&in.RemoveRoles, "remove-role", nil, "role that would be gone (repeat)")
	fs.StringSliceVar(&in.RemovePolicies, "remove-policy", nil, "policy that would be gone (repeat)")
	fs.StringVarP(&in.Query, "query", "q", "", "only these events, in the language of sally audit search")
	fs.DurationVar(&since, "since", 30*24*time.Hour, "how far back, such as 168h")
	fs.Int64Var(&limit, "limit", 1_000_000, "events after which it ends with what was found so far")
	return cmd
}

func gatherRehearsal(in *rehearsal, files, policies []string) error {
	if len(files) > 0 {
		document, err := readApplied(os.Stdin, files)
		if err != nil {
			return err
		}
		for kind := range document {
			if kind != "roles" && kind != "policies" {
				return fmt.Errorf("only roles and policies can be tried on the record; %s cannot: take them out of the file", kind)
			}
		}
		roles, rules := map[string]access.Role{}, map[string]access.Policy{}
		if err := errors.Join(named(document["roles"], &roles, func(r *access.Role) string { return r.Name }),
			named(document["policies"], &rules, func(p *access.Policy) string { return p.Name })); err != nil {
			return err
		}
		for _, r := range roles {
			in.Roles = append(in.Roles, r)
		}
		for _, p := range rules {
			in.Policies = append(in.Policies, p)
		}
	}
	for _, pair := range policies {
		name, file, ok := strings.Cut(pair, "=")
		if !ok {
			return fmt.Errorf("--policy %s: write NAME=FILE", pair)
		}
		text, err := readFileOrInput(file)
		if err != nil {
			return err
		}
		in.Policies = append(in.Policies, access.Policy{Name: name, Text: string(text)})
	}
	if len(in.Roles)+len(in.Policies)+len(in.RemoveRoles)+len(in.RemovePolicies) == 0 {
		return errors.New("say what would change: a file with roles or policies, --policy, --remove-role or --remove-policy")
	}
	slices.SortFunc(in.Roles, func(a, b access.Role) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(in.Policies, func(a, b access.Policy) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// rehearse asks for one part of the record after the other, and says how far it is.
func rehearse(cmd *cobra.Command, c *apiClient, in rehearsal, limit int64) (*rehearsed, error) {
	total := &rehearsed{Differences: []difference{}}
	at := map[string]int{}
	for {
		var part rehearsed
		err := c.do(cmd.Context(), http.MethodPost, "/access/simulate", in, &part)
		if cmd.Context().Err() != nil && in.Cursor != "" {
			total.Partial = true
			return total, nil
		}
		if err != nil {
			return nil, err
		}
		total.Events, total.Skipped, total.More = total.Events+part.Events, total.Skipped+part.Skipped, total.More+part.More
		if !part.Oldest.IsZero() {
			total.Oldest = part.Oldest
		}
		for _, d := range part.Differences {
			i, known := at[d.key()]
			if !known {
				at[d.key()] = len(total.Differences)
				total.Differences = append(total.Differences, d)
				continue
			}
			total.Differences[i].Count += d.Count
			total.Differences[i].First = d.First
		}
		if part.Next == "" {
			break
		}
		in.Cursor = part.Next
		if total.Events+total.Skipped >= limit {
			total.Partial = true
			break
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%d events, back to %s\n", total.Events, localTime(total.Oldest))
	}
	slices.SortStableFunc(total.Differences, func(a, b difference) int { return cmp.Compare(b.Count, a.Count) })
	return total, nil
}

func printRehearsed(out io.Writer, r *rehearsed) error {
	rows := make([][]string, len(r.Differences))
	for i, d := range r.Differences {
		what := d.Of
		if d.Sample != "" {
			what = firstWords(d.Sample)
		}
		rows[i] = []string{d.Would, fmt.Sprint(d.Count), d.User, d.Resource, what, localTime(d.Last), d.Sentence}
	}
	if len(rows) > 0 {
		if err := printTable(out, []string{"WOULD BE", "COUNT", "USER", "RESOURCE", "WHAT", "LAST", "THE DENIAL"}, rows); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	summary := fmt.Sprintf("%d sessions and statements looked at, %d kinds would turn out otherwise", r.Events, len(r.Differences))
	if r.Skipped > 0 {
		summary += fmt.Sprintf("; %d not judged: of users or resources that are gone, or texts that cannot be read", r.Skipped)
	}
	if r.More > 0 {
		summary += fmt.Sprintf("; %d more events would, of kinds too many to list", r.More)
	}
	if r.Partial {
		summary += fmt.Sprintf("; not all of the time asked for: only back to %s", localTime(r.Oldest))
	}
	_, err := fmt.Fprintln(out, summary)
	return err
}
