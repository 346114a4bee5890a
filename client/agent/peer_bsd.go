//go:build darwin || freebsd

package agent

import "golang.org/x/sys/unix"

// uidOf asks the system who is at the other end of a socket (unix(4), LOCAL_PEERCRED).
func uidOf(fd int) (uint32, error) {
	peer, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, err
	}
	return peer.Uid, nil
}
