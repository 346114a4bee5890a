package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/audit/index/segment"
)

// unit is a part of the index as it is open. Searches hold it, so that its files stay until the last one is over.
type unit struct {
	part
	path string
	log  *slog.Logger
	hurt *atomic.Int64    // counts damage
	seg  *segment.Segment // nil when fault says why, and when the part has no events
	// fault is why the segment cannot be used: it is rebuilt.
	fault error
	// damaged says that a place of it could not be read: it is rebuilt, too, and serves meanwhile.
	damaged atomic.Bool
	// lasting says that the journal cannot give what is damaged any more.
	lasting bool
	late    lates // guarded by Index.mu
	over    atomic.Pointer[overlay]

	refs   atomic.Int32
	remove atomic.Bool // the files go with the last reference
}

// unitOf opens a part's segment.
func (ix *Index) unitOf(p part) *unit {
	u := &unit{part: p, path: filepath.Join(ix.dir, p.Name), log: ix.o.Log, hurt: &ix.count.damaged}
	u.refs.Store(1)
	if p.Name == "" {
		return u
	}
	if u.seg, u.fault = segment.Open(u.path, ix.cache); u.fault == nil {
		u.fault = u.differs()
	}
	if u.fault != nil {
		u.hurt.Add(1)
		ix.o.Log.Error("a segment of the index cannot be used; it is rebuilt", "segment", p.Name, "err", u.fault)
	}
	return u
}

// differs says that the segment is not the one that the manifest means.
func (u *unit) differs() error {
	info := u.seg.Info()
	if int64(info.Rows) == u.Rows && (info.Rows == 0 || info.FirstSeq >= u.First && info.LastSeq < u.Next) {
		return nil
	}
	err := fmt.Errorf("holds %d events of records %d to %d, not %d of %d to %d", info.Rows, info.FirstSeq, info.LastSeq,
		u.Rows, u.First, u.Next-1)
	u.seg.Close()
	u.seg = nil
	return err
}

func (u *unit) acquire() { u.refs.Add(1) }

// release closes the segment with the last reference.
func (u *unit) release() {
	if u.refs.Add(-1) > 0 {
		return
	}
	var err error
	if u.seg != nil {
		err = u.seg.Close()
	}
	if u.remove.Load() && u.Name != "" {
		err = errors.Join(err, segment.Remove(u.path))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		u.log.Warn("a segment of the index was not closed well", "segment", u.Name, "err", err)
	}
}

// overlaps says whether events of the part may lie in the range; zero is unbounded.
func (u *unit) overlaps(from, to time.Time) bool {
	return (from.IsZero() || !u.Latest.Before(from)) && (to.IsZero() || u.Earliest.Before(to))
}

// day is the UTC day of the part's latest event.
func (u *unit) day() string { return u.Latest.UTC().Format(time.DateOnly) }

// unitAt is the unit that has record seq; nil when none has.
func (ix *Index) unitAt(seq uint64) *unit {
	i := sort.Search(len(ix.units), func(i int) bool { return ix.units[i].Next > seq })
	if i == len(ix.units) || ix.units[i].First > seq {
		return nil
	}
	return ix.units[i]
}

// blockAt is the block that has record seq, if one has.
func blockAt(seg *segment.Segment, seq uint64) int {
	return sort.Search(seg.Blocks(), func(i int) bool { return seg.BlockInfo(i).LastSeq >= seq })
}

// Segments are named by the day, the first record and a number that is never used twice.
var segmentName = regexp.MustCompile(`^\d{4,5}-\d\d-\d\d-\d{20}-(\d+)\.(parquet|index)`)

func isSegmentName(name string) bool {
	return segmentName.MatchString(name) && strings.HasSuffix(name, ".parquet")
}

func nameOf(at time.Time, first, generation uint64) string {
	return fmt.Sprintf("%s-%020d-%d.parquet", at.UTC().Format(time.DateOnly), first, generation)
}

// clean removes what a crash left of files that the manifest does not name, and returns the number of the next file.
func (ix *Index) clean(m *manifest) (generation uint64, err error) {
	entries, err := os.ReadDir(ix.dir)
	if err != nil {
		return 0, fmt.Errorf("list index: %w", err)
	}
	generation = m.Generation
	for _, entry := range entries {
		name := entry.Name()
		match := segmentName.FindStringSubmatch(name)
		if match == nil && !strings.HasPrefix(name, tempPrefix) || entry.IsDir() {
			continue
		}
		if match != nil {
			if n, err := strconv.ParseUint(match[1], 10, 64); err == nil {
				generation = max(generation, n+1)
			}
			parquet := strings.TrimSuffix(name, ".index") + ".parquet"
			if slices.ContainsFunc(m.Parts, func(p part) bool { return p.Name == name || p.Name == parquet }) {
				continue
			}
		}
		if err := os.Remove(filepath.Join(ix.dir, name)); err != nil {
			return 0, fmt.Errorf("remove leftovers: %w", err)
		}
	}
	return generation, nil
}
