//go:build !linux

package admin

import (
	"errors"
	"net"
	"os"
)

// peerUID trusts the socket's mode, 0600: whoever could open it is the user who runs the server.
func peerUID(conn net.Conn) (int, error) {
	if _, ok := conn.(*net.UnixConn); !ok {
		return 0, errors.New("not a Unix connection")
	}
	return os.Geteuid(), nil
}
