package elastic

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

// The members of a document beside the fields of the search language, which have the language's own names.
const (
	keyTime    = "@timestamp" // for people and histograms
	keyMicros  = "time_us"    // the event's time, exactly
	keyOrder   = "order_us"   // as keyMicros, but never before an earlier record of the same journal
	keyJournal = "journal"    // whose record it is, and which: stamp
	keyMatch   = "match."     // folded forms of a field's values
	keySum     = "sum."       // numbers that a ranking sums
	keyText    = "text"       // statement and parameters, as appendChunks has them
	keyPartly  = "partly"     // names of the fields that the document does not hold whole, and keyText
	keyEvent   = "event"      // the event's own JSON, not searched
	keyCut     = "cut"        // keyEvent lacks what is large
)

const (
	maxValue      = 4 << 10   // bytes of one value of a field
	maxValues     = 1000      // of one field, in all forms
	maxValueBytes = 128 << 10 // of one field, in all forms
	maxText       = 1 << 20   // bytes of texts that are searched in the cluster
	maxEvent      = 256 << 10 // bytes of keyEvent
)

// stamp says where in which journal an event stands.
type stamp struct {
	Gateway string `json:"gateway"`
	Seq     uint64 `json:"seq"`
	// Result is the sequence number of its result's record, when it is known.
	Result *uint64 `json:"result,omitempty"`
	// Last is the higher one of both: what changed last.
	Last uint64 `json:"last"`
}

// entry is an event on its way into the cluster: a statement with its result merged in, or any other event.
type entry struct {
	event audit.Event
	stamp stamp
	order int64 // microseconds
	// texts are the bytes of side files, by their SHA-256, as far as they are searched in the cluster.
	texts map[string][]byte
}

func (e *entry) merge(result *audit.Event) {
	e.event.Merge(result)
	seq := result.Seq
	e.stamp.Result, e.stamp.Last = &seq, max(e.stamp.Seq, seq)
}

// document is the entry as JSON.
func (e *entry) document() ([]byte, error) {
	doc := map[string]any{
		keyTime: clusterTime(e.event.Time), keyMicros: e.event.Time.UnixMicro(),
		keyOrder: e.order, keyJournal: e.stamp,
	}
	partly := e.addFields(doc)
	if chunks, whole := e.chunks(); whole {
		if len(chunks) > 0 {
			doc[keyText] = chunks
		}
	} else {
		partly = append(partly, keyText)
	}
	if len(partly) > 0 {
		doc[keyPartly] = partly
	}
	own := e.event.AppendJSON(nil)
	if len(own) > maxEvent {
		small := withoutLarge(e.event)
		own = small.AppendJSON(nil)
		doc[keyCut] = true
	}
	doc[keyEvent] = json.RawMessage(own)
	b, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return b, nil
}

// addFields adds what the search language can ask for, and returns the names of the fields that are not whole.
func (e *entry) addFields(doc map[string]any) (partly []string) {
	r := query.EventRecord(&e.event)
	for _, f := range query.Fields() {
		if f.IsNumber() {
			if n, known := r.Number(f); known {
				doc[f.String()] = n
			}
			continue
		}
		values, forms, whole := e.values(r, f)
		if len(values) > 0 && isRanked(f) {
			doc[f.String()] = values
		}
		if len(forms) > 0 {
			doc[keyMatch+f.String()] = forms
		}
		if !whole {
			partly = append(partly, f.String())
		}
	}
	if query.IsSummed(e.event.Type, e.event.Done) {
		for _, f := range summed {
			doc[keySum+f.String()], _ = r.Number(f)
		}
	}
	return partly
}

// summed are the numbers of a ranking.
var summed = [...]query.Field{query.Rows, query.Bytes, query.Duration}

func isRanked(f query.Field) bool {
	_, err := query.RankedField(f.String())
	return err == nil
}

// values are a field's values as they are and in all forms in which they are found; whole is false when some are left
// out.
func (e *entry) values(r query.Record, f query.Field) (values, forms []string, whole bool) {
	whole = f != query.Param || !e.hasSideParam()
	total := 0
	r.Values(f, func(value []byte) bool {
		if len(value) > maxValue || len(forms) > maxValues || total > maxValueBytes {
			whole = false
			return true
		}
		values = append(values, string(value))
		query.EachShortForm(f, value, func(form []byte) {
			text, _ := encodeValue(query.Fold(nil, form))
			total += len(text)
			forms = append(forms, text)
		})
		return true
	})
	return values, compactSorted(forms), whole
}

