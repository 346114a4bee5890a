package proof

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport/sallyport/audit"
)

// ActionRotate is the action of the event that changes the log's key. Its target is the origin, Before and After are
// the verifier keys.
const ActionRotate = "audit.key.rotate"

const keysFormat = "sallyport-keys/1"

// keyChain is the file of a log's keys: the first, and each change with its proof.
type keyChain struct {
	Format    string     `json:"format"`
	First     string     `json:"first"`
	Rotations []Rotation `json:"rotations,omitempty"`
}

// readKeyChain reads the file; fs.ErrNotExist when there is none.
func readKeyChain(dir fs.FS, name string) (k keyChain, err error) {
	b, err := fs.ReadFile(dir, name)
	if err != nil {
		return k, fmt.Errorf("read keys: %w", err)
	}
	return parseKeyChain(b)
}

func parseKeyChain(b []byte) (k keyChain, err error) {
	if err := json.Unmarshal(b, &k); err != nil {
		return k, fmt.Errorf("read keys: %w", err)
	}
	if k.Format != keysFormat {
		return k, fmt.Errorf("read keys: unknown form %.40q", k.Format)
	}
	if !bytes.Equal(k.encode(), b) {
		return k, errors.New("read keys: the file is not as it was written")
	}
	return k, nil
}

func (k keyChain) encode() []byte {
	b, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		panic(err) // strings and numbers only
	}
	return append(b, '\n')
}

func (k keyChain) write(dir string) error {
	if err := replaceFile(filepath.Join(dir, keysFile), k.encode()); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	return syncDir(dir)
}

// chain are a log's keys, oldest first; each change is proven by the key before it and the one after it.
type chain struct {
	keys      []string
	verifiers []note.Verifier
	at        []uint64     // at[i] is the record that changed keys[i] to keys[i+1]
	changes   []Checkpoint // which both of them signed
}

// resolve checks the proof of each change.
func (k keyChain) resolve() (*chain, error) {
	first, err := note.NewVerifier(k.First)
	if err != nil {
		return nil, fmt.Errorf("the first key %.80q is none: %w", k.First, err)
	}
	c := &chain{keys: []string{k.First}, verifiers: []note.Verifier{first}}
	for i, r := range k.Rotations {
		if err := c.follow(r); err != nil {
			return nil, fmt.Errorf("change %d of the key: %w", i+1, err)
		}
	}
	return c, nil
}

// follow adds the key that the rotation leads to.
func (c *chain) follow(r Rotation) error {
	var e audit.Event
	if err := json.Unmarshal([]byte(r.Inclusion.Record), &e); err != nil {
		return fmt.Errorf("its record cannot be read: %w", err)
	}
	last := c.verifiers[len(c.verifiers)-1]
	if e.Type != audit.AdminAct || e.Action != ActionRotate || e.Before != c.current() || e.Seq != r.Inclusion.Seq {
		return fmt.Errorf("its record does not replace the key %s", keyID(last))
	}
	next, err := note.NewVerifier(e.After)
	if err != nil {
		return fmt.Errorf("its record names no key: %w", err)
	}
	if next.Name() != last.Name() {
		return fmt.Errorf("its record names a key of another log, %s", next.Name())
	}
	signed, err := openCheckpoint([]byte(r.Checkpoint), last, next)
	if err != nil {
		return err
	}
	if signed.Origin != last.Name() {
		return fmt.Errorf("its checkpoint is of another log, %s", signed.Origin)
	}
	if err := r.Inclusion.check(signed); err != nil {
		return err
	}
	c.keys, c.verifiers = append(c.keys, e.After), append(c.verifiers, next)
	c.at, c.changes = append(c.at, e.Seq), append(c.changes, signed)
	return nil
}

// extends says whether c is before, which may be nil, or goes on from it: a change of the key is never undone.
func (c *chain) extends(before *chain) bool {
	if before == nil {
		return true
	}
	n := len(before.keys)
	return len(c.keys) >= n && slices.Equal(c.keys[:n], before.keys) && slices.Equal(c.at[:n-1], before.at)
}

func (c *chain) current() string { return c.keys[len(c.keys)-1] }

func (c *chain) origin() string { return c.verifiers[0].Name() }

// signer is the key that must have signed a checkpoint of that size.
func (c *chain) signer(size uint64) note.Verifier {
	i := 0
	for i < len(c.at) && c.at[i] < size {
		i++
	}
	return c.verifiers[i]
}

// open reads a stored checkpoint: signed by the key of its time, by no unknown one, and not a byte different.
func (c *chain) open(signed []byte) (Checkpoint, error) {
	if len(signed) > maxNote || !canonicalSignatures(signed) {
		return Checkpoint{}, errors.New("it is not in its only form")
	}
	n, err := note.Open(signed, note.VerifierList(c.verifiers...))
	var invalid *note.InvalidSignatureError
	var unknown *note.UnverifiedNoteError
	switch {
	case errors.As(err, &invalid):
		return Checkpoint{}, fmt.Errorf("its signature by the key %s+%08x does not hold", invalid.Name, invalid.Hash)
	case errors.As(err, &unknown):
		return Checkpoint{}, errors.New("none of the log's keys has signed it")
	case err != nil:
		return Checkpoint{}, err
	case len(n.UnverifiedSigs) > 0:
		return Checkpoint{}, fmt.Errorf("a key that is not the log's has signed it: %s+%08x", n.UnverifiedSigs[0].Name, n.UnverifiedSigs[0].Hash)
	}
	if again, err := note.Sign(n); err != nil || !bytes.Equal(again, signed) || !c.inOrder(n.Sigs) {
		return Checkpoint{}, errors.New("it is not in its only form")
	}
	cp, err := parseCheckpoint(n.Text)
	if err != nil {
		return cp, err
	}
	if cp.Origin != c.origin() {
		return cp, fmt.Errorf("it is of another log, %q", cp.Origin)
	}
	want := c.signer(cp.Size)
	for _, s := range n.Sigs {
		if s.Name == want.Name() && s.Hash == want.KeyHash() {
			return cp, nil
		}
	}
	return cp, fmt.Errorf("the key of its time, %s, has not signed it", keyID(want))
}

// inOrder says whether signatures stand as the log writes them: those of older keys first, each once.
func (c *chain) inOrder(sigs []note.Signature) bool {
	last := -1
	for _, s := range sigs {
		i := slices.IndexFunc(c.verifiers, func(v note.Verifier) bool { return v.Name() == s.Name && v.KeyHash() == s.Hash })
		if i <= last {
			return false
		}
		last = i
	}
	return true
}

// check proves that the record stands in the log that the checkpoint is of.
func (i Inclusion) check(cp Checkpoint) error {
	if i.Seq >= cp.Size {
		return fmt.Errorf("record %d is not among the checkpoint's %d", i.Seq, cp.Size)
	}
	if len(i.Hashes) > 64 {
		return errors.New("an audit path is longer than any tree is high")
	}
	path := make(tlog.RecordProof, 0, len(i.Hashes))
	for _, text := range i.Hashes {
		h, err := parseHash(text)
		if err != nil {
			return fmt.Errorf("audit path of record %d: %w", i.Seq, err)
		}
		path = append(path, h)
	}
	leaf := tlog.RecordHash([]byte(i.Record))
	if err := tlog.CheckRecord(path, int64(cp.Size), cp.Root, int64(i.Seq), leaf); err != nil {
		return fmt.Errorf("record %d, as it is here, is not the one that the checkpoint covers", i.Seq)
	}
	return nil
}
