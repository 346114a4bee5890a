package proof

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Bundle is what a copy of a log's proof lacks. Hashes are not in it: whoever holds the records computes them.
type Bundle struct {
	Keys  []byte  `json:"keys"`           // the file of the log's keys
	Key   []byte  `json:"key"`            // the file of the key that signs at present
	Base  []byte  `json:"base,omitempty"` // what is left of removed records; empty when none were
	Notes []Notes `json:"notes"`          // checkpoints, oldest first; empty when nothing is new
}

// Notes is a part of a file of checkpoints: whole ones, and the file's first line when it begins the file.
type Notes struct {
	First  uint64 `json:"first"`  // records that the file's first checkpoint covers, which names it
	Offset int64  `json:"offset"` // of Bytes in the file
	Bytes  []byte `json:"bytes"`
}

// Held is where a copy's checkpoints end. The zero value holds none.
type Held struct {
	First  uint64 `json:"first"`  // names the newest file
	Offset int64  `json:"offset"` // bytes of it; 0 when there is none
	Size   uint64 `json:"size"`   // records that the newest checkpoint covers
}

// ErrNotesRemoved says that retention took checkpoints that a copy lacks.
var ErrNotesRemoved = errors.New("checkpoints that come next were removed")

// BundleSince reads what the proof of the journal in dir has gained since a copy held that: checkpoints that are on disk,
// about limit bytes of them.
func BundleSince(dir string, held Held, limit int) (Bundle, error) {
	dir = filepath.Join(dir, Dir)
	latest, err := os.ReadFile(filepath.Join(dir, latestFile)) // before all that it stands on
	if errors.Is(err, fs.ErrNotExist) {
		return Bundle{}, nil
	}
	if err != nil {
		return Bundle{}, fmt.Errorf("read checkpoint: %w", err)
	}
	newest, err := parseCheckpoint(textOf(latest))
	if err != nil {
		return Bundle{}, fmt.Errorf("read checkpoint: %w", err)
	}
	if newest.Size <= held.Size {
		return Bundle{}, nil
	}
	b := Bundle{}
	if b.Notes, err = notesSince(filepath.Join(dir, checkpointsDir), held, latest, newest.Size, limit); err != nil {
		return Bundle{}, err
	}
	for _, f := range []struct {
		name string
		to   *[]byte
	}{{keysFile, &b.Keys}, {keyFile, &b.Key}, {baseFile, &b.Base}} {
		*f.to, err = os.ReadFile(filepath.Join(dir, f.name))
		if err != nil && (f.name != baseFile || !errors.Is(err, fs.ErrNotExist)) {
			return Bundle{}, fmt.Errorf("read proof: %w", err)
		}
	}
	return b, nil
}

// textOf is a signed note's text, with the newline at its end.
func textOf(signed []byte) string {
	text := string(signed)
	return text[:strings.LastIndex(text, "\n\n")+1]
}

// notesSince reads the checkpoints from where held ends up to the newest.
func notesSince(dir string, held Held, newest []byte, size uint64, limit int) ([]Notes, error) {
	firsts, err := listNumbered(dir, checkpointsSuffix)
	if err != nil {
		return nil, err
	}
	var all []Notes
	found := held.Offset == 0
	for _, first := range firsts {
		if first < held.First || first > size || limit <= 0 {
			continue
		}
		n := Notes{First: first}
		if first == held.First && held.Offset > 0 {
			n.Offset, found = held.Offset, true
		}
		if !found {
			return nil, ErrNotesRemoved
		}
		ended, err := n.read(dir, newest, limit)
		if err != nil {
			return nil, err
		}
		if limit -= len(n.Bytes); len(n.Bytes) > 0 {
			all = append(all, n)
		}
		if ended {
			break
		}
	}
	return all, nil
}

// read fills in the file's checkpoints up to the newest, which ends the reading, or about limit bytes of them.
func (n *Notes) read(dir string, newest []byte, limit int) (ended bool, err error) {
	f, err := os.Open(filepath.Join(dir, numberedName(n.First, checkpointsSuffix)))
	if err != nil {
		return false, fmt.Errorf("read checkpoints: %w", err)
	}
	defer f.Close()
	r := newNoteReader(io.NewSectionReader(f, n.Offset, 1<<62))
	if n.Offset == 0 {
		if _, err := r.header(); err != nil {
			return false, fmt.Errorf("read checkpoints %s: %w", f.Name(), err)
		}
	}
	for !ended && r.offset < int64(limit) {
		signed, err := r.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
			break
		}
		if err != nil {
			return false, fmt.Errorf("read checkpoints %s: %w", f.Name(), err)
		}
		ended = bytes.Equal(signed, newest)
	}
	n.Bytes = make([]byte, r.offset)
	if _, err := f.ReadAt(n.Bytes, n.Offset); err != nil {
		return false, fmt.Errorf("read checkpoints %s: %w", f.Name(), err)
	}
	return ended, nil
}
