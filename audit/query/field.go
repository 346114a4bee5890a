package query

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/audit"
)

// Field is a name that a search can ask for.
type Field uint8

// The fields. Those from Rows on are numbers.
const (
	User Field = iota
	Group
	Role
	Resource
	Protocol
	Account
	Database
	Client
	Application
	Session
	Gateway
	Entrance
	Type
	Class
	Table
	Column
	Verdict
	Error
	Tag
	Credential
	Fingerprint
	Action
	Target
	ID
	Param
	Command
	Prepared
	Policy
	Reason
	Redacted
	Done
	Recording
	Rows
	Bytes
	Duration
	FirstRow
	BytesIn
	BytesOut
	Statements
	Seq
)

// names are the fields as typed, by Field; since and until follow them in what people may write.
var names = [...]string{"user", "group", "role", "resource", "protocol", "account", "database", "client",
	"application", "session", "gateway", "entrance", "type", "class", "table", "column", "verdict", "error", "tag",
	"credential", "fingerprint", "action", "target", "id", "param", "command", "prepared", "policy", "reason", "redacted",
	"done", "recording", "rows", "bytes", "duration", "first_row", "bytes_in", "bytes_out", "statements", "seq"}

const (
	sinceName = "since"
	untilName = "until"
)

func (f Field) String() string { return names[f] }

// Fields are all fields, in their order.
func Fields() []Field {
	all := make([]Field, len(names))
	for i := range all {
		all[i] = Field(i)
	}
	return all
}

// IsNumber says that a Record has a Number for the field, and no Values.
func (f Field) IsNumber() bool { return f >= Rows }

// isTime says that the field's numbers are microseconds.
func (f Field) isTime() bool { return f == Duration || f == FirstRow }

// isSize says that the field's numbers are bytes.
func (f Field) isSize() bool { return f == Bytes || f == BytesIn || f == BytesOut }

// RankedField is the field of that name whose values can be counted: one that is no number, no ID and no parameter,
// which are as many as there are events, and may be of any size.
func RankedField(name string) (Field, error) {
	f, ok := fieldOf(name)
	if !ok || f.IsNumber() || f == ID || f == Param {
		return 0, fmt.Errorf("%q: %w", name, audit.ErrField)
	}
	return f, nil
}

// fieldOf finds a field by the name as typed, in lower case.
func fieldOf(name string) (Field, bool) {
	for i, n := range names {
		if n == name {
			return Field(i), true
		}
	}
	return 0, false
}

// unknownField says what to write instead of a name that is no field.
func unknownField(name string) string {
	return fmt.Sprintf("there is no field %q; %sput quotes around it to search for the text", name, nearest(name))
}

// nearest lists up to three fields that look like name, as the beginning of an advice.
func nearest(name string) string {
	const maxDistance, maxNamed = 2, 3
	var near []string
	for distance := 0; distance <= maxDistance; distance++ {
		for _, n := range append(names[:len(names):len(names)], sinceName, untilName) {
			if len(near) < maxNamed && similarity(name, n) == distance {
				near = append(near, n)
			}
		}
	}
	if len(near) == 0 {
		return "fields are " + strings.Join(names[:], ", ") + ", since and until; "
	}
	return "did you mean " + strings.Join(near, ", ") + "? Or "
}

// similarity is 0 when one name begins with the other, else their edit distance.
func similarity(a, b string) int {
	if len(a) >= 2 && (strings.HasPrefix(b, a) || strings.HasPrefix(a, b)) {
		return 0
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
