package agent

import (
	"context"
	"fmt"
	"net"

	"github.com/sallyport/sallyport/client"
)

// listener is a resource's local port and the tunnel behind it.
type listener struct {
	port   int
	tunnel *client.Tunnel
	local  net.Listener
	end    context.CancelFunc
	served chan struct{} // closed when no connection is left
}

// listen opens the port and serves it until close or drain.
func listen(ctx context.Context, local *net.TCPListener, t *client.Tunnel) *listener {
	ctx, cancel := context.WithCancel(ctx)
	l := &listener{
		port: local.Addr().(*net.TCPAddr).Port, tunnel: t, local: local, end: cancel, served: make(chan struct{}),
	}
	go func() {
		defer close(l.served)
		if err := t.Serve(ctx, local); err != nil {
			t.Report(t.Resource, err)
		}
	}()
	return l
}

// close ends the port and all connections, and waits for them.
func (l *listener) close() {
	l.end()
	<-l.served
}

// drain ends the port alone.
func (l *listener) drain() { _ = l.local.Close() }

// findPort listens on the first port of wanted that is free, or else on the next free one after the first. used says
// which ports belong to another resource.
func findPort(ctx context.Context, wanted []int, used func(int) bool) (*net.TCPListener, error) {
	var taken error
	for _, port := range wanted {
		l, err := client.ListenOn(ctx, port)
		if err == nil {
			return l, nil
		}
		taken = err
	}
	const tries = 1000
	for port := wanted[0] + 1; port < wanted[0]+tries && port < 65536; port++ {
		if used(port) {
			continue
		}
		if l, err := client.ListenOn(ctx, port); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("find a free port after %d: %w", wanted[0], taken)
}
