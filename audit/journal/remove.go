package journal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// First is the number of the oldest record that the journal in dir still holds; 0 for a journal without segments.
func First(dir string) (uint64, error) {
	firsts, err := segmentFirsts(dir)
	if err != nil || len(firsts) == 0 {
		return 0, err
	}
	return firsts[0], nil
}

// RemoveBefore removes the segments whose records all come before record before, which must be a segment's first, so
// that the newest segment always stays. The oldest goes first, and each removal is on disk before the next: what is
// left after a crash is a journal without its beginning, never one with a gap. What recovery had cut from a removed
// segment goes with it. It returns the bytes of the files that it removed. A live journal does not notice: readers that
// have such a segment open read on to its end.
func RemoveBefore(dir string, before uint64) (int64, error) {
	segments, err := ListSegments(dir)
	if err != nil {
		return 0, err
	}
	if !slices.ContainsFunc(segments, func(s Segment) bool { return s.First == before }) {
		return 0, fmt.Errorf("remove segments: no segment begins with record %d", before)
	}
	var freed int64
	for _, s := range segments {
		if s.First >= before {
			break
		}
		cuts, err := filepath.Glob(s.Path + ".cut-*")
		if err != nil {
			return freed, fmt.Errorf("remove segments: %w", err)
		}
		for _, path := range append([]string{s.Path}, cuts...) {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return freed, fmt.Errorf("remove segments: %w", err)
			}
		}
		if err := SyncDir(dir); err != nil {
			return freed, err
		}
		freed += s.Bytes
	}
	return freed, nil
}

