//go:build !unix

package embedded

import (
	"errors"
	"os"
)

// lockDir refuses: a gateway runs on Unix only, and two writers would ruin each other's files.
func lockDir(string) (*os.File, error) {
	return nil, errors.New("lock index: not supported on this system")
}
