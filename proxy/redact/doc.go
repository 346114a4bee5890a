// Package redact takes out of the record, before it is written, what the record must not hold: values of columns and
// parameters that a configuration names, texts of a pattern, and always credentials that a statement says. What goes to
// the store is never changed. docs/redaction.md says what it can and cannot do.
package redact
