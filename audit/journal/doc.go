// Package journal is the record on disk: append-only segments of JSON lines, each guarded by a checksum.
//
// A segment is a file named by the sequence number of its first record, "<20 digits>.journal". Every line is
//
//	<CRC-32C of the JSON, 8 hex digits> <JSON>\n
//
// The first line's JSON is the segment's Header, every other line's an event as audit.Event encodes it; raw newlines
// never stand inside a line. Sequence numbers have no gaps, and a record's sequence number is its record number in
// the transparency log over the journal; its leaf is the JSON alone (RFC 6962, section 2.1).
//
// A segment ends where the next one's first record begins: records that it holds beyond that are superseded copies
// (see docs/adr/0003-journal.md).
package journal
