//go:build linux || darwin || freebsd

package agent

import (
	"fmt"
	"net"
)

// peerUID says which user is at the other end of a socket.
func peerUID(conn *net.UnixConn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("ask who connected: %w", err)
	}
	var uid uint32
	var asked error
	err = raw.Control(func(fd uintptr) { uid, asked = uidOf(int(fd)) })
	if err == nil {
		err = asked
	}
	if err != nil {
		return 0, fmt.Errorf("ask who connected: %w", err)
	}
	return int(uid), nil
}
