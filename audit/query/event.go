package query

import (
	"slices"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// MatchEvent says whether the query finds e, a statement with its result merged in or any other event. It sees the
// texts that e itself holds: side files are the caller's to load.
func (m *Matcher) MatchEvent(e *audit.Event) bool { return m.test(eventRecord{e}) }

// eventRecord is a decoded event as a Record.
type eventRecord struct{ e *audit.Event }

func (r eventRecord) Time() time.Time { return r.e.Time }

func (r eventRecord) Values(f Field, yield func([]byte) bool) {
	e := r.e
	switch f {
	case Group:
		yieldAll(e.Groups, yield)
		return
	case Table:
		yieldAll(e.Tables, yield)
		return
	case Column:
		yieldAll(e.Columns, yield)
		return
	case Redacted:
		yieldAll(e.Redacted, yield)
		return
	case Param:
		r.params(nonEmpty(yield))
		return
	case Account:
		yieldAll(slices.Compact([]string{e.Account, e.Login}), yield)
		return
	case Error:
		if e.ErrorCode == "" {
			yieldAll([]string{e.ErrorMessage}, yield)
			return
		}
	}
	values := [...]string{User: e.User, Role: e.Role, Resource: e.Resource, Protocol: e.Protocol,
		Database: e.Database, Client: e.ClientAddr, Application: e.Application, Session: e.Session, Gateway: e.Gateway,
		Entrance: e.Entrance, Type: string(e.Type), Class: e.Class, Verdict: string(e.Verdict), Error: e.ErrorCode,
		Tag: e.Tag, Credential: e.Credential, Fingerprint: e.Fingerprint, Action: e.Action, Target: e.Target, ID: e.ID, Command: e.Command,
		Prepared: e.Prepared, Policy: e.Policy, Reason: e.Reason, Done: DoneValue(e.Type, e.Done), Recording: RecordingValue(e.Recording != nil)}
	yieldAll([]string{values[f]}, yield)
}

func yieldAll(values []string, yield func([]byte) bool) {
	for _, v := range values {
		if v != "" && !yield([]byte(v)) {
			return
		}
	}
}

func nonEmpty(yield func([]byte) bool) func([]byte) bool {
	return func(v []byte) bool { return len(v) == 0 || yield(v) }
}

// HasOutcome says whether an event has rows, bytes and a duration to compare: a statement whose result is known, or a
// session's end.
func HasOutcome(t audit.Type, done bool) bool { return done || t == audit.SessionEnd }

// IsSummed says whether a Top sums an event's numbers. A session's end repeats those of its statements.
func IsSummed(t audit.Type, done bool) bool { return done && t != audit.SessionEnd }

// DoneValue is the value of the field Done: of a statement, whether its result is known; empty for other events.
func DoneValue(t audit.Type, done bool) string {
	switch {
	case done:
		return "true"
	case t == audit.StatementBegin:
		return "false"
	}
	return ""
}

// RecordingValue is the value of the field Recording: whether what a statement showed was recorded.
func RecordingValue(recorded bool) string {
	if recorded {
		return "yes"
	}
	return ""
}

func (r eventRecord) Number(f Field) (int64, bool) {
	e := r.e
	known := HasOutcome(e.Type, e.Done)
	switch f {
	case Rows:
		return e.Rows, known
	case Bytes:
		return e.BytesIn + e.BytesOut, known
	case Duration:
		return time.Duration(e.Duration).Microseconds(), known
	case FirstRow:
		return time.Duration(e.FirstRow).Microseconds(), e.Done
	case BytesIn:
		return e.BytesIn, known
	case BytesOut:
		return e.BytesOut, known
	case Statements:
		return e.Statements, e.Type == audit.SessionEnd
	case Seq:
		return int64(e.Seq), true
	}
	return 0, false
}

func (r eventRecord) Texts(yield func([]byte) bool) {
	if len(r.e.Statement.Bytes) > 0 && !yield(r.e.Statement.Bytes) {
		return
	}
	r.params(yield)
}

func (r eventRecord) params(yield func([]byte) bool) {
	for i := range r.e.Params {
		if p := &r.e.Params[i]; p.Form != audit.ParamNull && !yield(p.Value) {
			return
		}
	}
}
