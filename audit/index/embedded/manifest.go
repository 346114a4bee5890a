package embedded

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	manifestName   = "manifest"
	manifestFormat = 1
	lockName       = "lock"
	tempPrefix     = ".tmp-"
	damagedDir     = "damaged"
)

// manifest says what the index is made of. It is replaced as a whole, and with it the index goes from one state to the
// next: a file that it does not name is a leftover.
type manifest struct {
	Format  int    `json:"format"`
	Gateway string `json:"gateway"`
	// Next is the number of the first record that no segment holds: where following goes on.
	Next uint64 `json:"next"`
	// Last is the last event in the segments; it tells this journal from another.
	Last eventRef `json:"last"`
	// Floor is the first record that can be found; what comes before was dropped.
	Floor uint64 `json:"floor,omitempty"`
	// Generation is one more than that of the youngest file.
	Generation uint64 `json:"generation"`
	// Parts are the segments, by ascending records; together they cover all from the first on up to Next.
	Parts []part `json:"parts"`
	// Open are the statements in segments whose results were not there yet, the oldest first.
	Open []eventRef `json:"open,omitempty"`
	// Forgotten is the record before which open statements were left out of Open: their results are looked up by ID.
	Forgotten uint64 `json:"forgotten,omitempty"`
	// Late are the results of statements in segments that do not stand in these yet.
	Late []lateResult `json:"late,omitempty"`
}

// part is a range of records, and the segment of its events.
type part struct {
	First uint64 `json:"first"` // record
	Next  uint64 `json:"next"`  // the record after the last
	// Name is the segment's file of rows; empty when the journal has no events there. One that is not there, or is not
	// what it was, is rebuilt from the journal.
	Name     string    `json:"name,omitempty"`
	Rows     int64     `json:"rows"`
	Bytes    int64     `json:"bytes"`
	Earliest time.Time `json:"earliest"`
	Latest   time.Time `json:"latest"`
	// Folded is one more than the last record whose result may stand in the segment's own rows.
	Folded uint64 `json:"folded"`
}

// eventRef names an event.
type eventRef struct {
	ID  string `json:"id"`
	Seq uint64 `json:"seq"`
}

// lateResult is a result whose statement was in a segment already when it came.
type lateResult struct {
	Seq    uint64          `json:"seq"` // of the result
	Of     uint64          `json:"of"`  // of the statement
	Result json.RawMessage `json:"result"`
}

// errManifest says that the manifest is there but cannot be understood.
var errManifest = errors.New("manifest is damaged")

// readManifest returns the directory's manifest; an empty one when there is none.
func readManifest(dir string) (manifest, error) {
	b, err := os.ReadFile(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return manifest{Format: manifestFormat}, nil
	}
	if err != nil {
		return manifest{}, fmt.Errorf("read manifest: %w", err)
	}
	sum, body, _ := bytes.Cut(b, []byte(" "))
	if string(sum) != checksum(body) {
		return manifest{}, fmt.Errorf("%w: checksum does not hold", errManifest)
	}
	var m manifest
	if err := json.Unmarshal(body, &m); err != nil {
		return manifest{}, fmt.Errorf("%w: %w", errManifest, err)
	}
	if err := m.check(); err != nil {
		return manifest{}, fmt.Errorf("%w: %w", errManifest, err)
	}
	return m, nil
}

// check says whether the manifest is one that this package wrote.
func (m *manifest) check() error {
	if m.Format != manifestFormat {
		return fmt.Errorf("format %d, not %d", m.Format, manifestFormat)
	}
	var next uint64
	for i, p := range m.Parts {
		if i > 0 && p.First != next || p.Next <= p.First {
			return fmt.Errorf("part %d spans records %d to %d behind %d", i, p.First, p.Next, next)
		}
		if p.Name != "" && !isSegmentName(p.Name) {
			return fmt.Errorf("part %d names %q", i, p.Name)
		}
		next = p.Next
	}
	if len(m.Parts) > 0 && next != m.Next {
		return fmt.Errorf("parts end at record %d, not %d", next, m.Next)
	}
	return nil
}

// write replaces the directory's manifest; it is on disk when this returns.
func (m *manifest) write(dir string) error {
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	b = append([]byte(checksum(b)+" "), b...)
	temp := filepath.Join(dir, tempPrefix+manifestName)
	if err := writeSynced(temp, b); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if err := os.Rename(temp, filepath.Join(dir, manifestName)); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return syncDir(dir)
}

// checksum is CRC-32C in hex, as before each line of the journal.
func checksum(b []byte) string {
	return fmt.Sprintf("%08x", crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
