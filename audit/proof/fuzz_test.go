package proof

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

func FuzzCheck(f *testing.F) {
	p, key := proven(f)
	whole, err := json.Marshal(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(`{"format":"sallyport-proof/1","inclusions":[{"seq":18446744073709551615}],"rotations":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Proof
		if json.Unmarshal(b, &p) != nil {
			return
		}
		if c, err := Check(p, key); err == nil && c.Checkpoint.Size == 0 {
			t.Error("proven by a checkpoint of nothing")
		}
	})
}

func FuzzNotes(f *testing.F) {
	s := newServer(f).grow()
	for _, name := range filesOf(f, s.dir, "proof/checkpoints/*") {
		f.Add(readFile(f, name))
	}
	public, err := readKeyChain(os.DirFS(filepath.Join(s.dir, Dir)), keysFile)
	if err != nil {
		f.Fatal(err)
	}
	chain, err := public.resolve()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newNoteReader(bytes.NewReader(b))
		if _, err := r.header(); err != nil {
			return
		}
		for {
			signed, err := r.next()
			if err != nil {
				if r.offset > int64(len(b)) {
					t.Error("read behind the end")
				}
				if errors.Is(err, io.EOF) && r.offset != int64(len(b)) {
					t.Errorf("%d of %d bytes were read", r.offset, len(b))
				}
				return
			}
			_, _ = chain.open(signed)
			_, _ = openCheckpoint(signed, chain.verifiers...)
		}
	})
}

func FuzzKeys(f *testing.F) {
	s := newServer(f).start()
	if _, _, err := s.log.Rotate(f.Context(), statementScope()); err != nil {
		f.Fatal(err)
	}
	s.stop()
	f.Add(readFile(f, filepath.Join(s.dir, Dir, keysFile)))
	f.Fuzz(func(_ *testing.T, b []byte) {
		if k, err := parseKeyChain(b); err == nil {
			_, _ = k.resolve()
		}
	})
}

func FuzzHashFile(f *testing.F) {
	f.Add(make([]byte, 3*32), uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, seq uint16) {
		s := &storedLeaves{files: fstest.MapFS{"proof/hashes/00000000000000000000.hashes": {Data: b}}}
		h, err := s.at(uint64(seq) % blockSize)
		at := int(uint64(seq)%blockSize) * 32
		if (err == nil) != (at+32 <= len(b)) {
			t.Errorf("hash %d of %d bytes: %v", seq, len(b), err)
		}
		if err == nil && !bytes.Equal(h[:], b[at:at+32]) {
			t.Error("another hash")
		}
	})
}

func FuzzRemoval(f *testing.F) {
	f.Add([]byte(`{"format":"sallyport-removal/1","before":3,"range":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Removal
		if json.Unmarshal(b, &r) != nil {
			return
		}
		tree, err := r.tree()
		if err == nil && (tree.size() != r.Before || !newRemoval(tree).equal(r)) {
			t.Errorf("%+v became %+v", r, newRemoval(tree))
		}
	})
}

// FuzzSegment reads foreign bytes as a journal: whatever they are, the answer is a fault or an error.
func FuzzSegment(f *testing.F) {
	s := newServer(f).start().statements(2)
	s.stop()
	f.Add(readFile(f, filesOf(f, s.dir, "*.journal")[0]))
	f.Add([]byte("00000000 {}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		files := fstest.MapFS{"00000000000000000000.journal": {Data: b}}
		next := uint64(0)
		_ = readSegments(t.Context(), files, []uint64{0}, 0, func(b *lineBatch) error {
			for _, l := range b.lines {
				if !l.header {
					if l.seq != next {
						t.Errorf("record %d, want %d", l.seq, next)
					}
					next++
				}
				b.body(l)
			}
			return nil
		}, 1)
	})
}
