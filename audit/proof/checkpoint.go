package proof

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint says what the log of one gateway held at one moment. Its signed form is that of transparency logs
// (c2sp.org/tlog-checkpoint): a note whose lines are the origin, the number of records, the root hash in base64, and
// "time " with the time of signing.
type Checkpoint struct {
	Origin string
	Size   uint64 // records
	Root   tlog.Hash
	Time   time.Time // of signing, by the gateway's clock; zero when the note does not say
}

const (
	timeLine = "time "
	// maxNote bounds a checkpoint in its signed form, in bytes.
	maxNote = 8 << 10
)

// text is what is signed.
func (c Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\n%s%s\n", c.Origin, c.Size, c.Root, timeLine, c.Time.UTC().Format(time.RFC3339Nano))
}

// parseCheckpoint reads a note's text. Further lines, which other logs may have, are passed over.
func parseCheckpoint(text string) (c Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] == "" || lines[len(lines)-1] != "" {
		return c, errors.New("not a checkpoint: it needs lines for origin, size and root hash")
	}
	c.Origin = lines[0]
	if c.Size, err = strconv.ParseUint(lines[1], 10, 62); err != nil || strconv.FormatUint(c.Size, 10) != lines[1] {
		return c, fmt.Errorf("not a checkpoint: its size is %.40q", lines[1])
	}
	if c.Root, err = parseHash(lines[2]); err != nil {
		return c, fmt.Errorf("not a checkpoint: its root is %w", err)
	}
	for _, line := range lines[3 : len(lines)-1] {
		if moment, ok := strings.CutPrefix(line, timeLine); ok && c.Time.IsZero() {
			if c.Time, err = time.Parse(time.RFC3339Nano, moment); err != nil {
				return c, fmt.Errorf("not a checkpoint: its time is %.40q", moment)
			}
		}
	}
	return c, nil
}

// openCheckpoint reads a signed checkpoint that all of the verifiers must have signed. Other signatures, such as those
// of witnesses, are passed over.
func openCheckpoint(signed []byte, verifiers ...note.Verifier) (Checkpoint, error) {
	if len(signed) > maxNote {
		return Checkpoint{}, fmt.Errorf("checkpoint is longer than %d bytes", maxNote)
	}
	if !canonicalSignatures(signed) {
		return Checkpoint{}, errors.New("checkpoint has a signature that is not in its only form")
	}
	n, err := note.Open(signed, note.VerifierList(verifiers...))
	var unknown *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unknown):
		return Checkpoint{}, fmt.Errorf("checkpoint is not signed by the key %s", keyIDs(verifiers))
	case errors.As(err, &invalid):
		return Checkpoint{}, fmt.Errorf("the signature by the key %s+%08x does not hold", invalid.Name, invalid.Hash)
	case err != nil:
		return Checkpoint{}, fmt.Errorf("not a checkpoint: %w", err)
	case len(n.Sigs) < len(verifiers):
		return Checkpoint{}, fmt.Errorf("checkpoint is not signed by all of the keys %s", keyIDs(verifiers))
	}
	return parseCheckpoint(n.Text)
}

// keyIDs names keys as signatures do.
func keyIDs(verifiers []note.Verifier) string {
	ids := make([]string, len(verifiers))
	for i, v := range verifiers {
		ids[i] = keyID(v)
	}
	return strings.Join(ids, " and ")
}

func keyID(v note.Verifier) string { return fmt.Sprintf("%s+%08x", v.Name(), v.KeyHash()) }

// canonicalSignatures says whether each signature's base64 is the only one for its bytes: else a bit of a stored
// checkpoint could change without notice.
func canonicalSignatures(signed []byte) bool {
	text := string(signed)
	at := strings.LastIndex(text, "\n\n")
	if at < 0 {
		return false
	}
	for line := range strings.Lines(text[at+2:]) {
		encoded := strings.TrimSuffix(line[strings.LastIndexByte(line, ' ')+1:], "\n")
		if _, err := base64.StdEncoding.Strict().DecodeString(encoded); err != nil {
			return false
		}
	}
	return true
}
