package scan

import (
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/query"
)

// record is a record's JSON as a query judges it, decoded as far as it must be. The result comes in when a term
// asks for it.
type record struct {
	run   *run
	block *block
	at    int // in the block's segment

	own  []byte
	head head

	outcome []byte
	loaded  bool
	err     error // the first one; what the record then says is not to be believed
	scratch []byte
}

var _ query.Record = (*record)(nil)

// begin makes r the block's record i, which has the head h.
func (r *record) begin(run *run, b *block, i int, h head) {
	scratch := r.scratch
	if scratch == nil {
		scratch = make([]byte, 0, 4<<10)
	}
	*r = record{run: run, block: b, at: i, own: b.body(i), head: h, scratch: scratch}
}

func (r *record) result() []byte {
	if !r.loaded {
		r.loaded = true
		outcome, err := r.run.result(r.block, r.at, r.head)
		r.outcome = outcome
		r.fail(err)
	}
	return r.outcome
}

func (r *record) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *record) Time() time.Time {
	t, err := time.Parse(audit.TimeFormat, string(r.head.time))
	r.fail(err)
	return t
}

// keys are how the fields with a plain string stand in JSON.
var keys = [...]string{query.User: `,"user":`, query.Role: `,"role":`, query.Resource: `,"resource":`,
	query.Protocol: `,"protocol":`, query.Database: `,"database":`, query.Client: `,"client_addr":`,
	query.Application: `,"application":`, query.Session: `,"session":`, query.Gateway: `,"gateway":`,
	query.Entrance: `,"entrance":`, query.Type: `,"type":`, query.Class: `,"class":`,
	query.Credential: `,"credential":`, query.Fingerprint: `,"fingerprint":`, query.Action: `,"action":`,
	query.Target: `,"target":`, query.ID: `,"id":`, query.Command: `,"command":`,
	query.Prepared: `,"prepared":`}

func (r *record) Values(f query.Field, yield func([]byte) bool) {
	switch f {
	case query.Group:
		eachString(r.own, `,"groups":`, r.scratch, nonEmpty(yield))
	case query.Table:
		eachString(r.own, `,"tables":`, r.scratch, nonEmpty(yield))
	case query.Column:
		eachString(r.own, `,"columns":`, r.scratch, nonEmpty(yield))
	case query.Redacted:
		eachString(r.own, `,"redacted":`, r.scratch, nonEmpty(yield))
	case query.Param:
		r.params(nonEmpty(yield))
	case query.Account:
		account := string(stringMember(r.own, `,"account":`, r.scratch))
		if account != "" && !yield([]byte(account)) {
			return
		}
		if login := stringMember(r.own, `,"login":`, r.scratch); string(login) != account {
			nonEmpty(yield)(login)
		}
	case query.Verdict:
		v := stringMember(r.own, `,"verdict":`, r.scratch)
		if len(v) == 0 {
			v = stringMember(r.result(), `,"verdict":`, r.scratch)
		}
		nonEmpty(yield)(v)
	case query.Policy:
		from := r.own
		if len(stringMember(r.own, `,"verdict":`, r.scratch)) == 0 {
			from = r.final()
		}
		nonEmpty(yield)(stringMember(from, `,"policy":`, r.scratch))
	case query.Reason:
		v := stringMember(r.own, `,"reason":`, r.scratch)
		if len(v) == 0 {
			v = stringMember(r.result(), `,"reason":`, r.scratch)
		}
		nonEmpty(yield)(v)
	case query.Done:
		nonEmpty(yield)([]byte(query.DoneValue(audit.Type(r.head.event), r.done())))
	case query.Recording:
		_, recorded := member(r.final(), `,"recording":`)
		nonEmpty(yield)([]byte(query.RecordingValue(recorded)))
	case query.Tag:
		nonEmpty(yield)(stringMember(r.final(), `,"tag":`, r.scratch))
	case query.Error:
		v := stringMember(r.final(), `,"error_code":`, r.scratch)
		if len(v) == 0 {
			v = stringMember(r.final(), `,"error_message":`, r.scratch)
		}
		nonEmpty(yield)(v)
	default:
		nonEmpty(yield)(stringMember(r.own, keys[f], r.scratch))
	}
}

