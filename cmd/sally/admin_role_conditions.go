package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/sallyport/sallyport/access"
)

// roleConditionFlags adds the flags for a role's conditions. An empty value takes a condition away.
func roleConditionFlags(fs *pflag.FlagSet) func(*access.Role) error {
	statements := statementFlags(fs)
	when := fs.StringArray("when", nil, `times of the week, such as "mon-fri 09:00-17:00 Europe/Berlin" (repeat)`)
	from := fs.StringSlice("from", nil, "network from which clients may come, such as 10.0.0.0/8 (repeat)")
	fs.Duration("max-session", 0, "how long a session may last, such as 8h; 0: without a limit")
	fs.Duration("mfa", 0, "how long ago at most a passkey was used, such as 1h; 0: none is asked for")
	request := requestFlags(fs)
	return func(r *access.Role) error {
		if err := statements(r); err != nil {
			return err
		}
		if fs.Changed("when") {
			r.When = nil
			for _, text := range *when {
				if text == "" {
					continue
				}
				w, err := parseWindow(text)
				if err != nil {
					return fmt.Errorf("--when: %w", err)
				}
				r.When = append(r.When, w)
			}
		}
		takeList(fs, "from", *from, true, &r.From)
		if err := takeDuration(fs, "max-session", &r.MaxSession); err != nil {
			return err
		}
		if err := takeDuration(fs, "mfa", &r.MFA); err != nil {
			return err
		}
		return request(r)
	}
}

func statementFlags(fs *pflag.FlagSet) func(*access.Role) error {
	classes := fs.StringSlice("class", nil, "class of statements that may run: read, write, ddl, admin, other; over SSH also shell, exec, "+
		"forward, listen, agent, x11, of which the last four run only where they are named (repeat)")
	tables := fs.StringSlice("table", nil, "table that may be touched, as TABLE or SCHEMA.TABLE, or over SSH /PATH or HOST:PORT, with * for any characters (repeat)")
	denyTables := fs.StringSlice("deny-table", nil, "table, path or HOST:PORT that may not be touched (repeat)")
	denyColumns := fs.StringSlice("deny-column", nil, "column that may not be named, as COLUMN or TABLE.COLUMN (repeat)")
	fs.Bool("require-where", false, "refuse UPDATE and DELETE of a whole table")
	fs.Int64("max-rows", 0, "end statements that return more rows; 0: no limit")
	return func(r *access.Role) error {
		if !slices.ContainsFunc([]string{"class", "table", "deny-table", "deny-column", "require-where", "max-rows"}, fs.Changed) {
			return nil
		}
		rules := access.StatementRules{}
		if r.Statements != nil {
			rules = *r.Statements
		}
		takeList(fs, "class", *classes, true, &rules.Classes)
		takeList(fs, "table", *tables, true, &rules.Tables)
		takeList(fs, "deny-table", *denyTables, true, &rules.DenyTables)
		takeList(fs, "deny-column", *denyColumns, true, &rules.DenyColumns)
		takeBool(fs, "require-where", &rules.RequireWhere)
		if fs.Changed("max-rows") {
			n, err := fs.GetInt64("max-rows")
			if err != nil {
				return err
			}
			rules.MaxRows = n
		}
		r.Statements = &rules
		if len(rules.Classes)+len(rules.Tables)+len(rules.DenyTables)+len(rules.DenyColumns) == 0 && !rules.RequireWhere && rules.MaxRows == 0 {
			r.Statements = nil
		}
		return nil
	}
}

func requestFlags(fs *pflag.FlagSet) func(*access.Role) error {
	fs.Bool("request", false, "the role must be asked for: holding it means that one may; --request=false ends that")
	approvers := fs.StringSlice("approver", nil, "role whose holders approve requests for this one (repeat)")
	fs.Int("approvals", 0, "how many different people must approve; 0: a reason is enough; 1 where --approver is given")
	fs.Duration("max-grant", 0, "the longest that may be asked for, such as 4h; default 8h")
	return func(r *access.Role) error {
		on, err := fs.GetBool("request")
		if err != nil {
			return err
		}
		details := slices.ContainsFunc([]string{"approver", "approvals", "max-grant"}, fs.Changed)
		if fs.Changed("request") && !on {
			r.Request = nil
			if details {
				return fmt.Errorf("--request=false and --approver, --approvals or --max-grant contradict each other")
			}
			return nil
		}
		if !on && !details {
			return nil
		}
		rule := access.RequestRule{}
		if r.Request != nil {
			rule = *r.Request
		} else if !on {
			return fmt.Errorf("--approver, --approvals and --max-grant are for a role that must be asked for; add --request")
		}
		takeList(fs, "approver", *approvers, true, &rule.Approvers)
		if rule.Approvals, err = approvals(fs, &rule); err != nil {
			return err
		}
		r.Request = &rule
		return takeDuration(fs, "max-grant", &rule.Max)
	}
}

