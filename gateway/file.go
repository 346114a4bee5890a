package gateway

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func temporaryPrefix(name string) string { return "." + name + "-" }

// replaceFile puts the content in the place of the file at path, mode 0600: a reader sees the old one or the new one. A
// durable one survives a power cut once this has returned.
func replaceFile(path string, content []byte, durable bool) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), temporaryPrefix(filepath.Base(path))+"*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(content)
	if err == nil && durable {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if !durable {
		return nil
	}
	dir, derr := os.Open(filepath.Dir(path))
	if derr != nil {
		return fmt.Errorf("write %s: %w", path, derr)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// removeTemporaries removes what a crash left of files that replaceFile was writing in dir, which no other process uses.
func removeTemporaries(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("remove temporary files: %w", err)
	}
	for _, entry := range entries {
		for _, name := range []string{identityFile, snapshotFile, heartbeatFile, hostKeyFile} {
			if strings.HasPrefix(entry.Name(), temporaryPrefix(name)) {
				err = errors.Join(err, os.Remove(filepath.Join(dir, entry.Name())))
			}
		}
	}
	return err
}
