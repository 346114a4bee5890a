package client

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrInUse says that another process holds a lock.
var ErrInUse = errLocked

// TryLock takes the lock of the file at path for this process, in a directory that is made private. It does not wait:
// the error wraps ErrInUse when another process holds it. The system gives up the lock of a process that dies.
func TryLock(path string) (unlock func(), err error) {
	if err := privateDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := tryLock(file); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return func() { _ = file.Close() }, nil
}

// ReplaceFile puts content at path with mode 0600: readers see the old file or the new one, also after a power cut.
func ReplaceFile(path string, content []byte) error { return replaceFile(path, content) }
