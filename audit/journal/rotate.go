package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// rotate ends the segment and begins the next. j.mu is held, for one sync of what came in during the last one: the
// old segment must be on disk before the new one exists, or a power cut could leave a gap that is no tail.
func (j *Journal) rotate() error {
	if err := j.dataSync(j.seg.f); err != nil {
		j.failed = fmt.Errorf("sync journal: %w", err)
		j.o.Log.Error("journal cannot be synced", "err", err)
		return j.failed
	}
	j.seg.synced = j.seg.size
	first := j.written.Load()
	j.durable.Store(first)
	next, err := j.followUp(first)
	if err != nil {
		// The old segment goes on; there is time to try again.
		j.seg.limit = j.seg.size + j.o.SegmentBytes/8
		j.o.Log.Error("journal segment cannot be begun", "err", err)
		return nil
	}
	old := j.seg.f
	j.seg = next
	if err := old.Close(); err != nil {
		j.o.Log.Warn("close journal segment", "err", err)
	}
	return nil
}

// followUp makes the segment that comes after the current one.
func (j *Journal) followUp(first uint64) (segment, error) {
	line, err := lastLine(j.seg.f, j.seg.size)
	if err != nil {
		return segment{}, err
	}
	body, seq, ok := parseRecord(line)
	if !ok || seq != first-1 {
		return segment{}, &CorruptError{Path: j.seg.f.Name(), Offset: j.seg.size, Seq: first - 1, Reason: "last record is damaged"}
	}
	return j.createSegment(leafHash(body), first, nil)
}

// createSegment makes a segment that holds a header and then records, which are lines as they stand. It replaces a
// segment of the same name. Neither the file nor its name is synced.
func (j *Journal) createSegment(prev string, first uint64, records []byte) (segment, error) {
	h := Header{
		Format: Format, Gateway: j.o.Gateway, First: first, Prev: prev,
		Created: time.Now().UTC().Truncate(time.Microsecond),
	}
	line, err := h.appendLine(nil)
	if err != nil {
		return segment{}, err
	}
	f, err := os.CreateTemp(j.dir, tempPrefix) // mode 0600
	if err != nil {
		return segment{}, fmt.Errorf("create segment: %w", err)
	}
	_, err = f.Write(append(line, records...))
	path := j.path(first)
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("create segment: %w", err), f.Close(), os.Remove(f.Name()))
		return segment{}, err
	}
	// Reopened under its own name, so that errors tell it.
	named, err := os.OpenFile(path, os.O_RDWR, 0)
	if err = errors.Join(err, f.Close()); err != nil {
		return segment{}, fmt.Errorf("create segment: %w", err)
	}
	size := int64(len(line) + len(records))
	return segment{f: named, header: h, size: size, limit: max(j.o.SegmentBytes, size+1), unlisted: true}, nil
}

// salvage is called when a sync has failed with cause. The kernel may have dropped what it could not write and call
// the next sync a success, so that the segment's unsynced part cannot be trusted any more. It is read back, checked
// record by record, and written into a new segment, which supersedes it. Until that has worked nothing is appended.
func (j *Journal) salvage(cause error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed == nil {
		j.failed = cause
		j.o.Log.Error("journal cannot be synced", "err", cause)
	}
	if err := j.rewriteUnsynced(); err != nil {
		return errors.Join(cause, fmt.Errorf("save unsynced records: %w", err))
	}
	j.failed = nil
	j.o.Log.Warn("journal was moved to a new segment", "first", j.seg.header.First, "records", j.written.Load()-j.durable.Load())
	j.durable.Store(j.written.Load())
	return nil
}

// rewriteUnsynced moves the records that are not durable to a new segment, on disk.
func (j *Journal) rewriteUnsynced() error {
	first, old := j.durable.Load(), j.seg
	records := make([]byte, old.size-old.synced)
	if _, err := old.f.ReadAt(records, old.synced); err != nil {
		return err
	}
	prev := old.header.Prev
	if old.synced == 0 {
		records = records[bytes.IndexByte(records, '\n')+1:] // the header, which is written anew
	}
	if first > old.header.First {
		line, err := lastLine(old.f, old.synced)
		if err != nil {
			return err
		}
		prev = leafHash(line[linePrefix:])
	}
	if at, seq := checkLines(records, first); seq != j.written.Load() {
		return &CorruptError{Path: old.f.Name(), Offset: old.size - int64(len(records)-at), Seq: seq, Reason: "record was lost by the disk"}
	}
	next, err := j.createSegment(prev, first, records)
	if err != nil {
		return err
	}
	if err := errors.Join(j.dataSync(next.f), SyncDir(j.dir)); err != nil {
		return errors.Join(err, next.f.Close())
	}
	next.synced, next.unlisted = next.size, false
	j.seg, j.torn = next, false
	// Its copies are superseded by now; what happens to them matters to nobody.
	_ = old.f.Truncate(old.synced)
	_ = old.f.Close()
	return nil
}

// checkLines checks consecutive records from first on. It returns the offset and the number of the first that is not
// in its place, or the end of b and the number after the last.
func checkLines(b []byte, first uint64) (at int, seq uint64) {
	seq = first
	for at < len(b) {
		end := bytes.IndexByte(b[at:], '\n')
		if end < 0 {
			return at, seq
		}
		_, got, ok := parseRecord(b[at : at+end])
		if !ok || got != seq {
			return at, seq
		}
		at += end + 1
		seq++
	}
	return at, seq
}

func (j *Journal) path(first uint64) string { return filepath.Join(j.dir, segmentName(first)) }
