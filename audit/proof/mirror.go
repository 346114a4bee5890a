package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport/sallyport/audit/journal"
)

// Copied is what a Mirror reads: the copy of a journal; *journal.Copy is one.
type Copied interface {
	Dir() string
	Reader(from uint64) *journal.Reader
	Written() uint64
}

// ErrRecordsFirst says that a checkpoint covers records that the copy does not hold yet.
var ErrRecordsFirst = errors.New("the copy lacks records that the checkpoint covers")

// ErrNotNext says that checkpoints do not follow those that the copy holds.
var ErrNotNext = errors.New("the checkpoints are not those that come next")

// Mirror is the proof of a journal's copy. It takes checkpoints as they come, and keeps each only after it was held
// against the records of the copy: what differs is a *Fault. It is safe for concurrent use.
type Mirror struct {
	journal Copied
	dir     string // the proof's

	mu    sync.Mutex
	key   string // the log's first key; empty until it is known
	chain *chain
	keys  []byte // the file of keys as it stands
	store *store
	tree  *tree // nil until the first checkpoint
	hash  leafHasher
	// reached are the checkpoints that the tree had the root of, since the newest that is kept.
	reached map[uint64]tlog.Hash
	file    uint64 // the newest file of checkpoints
	size    int64  // of it, in bytes
	latest  Checkpoint
	text    string // latest, signed
}

// OpenMirror opens the proof of a copy. key is the log's first verifier key; empty when none was seen yet: then the first
// that comes is taken, and Key tells it.
func OpenMirror(j Copied, key string) (*Mirror, error) {
	m := &Mirror{journal: j, dir: filepath.Join(j.Dir(), Dir), key: key, hash: newLeafHasher(), reached: map[uint64]tlog.Hash{}}
	if err := m.open(); err != nil {
		return nil, fmt.Errorf("open proof of copy: %w", err)
	}
	return m, nil
}

func (m *Mirror) open() error {
	if err := makeDirs(m.journal.Dir()); err != nil {
		return err
	}
	if err := removeTemporaries(m.dir); err != nil {
		return err
	}
	var err error
	if m.store, err = openStore(m.dir); err != nil {
		return err
	}
	m.keys, err = os.ReadFile(filepath.Join(m.dir, keysFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if m.chain, err = m.openKeys(m.keys); err != nil {
		return err
	}
	return m.openNotes()
}

// openKeys checks a file of keys, which must begin with the key that was seen first.
func (m *Mirror) openKeys(b []byte) (*chain, error) {
	keys, err := parseKeyChain(b)
	if err != nil {
		return nil, err
	}
	if m.key != "" && keys.First != m.key {
		return nil, fmt.Errorf("the log's first key is %.80q, but %s was it when the copy began", keys.First, m.key)
	}
	return keys.resolve()
}

// openNotes takes up the newest checkpoint, and the tree that it is the root of.
func (m *Mirror) openNotes() error {
	notes, latest, err := openNoteFiles(filepath.Join(m.dir, checkpointsDir), 1)
	if err != nil || latest == nil {
		return err
	}
	name, size := filepath.Base(notes.f.Name()), notes.size
	if err := notes.close(); err != nil {
		return err
	}
	if m.latest, err = m.chain.open(latest); err != nil {
		return fmt.Errorf("the newest checkpoint is damaged: %w", err)
	}
	m.file, _ = parseNumberedName(name, checkpointsSuffix)
	m.size, m.text = size, string(latest)
	if m.tree, err = m.storedTree(m.latest.Size); err != nil || m.tree.root() != m.latest.Root {
		m.tree = m.store.base.clone() // what is stored is not whole: computed again from the records
	}
	return m.writeLatest()
}

// storedTree is the tree over so many records by the stored hashes.
func (m *Mirror) storedTree(size uint64) (*tree, error) {
	t := m.store.base.clone()
	for t.size() < size {
		from, block := t.size(), t.size()>>blockLevel
		to := (block + 1) << blockLevel
		if from%blockSize == 0 && to <= size {
			root, err := m.store.storedRoot(block)
			if err != nil {
				return nil, err
			}
			t.pushBlock(root)
			continue
		}
		leaves, err := m.store.leaves(from, min(to, size))
		if err != nil {
			return nil, err
		}
		for _, h := range leaves {
			t.push(h)
		}
	}
	return t, nil
}

// Held is where the checkpoints end.
func (m *Mirror) Held() Held {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Held{First: m.file, Offset: m.size, Size: m.latest.Size}
}

// Key is the log's first key; empty while none was seen.
func (m *Mirror) Key() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.key
}

// Trust makes key the log's first, unless one was seen already.
func (m *Mirror) Trust(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.key == "" {
		m.key = key
	}
}

// Covered is the newest checkpoint; its zero value while there is none.
func (m *Mirror) Covered() Checkpoint {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.latest
}

// FirstKey is the first of a bundle's verifier keys: what a first bundle asks to be trusted.
func (b Bundle) FirstKey() (string, error) {
	keys, err := parseKeyChain(b.Keys)
	if err != nil {
		return "", err
	}
	_, err = keys.resolve()
	return keys.First, err
}

// Take holds the checkpoints of a bundle against the copy's records and keeps them, on disk. It goes on where it was
// interrupted by ctx when the same comes again. It fails with ErrNotNext, with ErrRecordsFirst, or with a *Fault, which
// means that the log is not what was signed or is signed by others.
func (m *Mirror) Take(ctx context.Context, b Bundle) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(b.Notes) == 0 {
		return nil
	}
	keys, err := m.openKeys(b.Keys)
	if err != nil {
		return &Fault{Kind: KeyFault, Path: keysFile, Detail: err.Error()}
	}
	if key := string(b.Key); key != keys.current()+"\n" && (len(keys.keys) < 2 || key != keys.keys[len(keys.keys)-2]+"\n") {
		return &Fault{Kind: KeyFault, Path: keyFile, Detail: "it is not the key that signs"}
	}
	checkpoints, err := m.parse(keys, b.Notes)
	if err != nil {
		return err
	}
	if !keys.extends(m.chain) {
		return &Fault{Kind: KeyFault, Path: keysFile, Detail: "changes of the key that the copy knows of are missing, or are others"}
	}
	newest := checkpoints[len(checkpoints)-1]
	if newest.Size > m.journal.Written() {
		return ErrRecordsFirst
	}
	if err := m.begin(b.Base); err != nil {
		return err
	}
	for _, cp := range checkpoints {
		if err := m.reach(ctx, cp.Checkpoint); err != nil {
			return err
		}
	}
	return m.keep(b, keys, newest)
}

