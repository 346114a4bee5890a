package redact

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/sallyport/sallyport/audit"
)

// credentialRule is the name of the rule that is always there.
const credentialRule = "credential"

// unparsed stands in Event.Redacted when the statement could not be told apart, so that all its values were taken.
const unparsed = "unparsed"

// Redactor applies rules to events. It is safe for concurrent use.
type Redactor struct {
	rules   []*rule
	readers map[string]Reader
	sets    sync.Map // resource -> *set
}

// set is the rules of one resource.
type set struct {
	columns    []*rule
	parameters *rule
	patterns   []*rule
}

// Builtin has no rule but the one that takes credentials. readers are by protocol; nothing is told apart in the statements
// of a protocol that is not among them.
func Builtin(readers map[string]Reader) *Redactor { return &Redactor{readers: readers} }

// New makes a redactor of rules, after the built-in one. An error names the rule and says what is wrong with it.
func New(rules []Rule, readers map[string]Reader) (*Redactor, error) {
	r := Builtin(readers)
	for _, one := range rules {
		compiled, err := compile(one)
		if err != nil {
			return nil, fmt.Errorf("redact: %w", err)
		}
		if slices.ContainsFunc(r.rules, func(other *rule) bool { return other.name == one.Name }) {
			return nil, fmt.Errorf("redact: rule %q: there are two of that name", one.Name)
		}
		r.rules = append(r.rules, compiled)
	}
	return r, nil
}

// set gives a resource's rules; nil when there are none.
func (r *Redactor) set(resource string) *set {
	if len(r.rules) == 0 {
		return nil
	}
	if known, ok := r.sets.Load(resource); ok {
		return known.(*set)
	}
	var s *set
	for _, one := range r.rules {
		if !one.appliesTo(resource) {
			continue
		}
		if s == nil {
			s = &set{}
		}
		if len(one.columns) > 0 {
			s.columns = append(s.columns, one)
		}
		if one.parameters && s.parameters == nil {
			s.parameters = one
		}
		if one.pattern != nil {
			s.patterns = append(s.patterns, one)
		}
	}
	r.sets.Store(resource, s)
	return s
}

// ErrInDoubt says that what had to be taken out of a statement may be something that runs: where one of its strings ends
// hangs on a setting of the session.
var ErrInDoubt = errors.New("where a string ends is in doubt")

// Statement takes out of a statement's event what a rule names, and lists in e.Redacted where. The event's bytes may
// be shared with what goes to the store: they are replaced, never written to. private says that what the store answers
// may repeat a value, so that its message must not be recorded. reader, unless nil, reads the text as the session's store
// does. With ErrInDoubt the statement must not run, for the record would not tell it.
func (r *Redactor) Statement(e *audit.Event, reader Reader) (private bool, err error) {
	e.Redacted = nil
	s := r.set(e.Resource)
	if reader == nil {
		reader = r.reader(e.Protocol)
	}
	credential := reader.MayHoldCredential(e.Statement.Bytes)
	if s == nil && !credential {
		return false, nil
	}
	w := work{event: e, redactor: r, reader: reader, set: s, text: e.Statement.Bytes}
	if credential {
		for _, span := range reader.Credentials(w.text) {
			w.take(edit{span.Start, span.End, credentialRule, span.String})
		}
	}
	if s != nil {
		w.apply()
	}
	if w.inDoubt() {
		err = ErrInDoubt
	}
	w.finish()
	return w.private || len(e.Redacted) > 0, err
}

func (r *Redactor) reader(protocol string) Reader {
	if known, ok := r.readers[protocol]; ok {
		return known
	}
	return unread{}
}

// Text takes out of any other text what a pattern of the resource's names.
func (r *Redactor) Text(resource, text string) string {
	s := r.set(resource)
	if s == nil || text == "" {
		return text
	}
	for _, one := range s.patterns {
		text = one.pattern.ReplaceAllLiteralString(text, marker(one.name))
	}
	return text
}

// Outcome is what may be recorded of what the store said of a statement; private is Statement's word.
func (r *Redactor) Outcome(resource, message string, private bool) string {
	if private && message != "" {
		return "[redacted]"
	}
	return r.Text(resource, message)
}

func marker(name string) string { return "[redacted:" + name + "]" }

// parameter names the n-th bind parameter in Event.Redacted, from 1.
func parameter(n int) string { return "params." + strconv.Itoa(n) }
