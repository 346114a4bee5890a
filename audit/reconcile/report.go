package reconcile

import "time"

// Kind is what a finding says of a statement.
type Kind string

// The kinds of findings.
const (
	Bypass    Kind = "bypass"    // the store ran it, and the record does not hold it
	Missing   Kind = "missing"   // the record holds it, and the store never logged it
	Undecided Kind = "undecided" // no counterpart was found, and there is a reason why there need not be one
)

// Finding is a statement without a counterpart.
type Finding struct {
	Kind     Kind      `json:"kind"`
	Time     time.Time `json:"time"` // when it began
	User     string    `json:"user,omitempty"`
	Login    string    `json:"login"` // the account at the store
	Database string    `json:"database,omitempty"`
	Host     string    `json:"host,omitempty"` // from where the store was reached
	App      string    `json:"application,omitempty"`
	Session  string    `json:"session,omitempty"` // the store's, or Sallyport's for what is missing
	Class    string    `json:"class,omitempty"`
	Text     string    `json:"text"`
	Reason   string    `json:"reason,omitempty"`
	Event    string    `json:"event,omitempty"` // ID in the record
	Place    *Place    `json:"place,omitempty"` // in the server's log
}

// Matches count statements that both sides hold, by how they were recognised.
type Matches struct {
	Exact    int64 `json:"exact"`
	Redacted int64 `json:"redacted"` // but for what redaction took out
	Expanded int64 `json:"expanded"` // but for parameters, which the log has in their places
	Cut      int64 `json:"cut"`      // by their beginning; the server has cut the rest off
}

// Clock is how far the server's clock was ahead of the gateway's, with the way from one to the other, over matched
// statements.
type Clock struct {
	Median time.Duration `json:"median_ns"`
	Least  time.Duration `json:"least_ns"`
	Most   time.Duration `json:"most_ns"`
}

// Report is the outcome of a reconciliation.
type Report struct {
	Resource string    `json:"resource"`
	Format   Format    `json:"format"`
	From     time.Time `json:"from"` // statements from here on were compared
	To       time.Time `json:"to"`   // to here

	Lines      int64 `json:"lines"`      // of the server's log
	Unreadable int64 `json:"unreadable"` // lines of it that are none
	Logged     int64 `json:"logged"`     // statements in the server's log
	Recorded   int64 `json:"recorded"`   // statements in the record, without those that were refused or only prepared
	Damaged    int64 `json:"damaged"`    // places of the record that cannot be read

	Matched   Matches `json:"matched"`
	Bypassed  int64   `json:"bypassed"`
	Missing   int64   `json:"missing"`
	Undecided int64   `json:"undecided"`
	// Reasons counts what is undecided by reason.
	Reasons map[string]int64 `json:"reasons,omitempty"`
	// Left counts what was not compared: Sallyport's own questions to the store, statements of logins that were
	// excepted, and statements within statements.
	Left map[string]int64 `json:"left,omitempty"`

	Clock    Clock     `json:"clock"`
	Findings []Finding `json:"findings"`
	// Unlisted counts the findings beyond the limit.
	Unlisted int64 `json:"unlisted,omitempty"`
}

// Clean says that every statement on either side has its counterpart.
func (r *Report) Clean() bool { return r.Bypassed == 0 && r.Missing == 0 }
