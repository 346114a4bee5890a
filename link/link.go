// Package link is what a control plane and its gateways say to each other: over HTTPS with certificates on both sides,
// at the routes below. The control plane's half is in admin, the gateway's in gateway.
package link

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
)

// The routes. All but Join need the gateway's certificate.
const (
	JoinPath   = "/link/v1/join"    // POST: enrols a gateway by a one-time token
	RenewPath  = "/link/v1/renew"   // POST: a certificate for a new key
	FollowPath = "/link/v1/follow"  // GET: a stream of snapshots and heartbeats, one JSON document a line
	ReportPath = "/link/v1/reports" // POST: what the gateway applied and cut, and its open sessions
	SecretPath = "/link/v1/secrets" // POST: the value of a credential that the control plane keeps
	// POST: what recordings have grown by. Below it, by statement, POST: it is over. PUT: one that is over, as its file is, from gateways
	// that do not send them while they grow.
	RecordingsPath = "/link/v1/recordings"
	JournalPath    = "/link/v1/journal" // GET: where the copy of the gateway's journal ends (copies.End)
)

// The routes below JournalPath. All of them answer like JournalPath, but for side files.
const (
	LinesPath     = JournalPath + "/lines" // POST: whole lines of a segment, by SegmentParam and OffsetParam
	SideFilesPath = JournalPath + "/files" // PUT below it, by SHA-256 in hex: a side file
	ProofPath     = JournalPath + "/proof" // POST: checkpoints (proof.Bundle)
	BeginPath     = JournalPath + "/begin" // POST: the journal is another than the one that was copied; ReasonParam says why
)

// Query parameters below JournalPath.
const (
	SegmentParam = "segment" // the segment's first record
	OffsetParam  = "offset"  // of the lines in the segment
	ReasonParam  = "reason"
)

// MaxLines bounds the lines of one request, in bytes before they are compressed. A gateway sends far fewer, unless one
// record is larger.
const MaxLines = 256 << 20

// MissingSideFileType is the problem type of an answer to lines that refer to a side file which must come first.
const MissingSideFileType = "urn:sallyport:missing-side-file"

// Signed is a document with a signature over its bytes and its purpose.
type Signed struct {
	Payload   json.RawMessage `json:"payload"`
	Signature []byte          `json:"signature"` // Ed25519 over purpose, a zero byte and the payload
}

// Purposes keep a signature on one kind of document from being shown for another.
const (
	SnapshotPurpose  = "sallyport snapshot"
	HeartbeatPurpose = "sallyport heartbeat"
	ReceiptPurpose   = "sallyport receipt"
)

// Sign encodes and signs a document.
func Sign(key ed25519.PrivateKey, purpose string, document any) (Signed, error) {
	payload, err := json.Marshal(document)
	if err != nil {
		return Signed{}, fmt.Errorf("encode %s: %w", purpose, err)
	}
	return Signed{Payload: payload, Signature: ed25519.Sign(key, message(purpose, payload))}, nil
}

// ErrSignature says that a document is not from whom it should be.
var ErrSignature = errors.New("the signature is wrong")

// Open verifies the signature and decodes the document.
func (s Signed) Open(key ed25519.PublicKey, purpose string, into any) error {
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, message(purpose, s.Payload), s.Signature) {
		return fmt.Errorf("open %s: %w", purpose, ErrSignature)
	}
	if err := json.Unmarshal(s.Payload, into); err != nil {
		return fmt.Errorf("decode %s: %w", purpose, err)
	}
	return nil
}

// message is what is signed: white space around the payload's values does not matter, so that a document may be shown
// indented.
func message(purpose string, payload []byte) []byte {
	b := bytes.NewBufferString(purpose)
	b.WriteByte(0)
	if err := json.Compact(b, payload); err != nil {
		return nil // no JSON: no signature is over this
	}
	return b.Bytes()
}
