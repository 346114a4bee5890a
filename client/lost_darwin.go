package client

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// loseAfter has a connection end when nobody acknowledges what was sent for lostAfter (tcp(4), TCP_RXT_CONNDROPTIME).
func loseAfter(_, _ string, raw syscall.RawConn) error {
	var set error
	err := raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_RXT_CONNDROPTIME, int(lostAfter.Seconds()))
	})
	return errors.Join(err, set)
}
