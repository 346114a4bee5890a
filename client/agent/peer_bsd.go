//go:build darwin || freebsd

package agent

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// peerUID says which user is at the other end of a socket.
func peerUID(conn *net.UnixConn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("ask who connected: %w", err)
	}
	var peer *unix.Xucred
	var asked error
	err = raw.Control(func(fd uintptr) { peer, asked = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED) })
	if err == nil {
		err = asked
	}
	if err != nil {
		return 0, fmt.Errorf("ask who connected: %w", err)
	}
	return int(peer.Uid), nil
}
