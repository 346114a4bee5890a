package proof

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Dir is the folder within a journal's directory that holds its proof.
const Dir = "proof"

// Names within Dir.
const (
	keyFile        = "key.pub"     // the verifier key that signs at present, for people
	keysFile       = "keys.json"   // the first verifier key, and all changes
	latestFile     = "checkpoint"  // the newest checkpoint
	baseFile       = "base.json"   // what is left of records whose hashes were dropped
	hashesDir      = "hashes"      // leaf hashes, a file for each block
	checkpointsDir = "checkpoints" // all checkpoints

	hashesSuffix      = ".hashes"
	checkpointsSuffix = ".checkpoints"

	// tempPrefix is the journal's: what a crash leaves of it is no part of a log.
	tempPrefix = ".tmp-"
)

func numberedName(n uint64, suffix string) string { return fmt.Sprintf("%020d%s", n, suffix) }

func parseNumberedName(name, suffix string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}

// replaceFile makes path hold exactly b, on disk, or leaves it as it was.
func replaceFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), tempPrefix)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name()) // the first error is the one to tell
		return err
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

// makeDirs makes the folders of a proof, on disk.
func makeDirs(journal string) error {
	root := filepath.Join(journal, Dir)
	for _, dir := range []string{root, filepath.Join(root, hashesDir), filepath.Join(root, checkpointsDir)} {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return errors.Join(syncDir(root), syncDir(journal))
}

// removeTemporaries removes what a crash left of files that were being written.
func removeTemporaries(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), tempPrefix) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, entry.Name())))
		}
	}
	return err
}