func compactSorted(values []string) []string {
	slices.Sort(values)
	return slices.Compact(values)
}

func (e *entry) hasSideParam() bool {
	return slices.ContainsFunc(e.event.Params, func(p audit.Param) bool { return p.File != nil })
}

// chunks are the statement and the parameters as they are searched; whole is false when they are too much for that.
func (e *entry) chunks() (chunks []string, whole bool) {
	left := maxText
	add := func(own []byte, file *audit.SideFile) bool {
		if file != nil {
			text, ok := e.texts[file.SHA256]
			if !ok {
				return false
			}
			own = text
		}
		if left -= len(own); left < 0 {
			return false
		}
		chunks = appendChunks(chunks, own)
		return true
	}
	if s := &e.event.Statement; (len(s.Bytes) > 0 || s.File != nil) && !add(s.Bytes, s.File) {
		return nil, false
	}
	for i := range e.event.Params {
		if p := &e.event.Params[i]; p.Form != audit.ParamNull && !add(p.Value, p.File) {
			return nil, false
		}
	}
	return compactSorted(chunks), true
}

// withoutLarge is an event cut down to what says who did what kind of thing when.
func withoutLarge(e audit.Event) audit.Event {
	const keep = 1 << 10 // bytes
	short := func(s string) string { return strings.ToValidUTF8(s[:min(len(s), keep)], "") }
	e.Statement.Bytes = []byte(short(string(e.Statement.Bytes)))
	e.Params, e.Tables, e.Columns, e.Redacted = nil, nil, nil, nil
	e.Scope = audit.Scope{Gateway: short(e.Gateway), Session: short(e.Session), User: short(e.User), Role: short(e.Role),
		Resource: short(e.Resource), Protocol: short(e.Protocol), Database: short(e.Database)}
	for _, s := range []*string{&e.Before, &e.After, &e.Reason, &e.ErrorMessage, &e.Tag, &e.Target, &e.Action,
		&e.ErrorCode, &e.Policy, &e.Command, &e.Prepared, &e.Fingerprint} {
		*s = short(*s)
	}
	return e
}

// reduced is what is kept of an event whose document the cluster refuses: enough to be found as a candidate for every
// search, and to be read from the journal then.
func (e *entry) reduced() ([]byte, error) {
	small := withoutLarge(e.event)
	partly := []string{keyText}
	for _, f := range query.Fields() {
		if !f.IsNumber() {
			partly = append(partly, f.String())
		}
	}
	doc := map[string]any{
		keyTime: clusterTime(e.event.Time), keyMicros: e.event.Time.UnixMicro(),
		keyOrder: e.order, keyJournal: e.stamp, keyPartly: append(partly, keyNumbers), keyCut: true,
		keyEvent: json.RawMessage(small.AppendJSON(nil)),
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return b, nil
}

// keyNumbers stands in keyPartly when the document has no numbers, although the event may.
const keyNumbers = "numbers"

// stored is what a document gives back.
type stored struct {
	Stamp  stamp           `json:"journal"`
	Order  int64           `json:"order_us"`
	Partly []string        `json:"partly"`
	Cut    bool            `json:"cut"`
	Event  json.RawMessage `json:"event"`
}

// storedMembers are the members that stored reads.
var storedMembers = []string{keyJournal, keyOrder, keyPartly, keyCut, keyEvent}

// decode is the event as the document holds it.
func (s *stored) decode() (audit.Event, error) {
	var e audit.Event
	if err := json.Unmarshal(s.Event, &e); err != nil {
		return e, fmt.Errorf("decode event of document: %w", err)
	}
	return e, nil
}

// clusterTime is a time as the cluster reads it: one beyond the years that it knows is the first or the last of them.
func clusterTime(t time.Time) string {
	t = t.UTC()
	switch year := t.Year(); {
	case year < 1970:
		t = time.Unix(0, 0).UTC()
	case year > 9998:
		t = time.Date(9998, 12, 31, 0, 0, 0, 0, time.UTC)
	}
	return t.Format(audit.TimeFormat)
}
