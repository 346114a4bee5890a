package store

import (
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// boundSilence ends a connection whose other side does not take what is sent to it.
func boundSilence(limit time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(network, _ string, c syscall.RawConn) (err error) {
		if !strings.HasPrefix(network, "tcp") {
			return nil
		}
		if cerr := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(limit.Milliseconds()))
		}); cerr != nil {
			return cerr
		}
		return err
	}
}
