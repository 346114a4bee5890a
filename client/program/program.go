package program

import (
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// Target is a resource on this machine.
type Target struct {
	Name     string // the resource's
	Protocol string
	Host     string // 127.0.0.1, or the directory of a Unix socket
	Port     int
	Database string
	Account  string
}

// Program is a client program of a protocol, run in a terminal.
type Program struct {
	Name string
	// Package brings it, by operating system; the empty key is for the others.
	Package map[string]string
	// Environment tells it where to connect. Arguments would be seen by every user of the machine.
	Environment func(Target) []string
	// Steering are variables that would send it elsewhere, and are therefore taken out.
	Steering []string
}

// programs are tried in this order.
func programs() map[string][]Program {
	return map[string][]Program{
		"postgres": {
			{Name: "psql", Package: map[string]string{"darwin": "brew install libpq", "windows": "the PostgreSQL installer", "": "postgresql-client"},
				Environment: Target.libpq, Steering: libpqSteering()},
			{Name: "pgcli", Package: map[string]string{"": "pip install pgcli"}, Environment: Target.libpq, Steering: libpqSteering()},
		},
	}
}

// Find gives the program to use for a protocol, with its path: the wanted one, or else the first that is installed.
func Find(protocol, wanted string) (Program, string, error) {
	known, ok := programs()[protocol]
	if !ok {
		return Program{}, "", fmt.Errorf("no program for the protocol %s is known here; point yours at the address that sally connect prints", protocol)
	}
	var names []string
	for _, p := range known {
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
	return Program{}, "", fmt.Errorf("none of %s is installed here; get %s with: %s", strings.Join(names, ", "), known[0].Name, known[0].source())
}

// Names lists the programs for a protocol.
func Names(protocol string) []string {
	var names []string
	for _, p := range programs()[protocol] {
		names = append(names, p.Name)
	}
	return names
}

func (p Program) source() string {
	if own, ok := p.Package[runtime.GOOS]; ok {
		return own
	}
	return p.Package[""]
}

// Without takes the steering variables out of an environment.
func (p Program) Without(environment []string) []string {
	return slices.DeleteFunc(slices.Clone(environment), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(p.Steering, name)
	})
}
