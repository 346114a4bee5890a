// Package index finds events in the record again.
//
// Scan is the embedded index: it reads the journal's own segments, newest first, so that it costs nothing when an
// event is recorded, sees each event at once and cannot disagree with the journal.
package index
