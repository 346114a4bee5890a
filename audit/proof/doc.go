// Package proof makes the journal provable: a Merkle tree over its records in the transparency-log form (RFC 6962,
// golang.org/x/mod/sumdb/tlog), checkpoints of it that are signed (golang.org/x/mod/sumdb/note, Ed25519), proofs that
// anyone can check with the public key alone, and the verifier that re-reads everything.
package proof
