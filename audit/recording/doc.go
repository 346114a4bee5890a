// Package recording keeps what terminals showed: one file for each recorded statement, sealed, that can be replayed, followed
// while it grows, and proven by the journal's hashes of it.
//
// A file is a header in the clear and then frames. The header names the statement and holds the file's own key, wrapped to an
// age recipient: who writes recordings cannot read them back. A frame is some lines of asciicast v3
// (https://docs.asciinema.org/manual/asciicast/v3/), compressed with zstd and sealed with AES-256-GCM under its number and the
// header, so that no frame can be changed, moved or taken from another file. docs/recordings.md has the bytes.
package recording
