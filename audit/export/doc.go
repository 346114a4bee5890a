// Package export writes events for other programs: as JSON lines, as CSV that a spreadsheet can open without danger, or
// as Parquet. Each writer needs the memory of a bounded run of events, however many there are.
package export
