package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/sallyport/sallyport/admin"
)

// listeners are the open entrances; nil where one is off.
type listeners struct {
	web, tunnel, postgres, gateways, local net.Listener
}

func (s *server) listen(ctx context.Context) (l listeners, err error) {
	former, err := inheritListeners()
	if err != nil {
		return l, err
	}
	for _, e := range []struct {
		name, address string
		to            *net.Listener
	}{
		{"web", s.config.Listen.Web, &l.web}, {"tunnel", s.config.Listen.Tunnel, &l.tunnel}, {"postgres", s.config.Listen.Postgres, &l.postgres},
		{"gateways", s.config.Listen.Gateways, &l.gateways},
	} {
		if e.address == off {
			continue
		}
		if *e.to, err = former.listen(ctx, e.name, e.address); err != nil {
			return l, fmt.Errorf("listen: %w", err)
		}
	}
	if err := former.closeRest(); err != nil {
		return l, fmt.Errorf("close former sockets: %w", err)
	}
	if l.tunnel != nil {
		s.tunnelAddress = s.reachable(l.tunnel.Addr())
	}
	if l.local, err = admin.ListenLocal(s.path(apiSocket)); err != nil {
		return l, err
	}
	return l, nil
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

// announce says where everything is, in words and, for programs, in addresses.json.
func (s *server) announce(ctx context.Context, l listeners, out io.Writer) error {
	addresses := map[string]string{}
	fmt.Fprintf(out, "Sallyport %s, data in %s, state in the %s\n", version, s.config.DataDir, s.state)
	for _, e := range []struct {
		name, words string
		listener    net.Listener
	}{
		{"web", "web UI and API", l.web}, {"tunnel", "local client", l.tunnel}, {"postgres", "PostgreSQL", l.postgres},
		{"gateways", "gateways", l.gateways},
	} {
		if e.listener == nil {
			continue
		}
		addresses[e.name] = e.listener.Addr().String()
		shown := addresses[e.name]
		if e.name == "web" {
			shown = s.webURL(l)
		}
		fmt.Fprintf(out, "  %-15s %s\n", e.words, shown)
	}
	text, err := json.MarshalIndent(addresses, "", "  ")
	if err != nil {
		return fmt.Errorf("encode addresses: %w", err)
	}
	if err := os.WriteFile(s.path(addressesFile), append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write addresses: %w", err)
	}
	link, created, err := s.admin.FirstStart(ctx)
	if err != nil {
		return fmt.Errorf("first start: %w", err)
	}
	switch {
	case created && l.web != nil:
		fmt.Fprintf(out, "\nSign in as the first admin, once, within a day:\n  %s%s\n\n", s.webURL(l), link)
	case created:
		fmt.Fprintln(out, "\nThe web is off; use: sally admin --data-dir", s.config.DataDir)
	}
	return nil
}

// keep holds the sockets open for the next program.
func (l listeners) keep() (kept, error) {
	k := kept{}
	for name, one := range map[string]net.Listener{"web": l.web, "tunnel": l.tunnel, "postgres": l.postgres, "gateways": l.gateways} {
		if one == nil {
			continue
		}
		if err := k.keep(name, one); err != nil {
			return nil, err
		}
	}
	return k, nil
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
	address := s.reachable(l.web.Addr())
	if strings.HasPrefix(address, ":") {
		address = "localhost" + address
	}
	return scheme + "://" + address
}
