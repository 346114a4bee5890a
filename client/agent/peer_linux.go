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
	var peer *unix.Ucred
	var asked error
	err = raw.Control(func(fd uintptr) { peer, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err == nil {
		err = asked
	}
	if err != nil {
		return 0, fmt.Errorf("ask who connected: %w", err)
	}
	return int(peer.Uid), nil
}
