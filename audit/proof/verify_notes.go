package proof

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
)

// noteWalk reads the stored checkpoints in order, each checked by its signature and against the one before it.
type noteWalk struct {
	files  fs.FS
	firsts []uint64 // of the files not yet opened
	chain  *chain

	f      fs.File
	name   string
	r      *noteReader
	prev   Checkpoint
	begun  bool // a checkpoint was read
	opened bool // a file is new: its first checkpoint comes next
	first  uint64
	signed string // the last one, as it stands
}

// next reads the next checkpoint. gone is how many records retention may have taken with their checkpoints. io.EOF when
// there is none.
func (n *noteWalk) next(gone uint64) (Checkpoint, error) {
	for {
		if n.f == nil {
			if err := n.open(gone); err != nil {
				return Checkpoint{}, err
			}
		}
		offset := n.r.offset
		b, err := n.r.next()
		if errors.Is(err, io.EOF) && !n.opened {
			if err := n.close(); err != nil {
				return Checkpoint{}, err
			}
			continue
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errTorn
			}
			return Checkpoint{}, n.fault(CheckpointMissing, offset, err.Error())
		}
		cp, err := n.chain.open(b)
		if err != nil {
			return Checkpoint{}, n.fault(CheckpointForged, offset, "a checkpoint is not genuine: "+err.Error())
		}
		if n.begun && cp.Size <= n.prev.Size {
			return Checkpoint{}, n.fault(CheckpointForged, offset, fmt.Sprintf("a checkpoint of %d records stands behind one of %d", cp.Size, n.prev.Size))
		}
		if n.opened && cp.Size != n.first {
			return Checkpoint{}, n.fault(CheckpointMissing, offset, fmt.Sprintf("the file's first checkpoint is of %d records, not of %d", cp.Size, n.first))
		}
		n.prev, n.begun, n.opened, n.signed = cp, true, false, string(b)
		return cp, nil
	}
}

// open opens the next file and checks that it follows the one before.
func (n *noteWalk) open(gone uint64) error {
	if len(n.firsts) == 0 {
		return io.EOF
	}
	n.first, n.firsts = n.firsts[0], n.firsts[1:]
	n.name = path.Join(Dir, checkpointsDir, numberedName(n.first, checkpointsSuffix))
	var err error
	if n.f, err = n.files.Open(n.name); err != nil {
		return fmt.Errorf("read checkpoints: %w", err)
	}
	n.r, n.opened = newNoteReader(n.f), true
	h, err := n.r.header()
	switch {
	case err != nil:
		return n.fault(CheckpointForged, 0, err.Error())
	case !n.begun && h.size == 0 && h.root != emptyRoot():
		return n.fault(CheckpointForged, 0, "its first line is damaged")
	case !n.begun && h.size > gone, n.begun && (h.size != n.prev.Size || h.root != n.prev.Root):
		return n.fault(CheckpointMissing, 0, fmt.Sprintf("it follows a checkpoint of %d records that is not there", h.size))
	}
	return nil
}

func (n *noteWalk) close() error {
	if n.f == nil {
		return nil
	}
	err := n.f.Close()
	n.f = nil
	return err
}

func (n *noteWalk) fault(kind FaultKind, offset int64, detail string) *Fault {
	return &Fault{Kind: kind, Seq: n.prev.Size, Path: n.name, Offset: offset, Detail: detail}
}
