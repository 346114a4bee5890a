package admin

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
)

const (
	// maxCondition bounds a role's durations: longer ones are slips of the pen.
	maxCondition = 366 * 24 * time.Hour
	// maxApprovals is how many different people a rule may ask for.
	maxApprovals = 10
)

var (
	weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	// clockTimes are from 00:00 to 23:59; only a window's end may be 24:00 as well.
	clockTimes = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
	// tablePatterns are [SCHEMA.]NAME, /PATH or HOST:PORT, columnPatterns [[SCHEMA.]TABLE.]COLUMN, with * for any characters.
	tablePatterns  = regexp.MustCompile(`^[^\s.]+(\.[^\s.]+)?$|^[^[:cntrl:]]*[/:][^[:cntrl:]]*$`)
	columnPatterns = regexp.MustCompile(`^[^\s.]+(\.[^\s.]+){0,2}$`)
)

// prepareConditions checks the conditions of a role and brings them into their one form.
func prepareConditions(snap *snapshot, r *access.Role) error {
	for _, check := range []func() error{
		func() error { return prepareStatements(r) },
		func() error { return prepareWindows(r) },
		func() (err error) { r.From, err = networks("from", r.From); return err },
		func() error { return checkCondition("max_session", r.MaxSession) },
		func() error { return checkCondition("mfa", r.MFA) },
		func() error { return prepareRequestRule(snap, r) },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func checkCondition(field string, d access.Duration) error {
	switch {
	case d < 0:
		return invalid(field, "%s is a time such as 8h or 90m, above zero; leave it out for none", field)
	case d > 0 && d < access.Duration(time.Second):
		return invalid(field, "%s is a second at least", field)
	case d > access.Duration(maxCondition):
		return invalid(field, "%s is 366 days (8784h) at most", field)
	}
	return nil
}

// prepareStatements makes rules that restrict nothing nil.
func prepareStatements(r *access.Role) error {
	rules := r.Statements
	if rules == nil {
		return nil
	}
	for i, class := range rules.Classes {
		if rules.Classes[i] = strings.ToLower(class); !slices.Contains(statementClasses, rules.Classes[i]) {
			return invalid("statements.classes", "%q is no class of statements; the classes are %s", class, strings.Join(statementClasses, ", "))
		}
	}
	var err error
	if rules.Classes, err = uniqueNames("statements.classes", rules.Classes); err != nil {
		return err
	}
	for _, l := range []struct {
		field, form string
		pattern     *regexp.Regexp
		list        *[]string
	}{
		{"statements.tables", "TABLE, SCHEMA.TABLE, /PATH or HOST:PORT", tablePatterns, &rules.Tables},
		{"statements.deny_tables", "TABLE, SCHEMA.TABLE, /PATH or HOST:PORT", tablePatterns, &rules.DenyTables},
		{"statements.deny_columns", "COLUMN, TABLE.COLUMN or SCHEMA.TABLE.COLUMN", columnPatterns, &rules.DenyColumns},
	} {
		if *l.list, err = uniqueNames(l.field, *l.list); err != nil {
			return err
		}
		for _, p := range *l.list {
			if !l.pattern.MatchString(p) {
				return invalid(l.field, "%q is no pattern; write %s, with * for any characters", p, l.form)
			}
		}
	}
	if rules.MaxRows < 0 {
		return invalid("statements.max_rows", "max_rows is a number of rows above zero; leave it out for no limit")
	}
	if len(rules.Classes)+len(rules.Tables)+len(rules.DenyTables)+len(rules.DenyColumns) == 0 && !rules.RequireWhere && rules.MaxRows == 0 {
		r.Statements = nil
	}
	return nil
}

// prepareWindows puts days into the order of the week.
func prepareWindows(r *access.Role) error {
	if len(r.When) == 0 {
		r.When = nil
	}
	for i := range r.When {
		w := &r.When[i]
		for j, day := range w.Days {
			if w.Days[j] = strings.ToLower(day); !slices.Contains(weekdays, w.Days[j]) {
				return invalid("when", "%q is no day; the days are %s", day, strings.Join(weekdays, ", "))
			}
		}
		slices.SortFunc(w.Days, func(a, b string) int { return slices.Index(weekdays, a) - slices.Index(weekdays, b) })
		if w.Days = slices.Compact(w.Days); len(w.Days) == 0 {
			w.Days = nil
		}
		if !clockTimes.MatchString(w.From) {
			return invalid("when", "%q is no time of the day; write HH:MM, such as 09:00", w.From)
		}
		if !clockTimes.MatchString(w.To) && w.To != "24:00" {
			return invalid("when", "%q is no time of the day; write HH:MM, such as 17:30, or 24:00", w.To)
		}
		if w.From == w.To {
			return invalid("when", "the window from %s to %s is empty; for the whole day write 00:00-24:00", w.From, w.To)
		}
		if w.Zone == "Local" {
			return invalid("when", "name the time zone, such as Europe/Berlin: gateways may stand in several")
		}
		if _, err := time.LoadLocation(w.Zone); err != nil {
			return invalid("when", "there is no time zone %q; write one such as Europe/Berlin or America/New_York, or none for UTC", w.Zone)
		}
	}
	return nil
}

func prepareRequestRule(snap *snapshot, r *access.Role) error {
	rule := r.Request
	if rule == nil {
		return nil
	}
	var err error
	if rule.Approvers, err = uniqueNames("request.approvers", rule.Approvers); err != nil {
		return err
	}
	for _, approver := range rule.Approvers {
		if _, ok := snap.Roles[approver]; !ok && approver != r.Name {
			return invalid("request.approvers", "there is no role %q whose holders could approve; add it first", approver)
		}
	}
	if rule.Approvals < 0 || rule.Approvals > maxApprovals {
		return invalid("request.approvals", "between 0 and %d people approve; 0 means that a reason is enough", maxApprovals)
	}
	if rule.Approvals > 0 && len(rule.Approvers) == 0 {
		return invalid("request.approvers", "name the roles whose holders approve, or ask for no approvals")
	}
	if rule.Approvals == 0 && len(rule.Approvers) > 0 {
		return invalid("request.approvals", "say how many of %s must approve, such as 1; with 0 nobody is asked", strings.Join(rule.Approvers, ", "))
	}
	return checkCondition("request.max", rule.Max)
}
