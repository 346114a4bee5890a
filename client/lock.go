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

// errLocked says that another process holds the lock.
var errLocked = errors.New("in use by another process")

// lock keeps other processes from changing the profile until unlock is called, and waits for one that does. The
// operating system gives up the lock of a process that dies.
func (s *Store) lock(ctx context.Context, name string) (unlock func(), err error) {
	path, err := s.path(name)
	if err != nil {
		return nil, err
	}
	if err := privateDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err = tryLock(file); !errors.Is(err, errLocked) {
			break
		}
		timer := time.NewTimer(lockPause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, errors.Join(fmt.Errorf("wait for another process: %w", ctx.Err()), file.Close())
		case <-timer.C:
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { _ = file.Close() }, nil // closing gives up the lock
}
