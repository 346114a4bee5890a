package program

import (
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Target is a resource on this machine.
type Target struct {
	Name     string // the resource's
	Protocol string
	Host     string // 127.0.0.1
	Port     int
	// Socket is the path of a Unix socket, in place of Host and Port.
	Socket   string
	Database string
	Account  string // empty: the role's default
	Cluster  bool   // it has nodes, each on a port of its own
}

func (t Target) address() string { return net.JoinHostPort(t.Host, strconv.Itoa(t.Port)) }

// Program is a client program of a protocol, run in a terminal.
type Program struct {
	Name string
	// Package brings it, by operating system; the empty key is for the others.
	Package map[string]string
	// environment and arguments tell it where to connect, by what it takes; every user of the machine sees arguments.
	environment func(Target) []string
	arguments   func(Target) []string
	// Steering are variables that would send it elsewhere, and are therefore taken out.
	Steering []string
}

// dialect is what is known of a protocol's programs.
type dialect struct {
	programs []Program // tried in this order
	// socket is how a Unix socket has to be named for them.
	socket string
	url    func(Target) string
	// environment gives the variables that programs of the protocol read, beside DATABASE_URL.
	environment func(Target) []string
	// jdbc is the address for Java programs, dbeaver the provider and driver of DBeaver's; nil and empty where there are none.
	jdbc    func(Target) string
	dbeaver [2]string
}

func dialects() map[string]dialect {
	return map[string]dialect{"postgres": postgresDialect(), "mysql": mysqlDialect(), "redis": redisDialect(), SSH: sshDialect()}
}

// Find gives the program to use for a protocol, with its path: the wanted one, or else the first that is installed.
func Find(protocol, wanted string) (Program, string, error) {
	known := dialects()[protocol]
	if len(known.programs) == 0 {
		return Program{}, "", fmt.Errorf("no program for the protocol %s is known here; point yours at the address that sally connect prints", protocol)
	}
	var names []string
	for _, p := range known.programs {
		names = append(names, p.Name)
		if wanted != "" && wanted != p.Name {
			continue
		}
		if path, err := exec.LookPath(p.Name); err == nil {
			return p, path, nil
		}
		if wanted != "" {
			return Program{}, "", fmt.Errorf("%s is not installed here; get it with: %s", p.Name, p.source())
		}
	}
	if wanted != "" {
		return Program{}, "", fmt.Errorf("%s is not known to speak %s; these are: %s", wanted, protocol, strings.Join(names, ", "))
	}
	first := known.programs[0]
	return Program{}, "", fmt.Errorf("none of %s is installed here; get %s with: %s", strings.Join(names, ", "), first.Name, first.source())
}

// Names lists the programs for a protocol.
func Names(protocol string) []string {
	var names []string
	for _, p := range dialects()[protocol].programs {
		names = append(names, p.Name)
	}
	return names
}

// ProtocolOf is the protocol that a program is for; empty when it is not known.
func ProtocolOf(name string) string {
	for protocol, d := range dialects() {
		if slices.ContainsFunc(d.programs, func(p Program) bool { return p.Name == name }) {
			return protocol
		}
	}
	return ""
}

// SocketName is how a Unix socket for the protocol's programs has to be named.
func SocketName(protocol string) string {
	if d, ok := dialects()[protocol]; ok {
		return d.socket
	}
	return "socket"
}

// URL is what a client program connects to, ready to paste: the address alone where the protocol has no form for it. The
// tunnel encrypts, so the program must not.
func (t Target) URL() string {
	if d, ok := dialects()[t.Protocol]; ok {
		return d.url(t)
	}
	return t.address()
}

func (p Program) source() string {
	if own, ok := p.Package[runtime.GOOS]; ok {
		return own
	}
	return p.Package[""]
}

// ArgumentsFor are the arguments that go before the person's own.
func (p Program) ArgumentsFor(t Target) []string {
	if p.arguments == nil {
		return nil
	}
	return p.arguments(t)
}

// EnvironmentFor are the variables, as "NAME=value", that tell the program where to connect.
func (p Program) EnvironmentFor(t Target) []string {
	if p.environment == nil {
		return nil
	}
	return p.environment(t)
}

// Without takes the steering variables out of an environment.
func (p Program) Without(environment []string) []string {
	return slices.DeleteFunc(slices.Clone(environment), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(p.Steering, name)
	})
}
