//go:build unix

package sealed

import (
	"os"
	"syscall"
)

// lock waits until no other process has the file locked. Closing it unlocks it.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }
