package keep

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sallyport/sallyport/audit/journal"
)

// A sealed segment never changes, so that what it refers to is found once and kept beside it:
//
//	<dir>/references/<first record, 20 digits>.refs
//
// holds a line "<bytes of the segment>", then the SHA-256 of each side file in hex, a line each, and last the CRC-32C of
// all that in hex. A file that does not hold is made again.
const (
	referencesDir    = "references"
	referencesSuffix = ".refs"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func referencesPath(dir string, first uint64) string {
	return filepath.Join(dir, referencesDir, fmt.Sprintf("%020d%s", first, referencesSuffix))
}

// eachReference calls emit once for each side file that the segment refers to. sealed says that the segment does not
// grow any more.
func (k *Keeper) eachReference(s journal.Segment, sealed bool, emit func(sum string)) error {
	path := referencesPath(k.dir, s.First)
	if sealed {
		if sums, ok := readReferences(path, s.Bytes); ok {
			for sum := range strings.Lines(sums) {
				emit(strings.TrimSuffix(sum, "\n"))
			}
			return nil
		}
	}
	seen := map[string]bool{}
	var list bytes.Buffer
	fmt.Fprintf(&list, "%d\n", s.Bytes)
	err := journal.EachSideFile(s.Path, func(sum string) {
		if !seen[sum] {
			seen[sum] = true
			list.WriteString(sum + "\n")
			emit(sum)
		}
	})
	if err != nil || !sealed {
		return err
	}
	fmt.Fprintf(&list, "%08x\n", crc32.Checksum(list.Bytes(), castagnoli))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keep references: %w", err)
	}
	if err := journal.WriteFile(path, list.Bytes()); err != nil {
		return fmt.Errorf("keep references: %w", err)
	}
	return nil
}

// readReferences returns the lines of a file that is whole and belongs to a segment of that size.
func readReferences(path string, segment int64) (string, bool) {
	b, err := os.ReadFile(path)
	if err != nil || len(b) < 9 {
		return "", false
	}
	list, sum := string(b[:len(b)-9]), string(b[len(b)-9:])
	if sum != fmt.Sprintf("%08x\n", crc32.Checksum(b[:len(b)-9], castagnoli)) {
		return "", false
	}
	return strings.CutPrefix(list, fmt.Sprintf("%d\n", segment))
}

// dropReferences removes those of segments that are gone.
func dropReferences(dir string, before uint64) error {
	entries, err := os.ReadDir(filepath.Join(dir, referencesDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("drop references: %w", err)
	}
	limit := filepath.Base(referencesPath(dir, before))
	for _, entry := range entries {
		if name := entry.Name(); strings.HasSuffix(name, referencesSuffix) && name < limit {
			if err := os.Remove(filepath.Join(dir, referencesDir, name)); err != nil {
				return fmt.Errorf("drop references: %w", err)
			}
		}
	}
	return nil
}
