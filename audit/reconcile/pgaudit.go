package reconcile

import (
	"strings"
)

// The fields behind "AUDIT: " (pgaudit's documentation, "Format").
const (
	auditType = iota
	auditStatementID
	auditSubstatementID
	_ // class
	auditCommand
	_ // object type
	_ // object name
	auditStatement
	auditFields = 9 // and the parameters

	maxAuditFields = 10 // with pgaudit.log_rows
)

// auditOf finds the statement in a line that pgaudit has made: one for each statement and, by its settings, for each
// object that it touches. id is equal for lines of one statement. It is false for other lines, for statements that ran
// within another, and where the text was left out since it was logged before.
func auditOf(l Line) (e Entry, id string, ok bool) {
	rest, ok := strings.CutPrefix(l.Message, "AUDIT: ")
	if !ok || l.Severity != "LOG" || l.User == "" {
		return e, "", false
	}
	fields, ok := splitCSV(nil, []byte(rest), maxAuditFields)
	if !ok || len(fields) < auditFields || fields[auditType] != "SESSION" && fields[auditType] != "OBJECT" {
		return e, "", false
	}
	text := fields[auditStatement]
	// Of an EXECUTE, the statement that was prepared comes first, with PREPARE's text, and then the EXECUTE itself.
	executes := fields[auditCommand] == "EXECUTE"
	prepared := fields[auditCommand] != "PREPARE" && startsWithWord(text, "PREPARE")
	if fields[auditSubstatementID] != "1" && !executes || prepared || text == "<previously logged>" || text == "<not logged>" {
		return e, "", false
	}
	return Entry{Line: l, Source: ByAudit, Began: l.Time, Text: text}, fields[auditStatementID], true
}

// startsWithWord says whether a statement's first word is that one.
func startsWithWord(text, word string) bool {
	first, ok := (&tokens{rest: text}).next()
	return ok && strings.EqualFold(first.text, word)
}
