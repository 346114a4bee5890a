package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// A server hands its listening sockets to its successor, so that clients who connect meanwhile wait in the kernel's
// queue and are not refused. The successor is the program at the same path, in the same process: it keeps the process's
// ID, so that a supervisor notices nothing. systemd may hold the sockets, too (sd_listen_fds(3)).

const (
	// handoverEnv names sockets that the program before left open: NAME=FD, separated by commas.
	handoverEnv = "SALLY_LISTENERS"
	// systemdFirst is the first descriptor of those that systemd passes on.
	systemdFirst = 3
)

// errHandover ends a server that is to be followed by its successor.
var errHandover = errors.New("handing over to the next program")

// inherited are sockets that were open before this program began, by entrance.
type inherited map[string]net.Listener

// inheritListeners takes over what the environment names. It changes the environment, so that no child of this process
// takes it for its own.
func inheritListeners() (inherited, error) {
	fds, err := inheritedFDs()
	if err != nil {
		return nil, err
	}
	in := inherited{}
	for name, fd := range fds {
		file := os.NewFile(uintptr(fd), name)
		if file == nil {
			return nil, fmt.Errorf("take over the socket %s: %d is no descriptor", name, fd)
		}
		l, err := net.FileListener(file) // has a descriptor of its own
		_ = file.Close()
		if err != nil {
			return nil, fmt.Errorf("take over the socket %s: %w", name, err)
		}
		in[name] = l
	}
	return in, nil
}

func inheritedFDs() (map[string]int, error) {
	fds := map[string]int{}
	ours := os.Getenv(handoverEnv)
	passed, names := os.Getenv("LISTEN_FDS"), strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	forUs := os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid())
	for _, name := range []string{handoverEnv, "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"} {
		if err := os.Unsetenv(name); err != nil {
			return nil, fmt.Errorf("clear %s: %w", name, err)
		}
	}
	if ours != "" {
		for part := range strings.SplitSeq(ours, ",") {
			name, number, _ := strings.Cut(part, "=")
			fd, err := strconv.Atoi(number)
			if err != nil {
				return nil, fmt.Errorf("%s: %q is not NAME=NUMBER", handoverEnv, part)
			}
			fds[name] = fd
		}
		return fds, nil
	}
	if passed == "" || !forUs {
		return fds, nil
	}
	n, err := strconv.Atoi(passed)
	if err != nil || n != len(names) {
		return nil, fmt.Errorf("systemd passes %s sockets and %d names; give each socket unit a FileDescriptorName", passed, len(names))
	}
	for i, name := range names {
		fds[name] = systemdFirst + i
	}
	return fds, nil
}

// listen opens the entrance at the address, unless its socket was inherited. An inherited one of another address than
// is configured now is closed.
func (in inherited) listen(ctx context.Context, name, address string) (net.Listener, error) {
	l, ok := in[name]
	if ok {
		delete(in, name)
		if serves(l.Addr().String(), address) {
			return l, nil
		}
		if err := l.Close(); err != nil {
			return nil, fmt.Errorf("close the former socket of %s: %w", name, err)
		}
	}
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", address)
}

// serves says whether a socket at the address open is one that is asked for by the address configured, whose port may
// be 0 for any.
func serves(open, configured string) bool {
	openHost, openPort, err := net.SplitHostPort(open)
	if err != nil {
		return false
	}
	host, port, err := net.SplitHostPort(configured)
	if err != nil || port != "0" && port != openPort {
		return false
	}
	a, b := net.ParseIP(openHost), net.ParseIP(host)
	switch {
	case host == "":
		return a.IsUnspecified()
	case b == nil: // a name: systemd or the program before has resolved it
		return true
	}
	return a.Equal(b) || a.IsUnspecified() && b.IsUnspecified()
}

// closeRest closes what no entrance asked for.
func (in inherited) closeRest() error {
	var errs []error
	for name, l := range in {
		errs = append(errs, l.Close())
		delete(in, name)
	}
	return errors.Join(errs...)
}

// kept are descriptors of listening sockets that stay open until the next program has them.
type kept map[string]*os.File

// keep duplicates the listener's socket. Closing the listener then ends accepting, while clients go on queueing.
func (k kept) keep(name string, l net.Listener) error {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return fmt.Errorf("hand over %s: %T is no TCP listener", name, l)
	}
	file, err := tcp.File()
	if err != nil {
		return fmt.Errorf("hand over %s: %w", name, err)
	}
	k[name] = file
	return nil
}

// environment is that of the next program.
func (k kept) environment() []string {
	parts := make([]string, 0, len(k))
	for name, file := range k {
		parts = append(parts, fmt.Sprintf("%s=%d", name, file.Fd()))
	}
	return append(os.Environ(), handoverEnv+"="+strings.Join(parts, ","))
}
