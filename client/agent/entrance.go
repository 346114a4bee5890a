package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
)

// listenAt opens the agent's own entrance. The caller holds the lock, so a socket that is there is one that nobody
// listens on any more.
func listenAt(ctx context.Context, place Place) (net.Listener, meeting, error) {
	m := meeting{Network: "tcp", Address: "127.0.0.1:0", PID: os.Getpid()}
	if usesSocket() {
		path, err := place.socket()
		if err != nil {
			return nil, m, err
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, m, fmt.Errorf("remove the socket of an agent that ended: %w", err)
		}
		m.Network, m.Address = "unix", path
	}
	l, err := new(net.ListenConfig).Listen(ctx, m.Network, m.Address)
	if err != nil {
		return nil, m, fmt.Errorf("listen for commands: %w", err)
	}
	if m.Network == "unix" {
		if err := os.Chmod(m.Address, 0o600); err != nil {
			return nil, m, errors.Join(fmt.Errorf("make the socket private: %w", err), l.Close())
		}
		return &ownUser{Listener: l, uid: os.Getuid()}, m, nil
	}
	m.Address = l.Addr().String()
	return l, m, nil
}

// ownUser accepts the connections of one user's programs alone.
type ownUser struct {
	net.Listener
	uid int
}

func (l *ownUser) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		socket, ok := conn.(*net.UnixConn)
		if !ok {
			_ = conn.Close()
			continue
		}
		uid, err := peerUID(socket)
		if errors.Is(err, errors.ErrUnsupported) || err == nil && uid == l.uid {
			return conn, nil
		}
		_ = conn.Close()
	}
}
