package proof

import (
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/sallyport/sallyport/audit"
)

// Checked is what a proof has shown.
type Checked struct {
	Checkpoint Checkpoint
	// Key is the verifier key that the checkpoint is signed with: the one that was given, or one that it leads to.
	Key string
	// Event is the event that was proven; a statement carries its result when the proof holds that as well.
	Event audit.Event
}

// Check checks a proof with the log's verifier key alone, or with an older one of the same log. The error says why it
// proves nothing.
func Check(p Proof, key string) (Checked, error) {
	if p.Format != ProofFormat {
		return Checked{}, fmt.Errorf("not a proof: its form is %.40q, not %s", p.Format, ProofFormat)
	}
	if n := len(p.Inclusions); n < 1 || n > 2 {
		return Checked{}, fmt.Errorf("not a proof: it holds %d records", n)
	}
	keys, err := keysFrom(key, p.Rotations)
	if err != nil {
		return Checked{}, err
	}
	signer := keys[len(keys)-1]
	verifier, err := note.NewVerifier(signer)
	if err != nil {
		return Checked{}, fmt.Errorf("the key %.80q is none: %w", signer, err)
	}
	cp, err := openCheckpoint([]byte(p.Checkpoint), verifier)
	if err != nil {
		return Checked{}, err
	}
	if cp.Origin != verifier.Name() || cp.Origin != p.Origin {
		return Checked{}, fmt.Errorf("the proof is of the log %.80q, its checkpoint of %.80q, the key of %q", p.Origin, cp.Origin, verifier.Name())
	}
	events := make([]audit.Event, len(p.Inclusions))
	for n, i := range p.Inclusions {
		if err := i.check(cp); err != nil {
			return Checked{}, err
		}
		if err := json.Unmarshal([]byte(i.Record), &events[n]); err != nil {
			return Checked{}, fmt.Errorf("record %d cannot be read: %w", i.Seq, err)
		}
		if events[n].Seq != i.Seq {
			return Checked{}, fmt.Errorf("record %d says that it is record %d", i.Seq, events[n].Seq)
		}
	}
	if len(events) == 2 {
		if events[1].Type != audit.StatementResult || events[1].Of != events[0].ID {
			return Checked{}, errors.New("the second record is not the result of the first")
		}
		events[0].Merge(&events[1])
	}
	return Checked{Checkpoint: cp, Key: signer, Event: events[0]}, nil
}

// keysFrom follows the changes of the key from the one that is given, which may be any of them. A log whose key was
// changed later than the proof was made has more keys than the proof tells of.
func keysFrom(key string, rotations []Rotation) ([]string, error) {
	if len(rotations) == 0 {
		return []string{key}, nil
	}
	var first audit.Event
	if err := json.Unmarshal([]byte(rotations[0].Inclusion.Record), &first); err != nil {
		return nil, fmt.Errorf("the change of the key cannot be read: %w", err)
	}
	c, err := keyChain{Format: keysFormat, First: first.Before, Rotations: rotations}.resolve()
	if err != nil {
		return nil, err
	}
	for i, k := range c.keys {
		if k == key {
			return c.keys[i:], nil
		}
	}
	return nil, fmt.Errorf("the proof is signed with the key %s, and no change of keys in it leads there from the one given", c.current())
}
