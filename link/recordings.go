package link

// Recordings are sent while they grow: what a request to RecordingsPath brings is any number of pieces, each a Piece as JSON in a line of
// its own, and then its bytes. The answer is a Taken for each, in their order. A recording that is over, and all of which was sent, is
// ended by a request to RecordingsPath/STATEMENT, which holds it against the record.

const (
	// MaxPieces bounds the pieces of one request together, in bytes.
	MaxPieces = 8 << 20
	// MaxPieceLine bounds a Piece, in bytes.
	MaxPieceLine = 4 << 10
)

// Piece says of which recording bytes are, and where they stand in it. No bytes ask how far it is there.
type Piece struct {
	Statement string `json:"statement"`
	Offset    int64  `json:"offset"`
	Size      int64  `json:"size"` // bytes
}

// Taken is what became of a piece.
type Taken struct {
	Size int64 `json:"size"` // of the recording there by now, in bytes: the next piece begins there
	// Wait says why nothing was taken yet; the same may be sent again a little later.
	Wait string `json:"wait,omitempty"`
	// Refused says why nothing of this recording is taken any more.
	Refused string `json:"refused,omitempty"`
}
