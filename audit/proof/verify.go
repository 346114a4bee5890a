package proof

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
)

// VerifyOptions say what a log is verified against.
type VerifyOptions struct {
	// Key is the verifier key that is trusted: any that the log ever had. Empty trusts the one found with the log.
	Key string
	// Since is a signed checkpoint that a witness holds: the log must be an extension of it.
	Since string
	// Removals are removals of the log's oldest records that others' records name, as a control plane's does for the copy of a gateway's
	// journal (RemovalsOfCopy). Whoever gives them has verified those.
	Removals []Removal
	// TempDir is where a compressed archive is unpacked; empty means the system's.
	TempDir string
}

// Report is what verifying a log has shown.
type Report struct {
	Origin string `json:"origin"`
	Key    string `json:"key"` // that is trusted
	Pinned bool   `json:"pinned"`
	// Removed is the number of old records that are gone, as a signed record says.
	Removed uint64 `json:"removed"`
	// Records were read and are covered by the newest checkpoint, but for the Unsigned last ones: those that were written
	// since it was signed.
	Records     uint64    `json:"records"`
	Unsigned    uint64    `json:"unsigned"`
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	Segments    int       `json:"segments"`
	Checkpoints int       `json:"checkpoints"`
	KeyChanges  int       `json:"key_changes"`
	SideFiles   int       `json:"side_files"` // references that were checked
	// Size and Signed are the newest checkpoint's.
	Size    uint64        `json:"size"`
	Signed  time.Time     `json:"signed"`
	Bytes   int64         `json:"bytes"` // read of segments and side files
	Elapsed time.Duration `json:"elapsed_ns"`
	// Since is the number of records of the witness's checkpoint that the log extends; 0 when none was given.
	Since uint64 `json:"since,omitempty"`
	Fault *Fault `json:"fault,omitempty"` // the first; nil when all is right
}

// verifier holds one verification. It keeps nothing per record.
type verifier struct {
	files  fs.FS
	o      VerifyOptions
	report Report

	chain  *chain
	latest Checkpoint
	signed string
	notes  *noteWalk
	roots  []expected // that the tree must have at certain sizes, besides the checkpoints', in order

	base    *tree
	removal *Removal // that must be found in the record; nil when nothing was removed

	tree    *tree
	stored  *storedLeaves
	shadow  *tree // with the stored hashes instead of the computed, once they differ
	suspect uint64
	hash    leafHasher
	last    [32]byte // leaf hash of the record before
	lesser  *Fault   // of stored hashes alone: told when nothing is wrong with the records
	sides   sideFiles
	gateway string // of the last header
	fresh   bool   // the next record is a segment's first
}

// Verify re-reads the log of a journal's directory, or of an archive of one (.tar, .tar.zst), which may be growing
// meanwhile. What is wrong with the log is Report.Fault; an error says that it could not be verified.
func Verify(ctx context.Context, name string, o VerifyOptions) (report Report, err error) {
	start := time.Now()
	files, done, err := openFiles(name, o.TempDir)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, done()) }()
	v := &verifier{files: files, o: o, hash: newLeafHasher()}
	err = v.verify(ctx)
	v.report.Elapsed = time.Since(start)
	var fault *Fault
	if errors.As(err, &fault) {
		v.report.Fault = fault
		return v.report, nil
	}
	if err != nil {
		return v.report, fmt.Errorf("verify %s: %w", name, err)
	}
	return v.report, nil
}

func (v *verifier) verify(ctx context.Context) error {
	firsts, err := listFiles(v.files, ".", ".journal")
	if err != nil {
		return err
	}
	if len(firsts) == 0 {
		return errors.New("there is no journal; its files end in .journal")
	}
	// In this order, a log that grows meanwhile is whole as far as its newest checkpoint.
	if err := v.readLatest(); err != nil {
		return err
	}
	if err := v.readKeys(); err != nil {
		return err
	}
	if err := v.openLatest(); err != nil {
		return err
	}
	if firsts, err = listFiles(v.files, ".", ".journal"); err != nil {
		return err
	}
	if err := v.findBase(ctx, firsts); err != nil {
		return err
	}
	if err := v.expectRoots(); err != nil {
		return err
	}
	err = v.walk(ctx, firsts)
	if v.stored != nil {
		err = errors.Join(err, v.stored.close())
	}
	if v.notes != nil {
		err = errors.Join(err, v.notes.close())
	}
	if err == nil && v.lesser != nil {
		return v.lesser
	}
	return v.firstOf(err)
}

// firstOf is the fault to tell: a record that differs from its stored hash comes before whatever was found behind it.
func (v *verifier) firstOf(err error) error {
	var fault *Fault
	if v.shadow == nil || !errors.As(err, &fault) || fault.Seq <= v.suspect {
		return err
	}
	return &Fault{Kind: RecordChanged, Seq: v.suspect, Detail: "the record is not the one whose hash was stored; behind it, there is more: " + fault.Detail}
}

