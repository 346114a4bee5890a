package client

import (
	"context"
	"fmt"
	"hash/fnv"
	"net"
	"strconv"
)

// The range that local ports are taken from, below those that systems hand out by themselves.
const (
	firstPort = 20000
	portCount = 10000
)

// PreferredPort is the local port of a resource: derived from its name, so that it is the same on every machine and
// every day, and saved connections go on working.
func PreferredPort(resource string) int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(resource)) // never returns an error
	return firstPort + int(hash.Sum32()%portCount)
}

// ListenFrom listens on 127.0.0.1 at the preferred port, or the next free one of the range. The caller compares the two
// to tell the person.
func ListenFrom(ctx context.Context, preferred int) (*net.TCPListener, error) {
	var taken error
	for i := range portCount {
		port := preferred
		if i > 0 {
			port = firstPort + ((preferred-firstPort+i)%portCount+portCount)%portCount
		}
		l, err := ListenOn(ctx, port)
		if err == nil {
			return l, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		taken = err // systems differ in how they say "taken" or "reserved", so any error moves on
	}
	return nil, fmt.Errorf("find a free port from %d to %d: %w", firstPort, firstPort+portCount-1, taken)
}

// ListenNode listens on 127.0.0.1 at the node's own port. The error says what follows when that cannot be had.
func ListenNode(ctx context.Context, n Node) (*net.TCPListener, error) {
	if n.Port == 0 {
		return nil, fmt.Errorf("clients of the cluster do not reach its node %s: the server has no port left for it", n.Name)
	}
	l, err := ListenOn(ctx, n.Port)
	if err != nil {
		return nil, fmt.Errorf("clients of the cluster do not reach its node %s, whose port must be %d: end the program that has it (%w)", n.Name, n.Port, err)
	}
	return l, nil
}

// ListenOn listens on 127.0.0.1 at the given port.
func ListenOn(ctx context.Context, port int) (*net.TCPListener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("listen on port %d: %w", port, err)
	}
	return l.(*net.TCPListener), nil
}
