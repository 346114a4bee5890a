//go:build !linux

package store

import (
	"syscall"
	"time"
)

// boundSilence does nothing: the operating system's own limit applies to what is sent.
func boundSilence(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }
