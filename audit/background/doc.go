// Package background runs what follows the journal at a lower priority than what statements wait for: on a busy machine
// indexing and signing fall behind, and catch up later, since the journal is their buffer.
package background