func (v *verifier) readLatest() error {
	b, err := fs.ReadFile(v.files, path.Join(Dir, latestFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read checkpoint: %w", err)
	}
	v.signed = string(b)
	return nil
}

// readKeys reads and checks the chain of keys, and settles which one is trusted.
func (v *verifier) readKeys() error {
	name := path.Join(Dir, keysFile)
	public, err := readKeyChain(v.files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return &Fault{Kind: KeyFault, Path: name, Detail: "there is no proof with this journal: the file of its keys is missing"}
	}
	if err == nil {
		v.chain, err = public.resolve()
	}
	if err != nil {
		return &Fault{Kind: KeyFault, Path: name, Detail: err.Error()}
	}
	v.report.Origin, v.report.KeyChanges = v.chain.origin(), len(v.chain.at)
	return v.pin()
}

func (v *verifier) pin() error {
	keys := v.chain.keys
	name := path.Join(Dir, keyFile)
	b, err := fs.ReadFile(v.files, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read key: %w", err)
	}
	// While a change of keys is under way, the file still holds the former.
	found := false
	for _, key := range keys[max(0, len(keys)-2):] {
		found = found || string(b) == key+"\n"
	}
	if !found {
		return &Fault{Kind: KeyFault, Path: name, Detail: "it does not hold the key that signs the checkpoints"}
	}
	v.report.Key = v.chain.current()
	if v.o.Key == "" {
		return nil
	}
	v.report.Key, v.report.Pinned = v.o.Key, true
	for _, key := range keys {
		if key == v.o.Key {
			return nil
		}
	}
	return &Fault{Kind: KeyFault, Detail: "the log is signed with " + strings.Join(keys, ", ") +
		"; the key that you trust is not among these, and none of its changes of keys begins with it"}
}

// openLatest checks the newest checkpoint.
func (v *verifier) openLatest() error {
	firsts, err := listFiles(v.files, path.Join(Dir, checkpointsDir), checkpointsSuffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	name := path.Join(Dir, latestFile)
	if v.signed == "" && len(firsts) > 0 {
		return &Fault{Kind: CheckpointMissing, Path: name, Detail: "the newest checkpoint is missing"}
	}
	if v.signed == "" {
		return nil
	}
	if v.latest, err = v.chain.open([]byte(v.signed)); err != nil {
		return &Fault{Kind: CheckpointForged, Path: name, Detail: "the newest checkpoint is not genuine: " + err.Error()}
	}
	v.report.Size, v.report.Signed = v.latest.Size, v.latest.Time
	v.notes = &noteWalk{files: v.files, firsts: firsts, chain: v.chain}
	return nil
}

// expected is a root that the tree must have.
type expected struct {
	size  uint64
	fault func() *Fault
	root  [32]byte
}

// expectRoots gathers what else was signed: the changes of keys, and what a witness holds.
func (v *verifier) expectRoots() error {
	for i, cp := range v.chain.changes {
		if cp.Size < v.base.size() {
			continue
		}
		v.roots = append(v.roots, expected{size: cp.Size, root: cp.Root, fault: func() *Fault {
			return &Fault{Kind: RootMismatch, Before: cp.Size, Path: path.Join(Dir, keysFile),
				Detail: fmt.Sprintf("the checkpoint of change %d of the key is of other records", i+1)}
		}})
	}
	if v.o.Since == "" {
		return nil
	}
	since, err := v.openSince()
	if err != nil {
		return err
	}
	switch {
	case since.Size < v.base.size():
		return fmt.Errorf("the witness's checkpoint is of %d records, but those before %d were removed by retention, so that its root cannot be "+
			"computed any more; use a later checkpoint of the witness", since.Size, v.base.size())
	case since.Size == v.base.size() && v.base.root() != since.Root:
		return forked(since)
	}
	v.report.Since = since.Size
	e := expected{size: since.Size, root: since.Root, fault: func() *Fault { return forked(since) }}
	at := 0
	for at < len(v.roots) && v.roots[at].size <= e.size {
		at++
	}
	v.roots = append(v.roots[:at:at], append([]expected{e}, v.roots[at:]...)...)
	return nil
}

func forked(since Checkpoint) *Fault {
	return &Fault{Kind: LogForked, Before: since.Size, Detail: fmt.Sprintf(
		"the first %d records are not those of the checkpoint that the witness holds: the log was rewritten since", since.Size)}
}

// openSince reads the witness's checkpoint, which may carry signatures of witnesses too.
func (v *verifier) openSince() (Checkpoint, error) {
	var refused error
	for _, key := range v.chain.verifiers {
		cp, err := openCheckpoint([]byte(v.o.Since), key)
		if err == nil && cp.Origin != v.chain.origin() {
			err = fmt.Errorf("it is of another log, %q", cp.Origin)
		}
		if err == nil {
			return cp, nil
		}
		if refused == nil {
			refused = err
		}
	}
	return Checkpoint{}, &Fault{Kind: LogForked, Detail: "the checkpoint that the witness holds was not signed by this log: " + refused.Error()}
}
