package recording

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Names of the directories of recordings, beside the journal in a data directory and within its backup.
const (
	OwnDir     = "recordings"         // of this process's own sessions
	ShippedDir = "gateway-recordings" // that gateways have sent
)

// Stored is one file of a store that another process may be writing to.
type Stored struct {
	Name string // within the store, with slashes
	// Growing says that it may change: what can be copied of it WholeBytes tells.
	Growing bool
}

// EachStored tells of what a store in dir consists of: its signs first, so that what a sign says of a recording is true of one that is copied
// after it. A store that does not exist has nothing.
func EachStored(dir string, visit func(Stored) error) error {
	growing := map[string]bool{}
	for _, signs := range []string{openDir, growDir, shipDir} {
		entries, err := os.ReadDir(filepath.Join(dir, signs))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, sign := range entries {
			if strings.HasPrefix(sign.Name(), tempPrefix) {
				continue
			}
			growing[sign.Name()] = growing[sign.Name()] || signs != shipDir
			if err := visit(Stored{Name: signs + "/" + sign.Name(), Growing: true}); err != nil {
				return err
			}
		}
	}
	days, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	days = slices.DeleteFunc(days, func(d fs.DirEntry) bool {
		_, err := time.Parse(dayFormat, d.Name())
		return err != nil || !d.IsDir()
	})
	for _, day := range days {
		files, err := os.ReadDir(filepath.Join(dir, day.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, file := range files {
			statement, ok := strings.CutSuffix(file.Name(), extension)
			if !ok || !file.Type().IsRegular() {
				continue
			}
			info, err := file.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			// One that began since the signs were read has none here.
			fresh := time.Since(info.ModTime()) < settleTime
			if err := visit(Stored{Name: day.Name() + "/" + file.Name(), Growing: growing[statement] || fresh}); err != nil {
				return err
			}
		}
	}
	return nil
}

// WholeBytes is how far the label and the frames of a file stand whole, of which the last may be being written.
func WholeBytes(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	_, begin, err := readLabel(f)
	if errors.Is(err, errTorn) {
		return 0, nil
	}
	if err != nil {
		return info.Size(), nil //nolint:nilerr // no recording as we know it: all of it is kept for who looks into it
	}
	for h := newHeads(f, int64(len(begin)), info.Size()); ; {
		_, _, final, ok, err := h.next()
		if err != nil || !ok || final {
			return h.offset, err
		}
	}
}