// LastTime is when the segment's last whole record was made; zero when it holds none. A clock that was set back may
// have made earlier records of it later ones.
func LastTime(path string) (time.Time, error) {
	f, err := os.Open(path)
	if err != nil {
		return time.Time{}, fmt.Errorf("read last record: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return time.Time{}, fmt.Errorf("read last record: %w", err)
	}
	line, err := lastLine(f, info.Size())
	if err != nil {
		return time.Time{}, err
	}
	body, _, ok := parseRecord(line)
	if !ok {
		return time.Time{}, nil
	}
	var e struct {
		Time time.Time `json:"time"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return time.Time{}, fmt.Errorf("read last record: %w", err)
	}
	return e.Time, nil
}

// sideFileMark begins each reference to a side file. Within a JSON string its quotes would be escaped, so that nothing
// that a person typed can look like it.
var sideFileMark = []byte(`{"file":"`)

// EachSideFile calls emit with the SHA-256, in hex, of each side file that the segment's bytes refer to, damaged and
// superseded records included, in order and as often as it stands there. Its memory does not depend on the segment.
func EachSideFile(path string, emit func(sha256 string)) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("find side files: %w", err)
	}
	defer f.Close()
	const digits = 64
	reference := len(sideFileMark) + digits
	buf := make([]byte, 1<<20)
	kept := 0 // bytes at the front of buf that were read before
	for {
		n, err := f.Read(buf[kept:])
		if n == 0 && errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("find side files: %w", err)
		}
		rest := buf[:kept+n]
		for {
			i := bytes.Index(rest, sideFileMark)
			if i < 0 {
				rest = rest[max(0, len(rest)-len(sideFileMark)+1):]
				break
			}
			rest = rest[i:]
			if len(rest) < reference {
				break // it goes on in what comes next
			}
			if sum := rest[len(sideFileMark):reference]; isSum(string(sum)) {
				emit(string(sum))
			}
			rest = rest[len(sideFileMark):]
		}
		kept = copy(buf, rest)
	}
}

// isSum says whether name is a SHA-256 as a side file is named.
func isSum(name string) bool {
	raw, err := hex.DecodeString(name)
	return err == nil && len(raw) == 32 && strings.ToLower(name) == name
}

// StoredSideFile is a side file as it stands on disk.
type StoredSideFile struct {
	audit.SideFile
	Path     string
	Modified time.Time
	// Retired is when RetireSideFile set it aside; zero when it has not.
	Retired time.Time
}

// retiredSuffix stands behind the name of a side file that was set aside.
const retiredSuffix = ".retired"

// EachStoredSideFile calls emit for each side file of the journal in dir, those that are set aside included, and passes
// over everything else. A journal without any is no error.
func EachStoredSideFile(dir string, emit func(StoredSideFile) error) error {
	prefixes, err := os.ReadDir(filepath.Join(dir, blobDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list side files: %w", err)
	}
	for _, prefix := range prefixes {
		if !prefix.IsDir() {
			continue
		}
		at := filepath.Join(dir, blobDir, prefix.Name())
		entries, err := os.ReadDir(at)
		if err != nil {
			return fmt.Errorf("list side files: %w", err)
		}
		for _, entry := range entries {
			sum, retired := strings.CutSuffix(entry.Name(), retiredSuffix)
			info, err := entry.Info()
			if !isSum(sum) || errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return fmt.Errorf("list side files: %w", err)
			}
			file := StoredSideFile{SideFile: audit.SideFile{SHA256: sum, Size: info.Size()},
				Path: filepath.Join(at, entry.Name()), Modified: info.ModTime()}
			if retired {
				file.Retired = info.ModTime()
			}
			if err := emit(file); err != nil {
				return err
			}
		}
	}
	return nil
}

// RetireSideFile sets a side file aside, so that a record that needs the same bytes from now on writes them anew, and
// notes when. A record whose writer had found the file just before may still come to refer to it: look once more,
// later, and then RestoreSideFile or RemoveSideFile. One that is not there is no error.
func RetireSideFile(dir, sum string, now time.Time) error {
	path, err := sideFilePath(dir, sum)
	if err != nil {
		return err
	}
	err = os.Chtimes(path, now, now)
	if err == nil {
		err = os.Rename(path, path+retiredSuffix)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("retire side file: %w", err)
	}
	return SyncDir(filepath.Dir(path))
}

// RestoreSideFile takes back RetireSideFile.
func RestoreSideFile(dir, sum string) error {
	path, err := sideFilePath(dir, sum)
	if err != nil {
		return err
	}
	if err := os.Rename(path+retiredSuffix, path); err != nil {
		return fmt.Errorf("restore side file: %w", err)
	}
	return SyncDir(filepath.Dir(path))
}

// RemoveSideFile removes a side file that is set aside.
func RemoveSideFile(dir, sum string) error {
	path, err := sideFilePath(dir, sum)
	if err != nil {
		return err
	}
	if err := os.Remove(path + retiredSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove side file: %w", err)
	}
	return nil
}

func sideFilePath(dir, sum string) (string, error) {
	if !isSum(sum) {
		return "", fmt.Errorf("name side file: %q is no SHA-256", sum)
	}
	return SideFilePath(dir, sum, false), nil
}

// SideFilePath is where the side file of that SHA-256, in hex, stands; retired when it is set aside.
func SideFilePath(dir, sum string, retired bool) string {
	path := filepath.Join(dir, blobDir, sum[:2], sum)
	if retired {
		path += retiredSuffix
	}
	return path
}

// WholeBytes is where the last whole record of a segment, or its header, ends at present: what can be copied of the
// segment that is being written.
func WholeBytes(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("measure segment: %w", err)
	}
	end := info.Size()
	buf := make([]byte, 64<<10)
	for start := end; start > 0; {
		start = max(0, end-int64(len(buf)))
		chunk := buf[:end-start]
		if _, err := f.ReadAt(chunk, start); err != nil {
			return 0, fmt.Errorf("measure segment: %w", err)
		}
		i := bytes.LastIndexByte(chunk, '\n')
		if i < 0 {
			end = start
			continue
		}
		end = start + int64(i) + 1
		line, err := lastLine(f, end)
		if err != nil {
			return 0, err
		}
		if _, ok := parseLine(line); ok {
			return end, nil
		}
		end -= int64(len(line)) + 1
		start = end
	}
	return 0, nil
}
