package audit

// Merge gives a statement what its result tells.
func (e *Event) Merge(result *Event) {
	e.Done = true
	e.Rows, e.BytesOut = result.Rows, result.BytesOut
	e.BytesIn = max(e.BytesIn, result.BytesIn) // the result's count includes the statement's own
	e.Duration, e.FirstRow = result.Duration, result.FirstRow
	e.Tag, e.ErrorCode, e.ErrorMessage = result.Tag, result.ErrorCode, result.ErrorMessage
	if result.Recording != nil {
		e.Recording = result.Recording
	}
	if e.Verdict == "" {
		e.Verdict, e.Policy = result.Verdict, result.Policy
	}
	if e.Reason == "" {
		e.Reason = result.Reason
	}
}