// signedCheckpoint is one with its signed form.
type signedCheckpoint struct {
	Checkpoint
	signed []byte
}

// parse reads checkpoints that must follow those that are held, each signed by the key of its time.
func (m *Mirror) parse(keys *chain, notes []Notes) ([]signedCheckpoint, error) {
	var all []signedCheckpoint
	last := m.latest
	for i, n := range notes {
		r := newNoteReader(bytes.NewReader(n.Bytes))
		switch {
		case i == 0 && m.size > 0 && n.First == m.file && n.Offset == m.size:
		case n.Offset != 0 || m.size > 0 && n.First <= m.file || i > 0 && n.First <= notes[i-1].First:
			return nil, ErrNotNext
		default:
			h, err := r.header()
			if err != nil {
				return nil, forgedNote(last, err.Error())
			}
			if (m.size > 0 || i > 0) && (h.size != last.Size || h.root != last.Root) {
				return nil, forgedNote(last, "a file of checkpoints does not follow the one before it")
			}
		}
		for {
			signed, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, forgedNote(last, err.Error())
			}
			cp, err := keys.open(signed)
			if err != nil {
				return nil, forgedNote(last, err.Error())
			}
			if cp.Size <= last.Size || n.Offset == 0 && (len(all) == 0 || all[len(all)-1].Size < n.First) && cp.Size != n.First {
				return nil, forgedNote(last, fmt.Sprintf("a checkpoint of %d records stands where it does not belong", cp.Size))
			}
			last = cp
			all = append(all, signedCheckpoint{cp, signed})
		}
	}
	if len(all) == 0 {
		return nil, ErrNotNext
	}
	return all, nil
}

func forgedNote(after Checkpoint, detail string) *Fault {
	return &Fault{Kind: CheckpointForged, Seq: after.Size, Path: checkpointsDir, Detail: detail}
}

