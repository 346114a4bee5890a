//go:build unix

package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// become puts a program in this one's place, so that the terminal and its signals are the program's alone. It returns only when it cannot.
func become(path string, args []string) error {
	return fmt.Errorf("start %s: %w", path, unix.Exec(path, args, os.Environ()))
}
