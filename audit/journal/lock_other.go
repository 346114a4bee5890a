//go:build !unix

package journal

import (
	"errors"
	"os"
)

// lockDir refuses: a gateway runs on Unix only, and a journal without a lock is none.
func lockDir(string) (*os.File, error) {
	return nil, errors.New("lock journal: not supported on this system")
}