// begin makes the tree of what was removed before the copy began, as the gateway says; its root is then held against
// what the gateway has signed.
func (m *Mirror) begin(base []byte) error {
	if m.tree != nil {
		return nil
	}
	first, err := journal.First(m.journal.Dir())
	if err != nil {
		return err
	}
	if first > 0 && m.store.base.size() != first {
		var r Removal
		if err := json.Unmarshal(base, &r); err != nil || r.Before != first {
			return ErrRecordsFirst // the gateway is about to remove them, or has just done so
		}
		t, err := r.tree()
		if err != nil {
			return &Fault{Kind: RemovalUnsigned, Before: first, Path: baseFile, Detail: err.Error()}
		}
		if err := m.store.drop(t); err != nil {
			return err
		}
	}
	m.tree = m.store.base.clone()
	return nil
}

// reach reads records into the tree up to a checkpoint's size, and compares the root.
func (m *Mirror) reach(ctx context.Context, cp Checkpoint) error {
	before := m.tree.size()
	if root, ok := m.reached[cp.Size]; ok && root == cp.Root && cp.Size < before {
		return nil // before an interruption
	}
	if cp.Size < before {
		m.tree = nil
		return ErrNotNext
	}
	if err := m.take(ctx, cp.Size); err != nil {
		return err
	}
	if m.tree.root() != cp.Root {
		m.tree = nil // the next attempt begins with the records that are held
		return &Fault{Kind: RootMismatch, Seq: m.latest.Size, Before: cp.Size, Path: checkpointsDir,
			Detail: "the gateway has signed other records than those that it sent"}
	}
	m.reached[cp.Size] = cp.Root
	return nil
}

func (m *Mirror) take(ctx context.Context, until uint64) error {
	r := m.journal.Reader(m.tree.size())
	defer r.Close()
	pending := leaves{first: m.tree.size()}
	keep := func() error {
		if len(pending.hashes) == 0 {
			return nil
		}
		err := m.store.keep(pending)
		pending = leaves{first: m.tree.size(), hashes: pending.hashes[:0]}
		return err
	}
	for m.tree.size() < until {
		if m.tree.size()%1024 == 0 && ctx.Err() != nil {
			return errors.Join(ctx.Err(), keep())
		}
		rec, err := r.Next()
		if err != nil {
			return fmt.Errorf("read the copy's record %d: %w", m.tree.size(), errors.Join(err, keep()))
		}
		leaf := m.hash.leaf(rec.JSON)
		pending.hashes = append(pending.hashes, leaf)
		if root, full := m.tree.push(leaf); full {
			pending.root = &root
			if err := keep(); err != nil {
				return err
			}
		}
	}
	return keep()
}

// keep writes what was checked: the newest checkpoint last, so that a crash leaves it standing on what it covers.
func (m *Mirror) keep(b Bundle, keys *chain, newest signedCheckpoint) error {
	if m.store.f != nil {
		if err := m.store.f.Sync(); err != nil {
			return fmt.Errorf("write hashes: %w", err)
		}
	}
	if string(b.Keys) != string(m.keys) {
		if err := errors.Join(replaceFile(filepath.Join(m.dir, keysFile), b.Keys), replaceFile(filepath.Join(m.dir, keyFile), b.Key)); err != nil {
			return fmt.Errorf("write keys: %w", err)
		}
		m.keys, m.chain = b.Keys, keys
		m.key = keys.keys[0]
	} else if err := replaceFile(filepath.Join(m.dir, keyFile), b.Key); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	for _, n := range b.Notes {
		if err := m.writeNotes(n); err != nil {
			return fmt.Errorf("write checkpoints: %w", err)
		}
	}
	m.latest, m.text = newest.Checkpoint, string(newest.signed)
	clear(m.reached)
	return m.writeLatest()
}

// writeNotes puts checkpoints where they belong, on disk.
func (m *Mirror) writeNotes(n Notes) error {
	path := filepath.Join(m.dir, checkpointsDir, numberedName(n.First, checkpointsSuffix))
	if n.Offset == 0 {
		if err := replaceFile(path, n.Bytes); err != nil {
			return err
		}
		m.file, m.size = n.First, int64(len(n.Bytes))
		return syncDir(filepath.Dir(path))
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(n.Bytes, n.Offset)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		m.size = n.Offset + int64(len(n.Bytes))
	}
	return err
}

func (m *Mirror) writeLatest() error {
	path := filepath.Join(m.dir, latestFile)
	if have, err := os.ReadFile(path); err == nil && string(have) == m.text {
		return nil
	}
	if err := replaceFile(path, []byte(m.text)); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	return syncDir(m.dir)
}

// Close lets go of the files.
func (m *Mirror) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.store.close()
}
