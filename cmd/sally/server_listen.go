package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/proxy"
)

// entrance is where something may listen.
type entrance struct {
	name, words, address string
}

// entrances are those of all protocols.
func (c *nativeConfig) entrances() []entrance {
	var list []entrance
	c.each(func(p served, address *string) { list = append(list, entrance{p.name, p.words, *address}) })
	for _, node := range slices.Sorted(maps.Keys(c.RedisNodes)) {
		list = append(list, entrance{node, node, c.RedisNodes[node]})
	}
	return list
}

func (s *server) entrances() []entrance {
	c := &s.config.Listen
	list := []entrance{{"web", "web UI and API", c.Web}, {"tunnel", "local client", c.Tunnel}}
	list = append(list, c.Native.entrances()...)
	return append(list, entrance{"gateways", "gateways", c.Gateways})
}

// listeners are the open entrances, by name. Those that are off are not among them.
type listeners map[string]net.Listener

// openListeners takes over the sockets that were inherited, and opens the others.
func openListeners(ctx context.Context, entrances []entrance) (listeners, error) {
	former, err := inheritListeners()
	if err != nil {
		return nil, err
	}
	l := listeners{}
	for _, e := range entrances {
		if e.address == off {
			continue
		}
		if l[e.name], err = former.listen(ctx, e.name, e.address); err != nil {
			return nil, fmt.Errorf("open the entrance for %s: %w; give it another address in listen, or by its flag, or say off", e.words, err)
		}
	}
	if err := former.closeRest(); err != nil {
		return nil, fmt.Errorf("close former sockets: %w", err)
	}
	return l, nil
}

// serveNative runs the native entrances.
func (l listeners) serveNative(run *errgroup.Group, gateway *proxy.Server) {
	for _, p := range servedProtocols() {
		if one, ok := l[p.name]; ok {
			run.Go(func() error { return gateway.ServeNative(p.name, one) })
		}
	}
	for name, one := range l {
		if resource, node, ok := strings.Cut(name, "/"); ok {
			run.Go(func() error { return gateway.ServeNode("redis", resource, node, one) })
		}
	}
}

// announce says where everything is, in words and, for programs, in a file.
func (l listeners) announce(entrances []entrance, shown map[string]string, file string, out io.Writer) error {
	addresses := map[string]string{}
	for _, e := range entrances {
		one, ok := l[e.name]
		if !ok {
			continue
		}
		addresses[e.name] = one.Addr().String()
		words, ok := shown[e.name]
		if !ok {
			words = addresses[e.name]
		}
		fmt.Fprintf(out, "  %-15s %s\n", e.words, words)
	}
	text, err := json.MarshalIndent(addresses, "", "  ")
	if err != nil {
		return fmt.Errorf("encode addresses: %w", err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write addresses: %w", err)
	}
	return nil
}

// keep holds the sockets open for the next program.
func (l listeners) keep() (kept, error) {
	k := kept{}
	for name, one := range l {
		if err := k.keep(name, one); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func (s *server) listen(ctx context.Context) (l listeners, err error) {
	if l, err = openListeners(ctx, s.entrances()); err != nil {
		return nil, err
	}
	if tunnel, ok := l["tunnel"]; ok {
		s.tunnelAddress = s.reachable(tunnel.Addr())
	}
	if l["web"] != nil {
		s.webAddress = s.webURL(l)
	}
	s.local, err = admin.ListenLocal(s.path(apiSocket))
	return l, err
}

// reachable is the address that clients are told: the first of hosts, when the listener is open to the network.
func (s *server) reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "" // the server's own, as the client knows it
		if len(s.config.Hosts) > 0 {
			host = s.config.Hosts[0]
		}
	}
	return net.JoinHostPort(host, port)
}

// announce says where everything is, and how the first admin signs in.
func (s *server) announce(ctx context.Context, l listeners, out io.Writer) error {
	fmt.Fprintf(out, "Sallyport %s, data in %s, state in the %s\n", version, s.config.DataDir, s.state)
	shown := map[string]string{}
	if l["web"] != nil {
		shown["web"] = s.webURL(l)
	}
	if err := l.announce(s.entrances(), shown, s.path(addressesFile), out); err != nil {
		return err
	}
	link, created, err := s.admin.FirstStart(ctx)
	if err != nil {
		return fmt.Errorf("first start: %w", err)
	}
	switch {
	case created && l["web"] != nil:
		fmt.Fprintf(out, "\nSign in as the first admin, once, within a day:\n  %s%s\n\n", s.webURL(l), link)
	case created:
		fmt.Fprintln(out, "\nThe web is off; use: sally admin --data-dir", s.config.DataDir)
	}
	return nil
}

// webURL is where people find the web: at the configured address, else where it listens, as it is reached.
func (s *server) webURL(l listeners) string {
	if s.config.URL != "" {
		return strings.TrimSuffix(s.config.URL, "/")
	}
	scheme := "http"
	if s.webTLS != nil {
		scheme = "https"
	}
	address := s.reachable(l["web"].Addr())
	if strings.HasPrefix(address, ":") {
		address = "localhost" + address
	}
	return scheme + "://" + address
}
