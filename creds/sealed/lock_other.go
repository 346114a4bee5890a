//go:build !unix

package sealed

import (
	"errors"
	"os"
)

// lock refuses: a server runs on Unix only.
func lock(*os.File) error { return errors.New("not supported on this system") }
