package agent

import (
	"time"

	"github.com/sallyport/sallyport/client"
)

// The routes. What changes in a way that older programs cannot take gets a new version in its path.
const (
	statusPath     = "/v1/status"     // GET: Status
	connectPath    = "/v1/connect"    // POST Wish: Lines
	disconnectPath = "/v1/disconnect" // POST Wish: Lines, those that were closed
	refreshPath    = "/v1/refresh"    // POST Wish (the profile alone): ProfileStatus, after asking the server anew
	forgetPath     = "/v1/forget"     // POST Wish (the profile alone): ends all of a profile's connections
	stopPath       = "/v1/stop"       // POST Stop
)

// Wish names resources of a profile.
type Wish struct {
	Profile string   `json:"profile"`
	Names   []string `json:"names,omitempty"`
	All     bool     `json:"all,omitempty"`
	// Account is the account at the store, for the addresses that are shown; empty: the default.
	Account string `json:"account,omitempty"`
}

// Stop ends the agent.
type Stop struct {
	// Drain lets open connections end by themselves, while their ports are free for the next agent at once.
	Drain bool `json:"drain"`
}

// Status is what an agent does.
type Status struct {
	Version  string          `json:"version"`
	PID      int             `json:"pid"`
	Started  time.Time       `json:"started"`
	Profiles []ProfileStatus `json:"profiles"`
}

// ProfileStatus is what it does for one sign-in.
type ProfileStatus struct {
	Name    string    `json:"name"`
	User    string    `json:"user"`
	Expires time.Time `json:"expires"`
	All     bool      `json:"all"` // every resource is connected, also those that come later
	// Asked is when the server last said what the person may open.
	Asked time.Time `json:"asked,omitzero"`
	// RenewalTrouble and ServerTrouble say in a sentence what does not work; empty when it does.
	RenewalTrouble string `json:"renewal_trouble,omitempty"`
	ServerTrouble  string `json:"server_trouble,omitempty"`
	Lines          []Line `json:"lines"`
}

// Line is a resource on a local port.
type Line struct {
	Name     string `json:"name"`
	Protocol string `json:"protocol,omitempty"`
	Database string `json:"database,omitempty"`
	Account  string `json:"account,omitempty"`
	URL      string `json:"url"`
	Port     int    `json:"port"`     // 0 while it is not open
	OwnPort  int    `json:"own_port"` // the port that it has on every machine
	Open     int    `json:"open"`     // connections now
	Gateway  string `json:"gateway,omitempty"`
	Trouble  string `json:"trouble,omitempty"`
	// Nodes are those of a cluster, sorted by name. Open counts their connections too.
	Nodes []NodeLine `json:"nodes,omitempty"`
}

// NodeLine is a cluster's node on its own local port.
type NodeLine struct {
	Name    string `json:"name"`
	Port    int    `json:"port"`     // 0 while it is not open
	OwnPort int    `json:"own_port"` // the only one by which the cluster's clients find it
	Open    int    `json:"open"`
	Trouble string `json:"trouble,omitempty"`
}

// Lines is an answer of some.
type Lines struct {
	Lines []Line `json:"lines"`
}

// refusal is an answer that is no success.
type refusal struct {
	Error string `json:"error"`
}

// Of gives what the agent does for a profile; the zero value when it does nothing.
func (s Status) Of(profile string) ProfileStatus {
	for _, p := range s.Profiles {
		if p.Name == profile {
			return p
		}
	}
	return ProfileStatus{}
}

// Line gives the line of a resource.
func (p ProfileStatus) Line(name string) (Line, bool) {
	for _, l := range p.Lines {
		if l.Name == name {
			return l, true
		}
	}
	return Line{}, false
}

// Unreached gives the nodes that are not open.
func (l Line) Unreached() (nodes []NodeLine) {
	for _, n := range l.Nodes {
		if n.Port == 0 {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// OpenConnections counts the connections through the agent.
func (s Status) OpenConnections() (n int) {
	for _, p := range s.Profiles {
		for _, l := range p.Lines {
			n += l.Open
		}
	}
	return n
}

// address is what a client program connects to.
func address(r client.Resource, account, user string, port int) string {
	if account == "" {
		account = user // the gateway takes it as the wish for the default account
	}
	return r.URL(account, port)
}
