package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// lockPause is how often a lock that another process holds is tried again.
const lockPause = 20 * time.Millisecond

// ErrInUse says that another process holds a lock.
var ErrInUse = errors.New("in use by another process")

// lock keeps other processes from changing the profile until unlock is called, and waits for one that does. The
// operating system gives up the lock of a process that dies.
func (s *Store) lock(ctx context.Context, name string) (unlock func(), err error) {
	path, err := s.path(name)
	if err != nil {
		return nil, err
	}
	for {
		if unlock, err = TryLock(path + ".lock"); !errors.Is(err, ErrInUse) {
			return unlock, err
		}
		timer := time.NewTimer(lockPause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("wait for another process: %w", ctx.Err())
		case <-timer.C:
		}
	}
}

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
	return func() { _ = file.Close() }, nil // closing gives up the lock
}
