package mysql

import (
	"context"
	"net"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

const (
	// greetingLife is how long a store's greeting is trusted without having been seen again. A probe costs the store an
	// interrupted handshake, of which it counts those in a row (max_connect_errors); a login ends the row.
	greetingLife = 10 * time.Minute
	probeTimeout = 5 * time.Second
)

// greetings remembers how stores greet, by address: a client has to be greeted before its store is opened.
type greetings struct {
	probes singleflight.Group
	mu     sync.Mutex
	seen   map[string]seenGreeting
}

type seenGreeting struct {
	*greeting
	at time.Time
}

func newGreetings() *greetings { return &greetings{seen: make(map[string]seenGreeting)} }

// note remembers a greeting that was just seen. What is too old by now is forgotten.
func (g *greetings) note(address string, said *greeting) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	for a, s := range g.seen {
		if now.Sub(s.at) > greetingLife {
			delete(g.seen, a)
		}
	}
	g.seen[address] = seenGreeting{said, now}
}

func (g *greetings) known(address string) *greeting {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s, ok := g.seen[address]; ok && time.Since(s.at) <= greetingLife {
		return s.greeting
	}
	return nil
}

// of gives the store's greeting, which is only read. Many who ask at once cause one probe, which does not end with the
// first of them.
func (g *greetings) of(ctx context.Context, store *access.Resource) (*greeting, error) {
	if known := g.known(store.Address); known != nil {
		return known, nil
	}
	said, err, _ := g.probes.Do(store.Address, func() (any, error) {
		if known := g.known(store.Address); known != nil {
			return known, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
		defer cancel()
		said, err := probe(ctx, store)
		if err == nil {
			g.note(store.Address, said)
		}
		return said, err
	})
	if err != nil {
		return nil, err
	}
	return said.(*greeting), nil
}

// probe reads the store's greeting and leaves.
func probe(ctx context.Context, store *access.Resource) (*greeting, error) {
	conn, err := dialStore(ctx, store)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var said *greeting
	err = proxy.Within(ctx, conn, func() (err error) {
		said, err = readGreeting(conn)
		return err
	})
	if err != nil {
		return nil, unreachable(store, err)
	}
	return said, nil
}

// dialStore opens a connection on which nothing was said yet.
func dialStore(ctx context.Context, store *access.Resource) (net.Conn, error) {
	network := "tcp"
	if store.Address != "" && store.Address[0] == '/' {
		network = "unix"
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, store.Address)
	if err != nil {
		return nil, &proxy.StoreUnreachable{Resource: store.Name, Err: err}
	}
	return conn, nil
}
