package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strconv"
)

type peerKey struct{}

// LocalConn marks the requests of a connection to the local Unix socket with the operating system's user behind it.
// It is the http.Server's ConnContext for LocalHandler.
func LocalConn(ctx context.Context, conn net.Conn) context.Context {
	uid, err := peerUID(conn)
	if err != nil || uid != 0 && uid != os.Geteuid() {
		return ctx // LocalHandler refuses what is not marked
	}
	return context.WithValue(ctx, peerKey{}, "local:"+strconv.Itoa(uid))
}

func localPeer(ctx context.Context) (string, bool) {
	name, ok := ctx.Value(peerKey{}).(string)
	return name, ok
}

// WithLocalCaller is for this process itself, such as the command line of a server that is not running: it acts as the
// operating system's user.
func WithLocalCaller(ctx context.Context) context.Context {
	name := "local:" + strconv.Itoa(os.Geteuid())
	return withCaller(ctx, &caller{name: name, local: true, admin: true, auditor: true, addr: "local"})
}

// LocalHandler is Handler for the local socket, whose callers are admins by their rights on the data directory. Its
// server must have LocalConn as ConnContext: see LocalServer.
func (s *Service) LocalHandler() http.Handler {
	inner := s.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := localPeer(r.Context()); !ok {
			writeProblem(w, problem(http.StatusForbidden, "only the user who runs the server may use its socket"))
			return
		}
		inner.ServeHTTP(w, r)
	})
}

// ListenLocal makes the socket at path with mode 0600, in the place of one that a crash left behind. The directory
// must be closed to others.
func ListenLocal(path string) (net.Listener, error) {
	if conn, err := net.Dial("unix", path); err == nil {
		_ = conn.Close()
		return nil, fmt.Errorf("listen on %s: another server is using it", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove old socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("close socket to others: %w", err), l.Close())
	}
	return l, nil
}