func nonEmpty(yield func([]byte) bool) func([]byte) bool {
	return func(v []byte) bool { return len(v) == 0 || yield(v) }
}

// final is the record that tells the outcome: the result, or the record itself without one.
func (r *record) final() []byte {
	if outcome := r.result(); outcome != nil {
		return outcome
	}
	return r.own
}

func (r *record) Number(f query.Field) (int64, bool) {
	switch f {
	case query.Seq:
		return int64(r.head.seq), true
	case query.Statements:
		return numberMember(r.own, `,"statements":`), audit.Type(r.head.event) == audit.SessionEnd
	}
	if !query.HasOutcome(audit.Type(r.head.event), r.done()) {
		return 0, false
	}
	switch f {
	case query.Rows:
		return numberMember(r.final(), `,"rows":`), true
	case query.Bytes:
		return r.bytesIn() + numberMember(r.final(), `,"bytes_out":`), true
	case query.BytesIn:
		return r.bytesIn(), true
	case query.BytesOut:
		return numberMember(r.final(), `,"bytes_out":`), true
	case query.Duration:
		return numberMember(r.final(), `,"duration_us":`), true
	case query.FirstRow:
		return numberMember(r.final(), `,"first_row_us":`), r.done()
	}
	return 0, false
}

func (r *record) bytesIn() int64 {
	return max(numberMember(r.own, `,"bytes_in":`), numberMember(r.final(), `,"bytes_in":`))
}

// done says that the statement's result is known.
func (r *record) done() bool {
	if r.result() != nil {
		return true
	}
	_, done := member(r.own, `,"done":true`)
	return done
}

// Texts reads side files as far as journal.MaxSideFile; a file that is missing leaves what the record itself holds.
func (r *record) Texts(yield func([]byte) bool) {
	if r.block.table.flags[r.at]&isOpaque != 0 {
		e, err := decode(r.own)
		if err != nil {
			r.fail(err)
			return
		}
		r.opaqueTexts(&e, yield)
		return
	}
	statement := stringMember(r.own, `,"statement":`, r.scratch)
	if len(statement) > 0 && !yield(statement) {
		return
	}
	eachString(r.own, `,"params":`, r.scratch, yield)
}

// params calls yield with each parameter that is not NULL, read like Texts.
func (r *record) params(yield func([]byte) bool) {
	if r.block.table.flags[r.at]&isOpaque == 0 {
		eachString(r.own, `,"params":`, r.scratch, yield)
		return
	}
	e, err := decode(r.own)
	if err != nil {
		r.fail(err)
		return
	}
	r.opaqueParams(&e, yield)
}

func (r *record) opaqueTexts(e *audit.Event, yield func([]byte) bool) {
	s := &e.Statement
	if (len(s.Bytes) > 0 || s.File != nil) && !yield(r.whole(s.Bytes, s.File)) {
		return
	}
	r.opaqueParams(e, yield)
}

func (r *record) opaqueParams(e *audit.Event, yield func([]byte) bool) {
	for i := range e.Params {
		p := &e.Params[i]
		if p.Form != audit.ParamNull && !yield(r.whole(p.Value, p.File)) {
			return
		}
	}
}

// whole is what the record itself holds, or the side file instead.
func (r *record) whole(own []byte, file *audit.SideFile) []byte {
	if file == nil {
		return own
	}
	b, err := journal.ReadSideFile(r.run.scan.dir, file, journal.MaxSideFile)
	if err != nil {
		return own
	}
	return b
}

// event is the record decoded, with its result.
func (r *record) event() (audit.Event, error) {
	e, err := decode(r.own)
	outcome := r.result()
	if err != nil || r.err != nil || outcome == nil {
		if err == nil {
			err = r.err
		}
		return e, err
	}
	res, err := decode(outcome)
	if err != nil {
		return e, err
	}
	e.Merge(&res)
	return e, nil
}
