package audit

import (
	"time"
)

// Type says what kind of fact an Event records.
type Type string

// The types of event. Names are stable: they are stored and searched.
const (
	SessionStart    Type = "session.start"    // a person was let through to a resource
	SessionEnd      Type = "session.end"      // that session is over; carries its totals
	SessionDenied   Type = "session.denied"   // a connection was refused; Reason says why
	StatementBegin  Type = "statement"        // a statement, recorded before it goes upstream
	StatementResult Type = "statement.result" // what became of a statement; Of names it
	AdminAct        Type = "admin"            // a change made through the control plane
	// RecordingGrown tells how far the recording of the statement Of goes by now, so that what a crash leaves of it is proven. Like a
	// result it is no row of a search.
	RecordingGrown Type = "recording"
)

// Verdict is what policy said of a statement or a session.
type Verdict string

// The verdicts.
const (
	Allow Verdict = "allow"
	Deny  Verdict = "deny"
)

// Event is one record of the journal. It is flat, and its JSON is stable: a field is added, never renamed.
// Empty fields are left out of the JSON.
type Event struct {
	// Seq is the record's position in its gateway's journal, from 0, without gaps. The journal sets it.
	Seq uint64 `json:"seq"`
	// ID is a UUIDv7 (RFC 9562), unique over all gateways. The journal sets it when it is empty.
	ID string `json:"id"`
	// Time is when the fact was recorded, in UTC, to the microsecond. The journal sets it when it is zero.
	Time time.Time `json:"time"`
	Type Type      `json:"type"`

	Scope

	// Statement is the statement's whole text, byte for byte; it need not be valid UTF-8.
	Statement Text `json:"statement,omitempty"`
	// Command names what carried the statement, in the protocol's own word ("query", "execute", "function call").
	Command string `json:"command,omitempty"`
	// Prepared is the name of the prepared statement that Statement was kept from, if it has one.
	Prepared string `json:"prepared,omitempty"`
	// Class is the statement's class: read, write, ddl, session, transaction, admin or other; prepare for one that was
	// brought to the store without being executed by this record.
	Class string `json:"class,omitempty"`
	// Tables and Columns are what the statement names, as far as a parser could tell.
	Tables  []string `json:"tables,omitempty"`
	Columns []string `json:"columns,omitempty"`
	// Fingerprint is the normalised statement's hash; equal for statements that differ in literals only.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Params are the bind parameters in order.
	Params []Param `json:"params,omitempty"`
	// Redacted names the fields from which a redaction rule took something before it was recorded.
	Redacted []string `json:"redacted,omitempty"`

	Verdict Verdict `json:"verdict,omitempty"`
	// Policy names the role or policy that gave the verdict.
	Policy string `json:"policy,omitempty"`
	// Reason is a sentence: why a session was denied or ended, or a statement refused.
	Reason string `json:"reason,omitempty"`

	// Of is the ID of the statement that a result belongs to; of its scope, a result repeats only gateway and session.
	Of string `json:"of,omitempty"`
	// Done says that the statement's result is known. In the journal only results carry it; a searcher
	// returns a statement with its result merged in.
	Done bool `json:"done,omitempty"`
	// Rows counts rows returned or changed; for a session, those of all its statements.
	Rows int64 `json:"rows,omitempty"`
	// BytesIn and BytesOut count protocol bytes from and to the client.
	BytesIn  int64 `json:"bytes_in,omitempty"`
	BytesOut int64 `json:"bytes_out,omitempty"`
	// Duration is from record to last byte of the answer; FirstRow to its first. Microseconds in JSON.
	Duration Micros `json:"duration_us,omitempty"`
	FirstRow Micros `json:"first_row_us,omitempty"`
	// Tag is the server's own completion word ("SELECT 5"); several are joined by "; ".
	Tag string `json:"tag,omitempty"`
	// ErrorCode is the store's own code (SQLSTATE for PostgreSQL); ErrorMessage its primary message.
	ErrorCode    string `json:"error_code,omitempty"`
	ErrorMessage string `json:"error_message,omitempty"`
	// Recording says how far the recording of a terminal goes, and what it is by its hash.
	Recording *Recording `json:"recording,omitempty"`
	// Statements counts a session's statements; set on SessionEnd.
	Statements int64 `json:"statements,omitempty"`

	// Action, Target, Before and After describe an AdminAct: "users.suspend", "alice@acme.com", and the
	// object's JSON before and after, without secrets.
	Action string `json:"action,omitempty"`
	Target string `json:"target,omitempty"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Scope is what all events of one session share: who, from where, to what, through what. Freeze it once it
// is complete and encoding an event costs a copy.
type Scope struct {
	Gateway string `json:"gateway,omitempty"`
	// Session is a UUIDv7.
	Session string `json:"session,omitempty"`
	// User is the person's or service account's name.
	User       string   `json:"user,omitempty"`
	Groups     []string `json:"groups,omitempty"`
	Role       string   `json:"role,omitempty"`
	ClientAddr string   `json:"client_addr,omitempty"`
	// Entrance is "tunnel", "native" or "api".
	Entrance    string `json:"entrance,omitempty"`
	Application string `json:"application,omitempty"`
	Resource    string `json:"resource,omitempty"`
	Protocol    string `json:"protocol,omitempty"`
	// Account is the account at the store; Login the user name that the credential gave for it.
	Account  string `json:"account,omitempty"`
	Login    string `json:"login,omitempty"`
	Database string `json:"database,omitempty"`
	// Credential names the credential that opened the store; never its value.
	Credential string `json:"credential,omitempty"`

	frozen []byte // the fields above as JSON members, each followed by a comma
}

// Freeze encodes the scope once; later changes to its fields no longer show in encoded events until Freeze
// is called again.
func (s *Scope) Freeze() { s.frozen = s.appendMembers(nil) }

// Recording refers to a recording, which is named by the ID of its statement.
type Recording struct {
	SHA256 string `json:"sha256"` // hex, of the first Size bytes of its file
	Size   int64  `json:"size"`   // bytes
	// Duration is from its beginning to its last event. Microseconds in JSON.
	Duration Micros `json:"duration_us,omitempty"`
}

// Micros is a duration that JSON holds as whole microseconds.
type Micros time.Duration

// Text is a statement's bytes. As JSON it is a string when it is valid UTF-8, else {"base64": "..."}, so that
// nothing is lost. A text too long for its record is {"file": SHA-256 in hex, "size": bytes, "head": its
// beginning}: the whole stands in the journal's side file of that name.
type Text struct {
	Bytes []byte
	File  *SideFile
}

// SideFile refers to bytes that stand beside the journal, by content.
type SideFile struct {
	SHA256 string `json:"file"` // hex
	Size   int64  `json:"size"` // bytes
}

// Param is one bind parameter. As JSON: null, a string, {"hex": "..."} for bytes that have no text form, or
// a side file as in Text.
type Param struct {
	Value []byte
	Form  ParamForm
	File  *SideFile
}

// ParamForm says how a parameter's value is held.
type ParamForm uint8

// The forms of a parameter.
const (
	ParamText ParamForm = iota // Value is its text; encoded as hex all the same when it is no valid UTF-8
	ParamNull                  // SQL NULL
	ParamHex                   // Value is raw bytes
)
