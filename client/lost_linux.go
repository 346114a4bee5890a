package client

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// loseAfter has a connection end when nobody acknowledges what was sent for lostAfter: the system itself would go on for a
// quarter of an hour (tcp(7), TCP_USER_TIMEOUT).
func loseAfter(_, _ string, raw syscall.RawConn) error {
	var set error
	err := raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(lostAfter.Milliseconds()))
	})
	return errors.Join(err, set)
}
