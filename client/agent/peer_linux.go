package agent

import "golang.org/x/sys/unix"

// uidOf asks the system who is at the other end of a socket (unix(7), SO_PEERCRED).
func uidOf(fd int) (uint32, error) {
	peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return peer.Uid, nil
}
