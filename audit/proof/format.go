package proof

// ProofFormat names the form of a Proof; it stands in each.
const ProofFormat = "sallyport-proof/1"

// Proof shows, to whoever holds the log's public key, that records stand in the log of one gateway. It is checked
// offline (Check) and needs nothing of us.
type Proof struct {
	Format string `json:"format"` // ProofFormat
	// Origin is the log's name, the first line of its checkpoints.
	Origin string `json:"origin"`
	// Checkpoint is the signed checkpoint that the inclusions lead to, in the signed note form
	// (golang.org/x/mod/sumdb/note).
	Checkpoint string `json:"checkpoint"`
	// Inclusions are the event's own record and, for a statement whose result is known, the result's.
	Inclusions []Inclusion `json:"inclusions"`
	// Rotations lead from the log's first key to the one that signed the checkpoint, oldest first, so that whoever holds
	// an older key can check the proof as well. Empty when the key was never changed.
	Rotations []Rotation `json:"rotations,omitempty"`
}

// Inclusion leads from one record to the checkpoint.
type Inclusion struct {
	// Seq is the record's number, which is its leaf's number in the tree.
	Seq uint64 `json:"seq"`
	// Record is the record's JSON, byte for byte.
	Record string `json:"record"`
	// Hashes are the audit path (RFC 6962, section 2.1.1), in base64.
	Hashes []string `json:"hashes"`
}

// Rotation is a change of the log's key. Its record is an event of ActionRotate, and its checkpoint is signed by both
// keys: the old key vouches for the new one, and the new one for all that the old one had signed.
type Rotation struct {
	Checkpoint string    `json:"checkpoint"`
	Inclusion  Inclusion `json:"inclusion"`
}
