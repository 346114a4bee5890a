package sealed

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// replaceFile puts content at path, whole or not at all, mode 0600, on disk when it returns.
func replaceFile(path string, content []byte) error {
	dir := filepath.Dir(path)
	temp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("make temporary file: %w", err)
	}
	err = fill(temp, content)
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(temp.Name())))
	}
	return syncDir(dir)
}

// createFile is replaceFile for a path that must not exist yet; the error wraps os.ErrExist when it does.
func createFile(path string, content []byte) error {
	dir := filepath.Dir(path)
	temp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("make temporary file: %w", err)
	}
	err = fill(temp, content)
	if err == nil {
		err = os.Link(temp.Name(), path) // fails where a rename would replace
	}
	if err := errors.Join(err, os.Remove(temp.Name())); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return syncDir(dir)
}

// fill writes, syncs and closes a file.
func fill(f *os.File, content []byte) error {
	_, err := f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes a directory's entries durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}
