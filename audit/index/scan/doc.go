// Package scan finds events by reading the journal itself, newest first. It needs no index, sees each event at once and
// cannot disagree with the journal: it serves commands that read a journal without a server, and it is what the other
// indexes are tested against.
package scan
