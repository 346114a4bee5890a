package journal

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// CheckSpace says clearly, and before anything is written, that a file system has no room for so many bytes.
func CheckSpace(dir string, need int64) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return fmt.Errorf("measure free space of %s: %w", dir, err)
	}
	if free := int64(s.Bavail) * s.Bsize; free < need {
		return fmt.Errorf("%s has %d MB free, and %d MB are needed: free some, or give a place on another disk", dir, free>>20, need>>20+1)
	}
	return nil
}