// approvals is one where approvers are named for the first time.
func approvals(fs *pflag.FlagSet, rule *access.RequestRule) (int, error) {
	if fs.Changed("approvals") {
		return fs.GetInt("approvals")
	}
	if len(rule.Approvers) > 0 {
		return max(1, rule.Approvals), nil
	}
	return 0, nil
}

func takeDuration(fs *pflag.FlagSet, name string, into *access.Duration) error {
	if !fs.Changed(name) {
		return nil
	}
	d, err := fs.GetDuration(name)
	*into = access.Duration(d)
	return err
}

var (
	week = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	// hours are HH:MM-HH:MM; the server says what is wrong with the times.
	hours = regexp.MustCompile(`^(\d\d:\d\d)-(\d\d:\d\d)$`)
)

// parseWindow reads [DAYS] FROM-TO [ZONE], where DAYS are such as mon-fri,sun.
func parseWindow(text string) (w access.Window, err error) {
	words := strings.Fields(text)
	const form = `"mon-fri 09:00-17:00 Europe/Berlin"`
	at := slices.IndexFunc(words, hours.MatchString)
	if at < 0 || at > 1 || len(words) > at+2 {
		return w, fmt.Errorf("%q is not written like %s; days and zone may be left out", text, form)
	}
	times := hours.FindStringSubmatch(words[at])
	w.From, w.To = times[1], times[2]
	if at == 1 {
		if w.Days, err = parseDays(words[0]); err != nil {
			return w, err
		}
	}
	if len(words) == at+2 {
		w.Zone = words[at+1]
	}
	return w, nil
}

// parseDays reads days and ranges of days, which may go over the weekend.
func parseDays(text string) ([]string, error) {
	var days []string
	for part := range strings.SplitSeq(strings.ToLower(text), ",") {
		first, last, ranged := strings.Cut(part, "-")
		if !ranged {
			last = first
		}
		from, to := slices.Index(week, first), slices.Index(week, last)
		if from < 0 || to < 0 {
			return nil, fmt.Errorf("%q is no day, nor days from one to another; days are %s", part, strings.Join(week, ", "))
		}
		for i := from; ; i = (i + 1) % len(week) {
			days = append(days, week[i])
			if i == to {
				break
			}
		}
	}
	slices.SortFunc(days, func(a, b string) int { return cmp.Compare(slices.Index(week, a), slices.Index(week, b)) })
	return slices.Compact(days), nil
}

// conditions says in one line under which conditions a role gives access.
func conditions(r *access.Role) string {
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if s := r.Statements; s != nil {
		for _, l := range []struct {
			what string
			list []string
		}{{"classes", s.Classes}, {"tables", s.Tables}, {"not tables", s.DenyTables}, {"not columns", s.DenyColumns}} {
			if len(l.list) > 0 {
				say("%s %s", l.what, strings.Join(l.list, " "))
			}
		}
		if s.RequireWhere {
			say("no update or delete without WHERE")
		}
		if s.MaxRows > 0 {
			say("%s rows at most", strconv.FormatInt(s.MaxRows, 10))
		}
	}
	for _, w := range r.When {
		say("%s", windowText(w))
	}
	if len(r.From) > 0 {
		say("from %s", strings.Join(r.From, " "))
	}
	if r.MaxSession > 0 {
		say("sessions of %s", r.MaxSession)
	}
	if r.MFA > 0 {
		say("passkey within %s", r.MFA)
	}
	if rule := r.Request; rule != nil {
		approvals := ""
		if rule.Approvals > 0 {
			approvals = fmt.Sprintf(", %d of %s approve", rule.Approvals, strings.Join(rule.Approvers, " "))
		}
		say("on request, for %s%s", access.Duration(rule.Longest()), approvals)
	}
	return strings.Join(parts, "; ")
}

func windowText(w access.Window) string {
	zone := cmp.Or(w.Zone, time.UTC.String())
	return strings.TrimSpace(fmt.Sprintf("%s %s-%s %s", strings.Join(w.Days, ","), w.From, w.To, zone))
}
