package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/client"
)

// openLine is a resource that is wished for.
type openLine struct {
	resource client.Resource
	account  string
	listener *listener // nil while it cannot be open
	trouble  string
	nodes    []*openNode
}

// listeners gives all that are open.
func (l *openLine) listeners() (open []*listener) {
	if l.listener != nil {
		open = append(open, l.listener)
	}
	for _, n := range l.nodes {
		if n.listener != nil {
			open = append(open, n.listener)
		}
	}
	return open
}

// apply opens the ports that are wished for and closes the others. fresh says that the list of resources is the
// server's of now, so that what is not in it may not be opened.
func (a *account) apply(life context.Context, fresh bool) {
	a.mu.Lock()
	if a.draining {
		a.mu.Unlock()
		return
	}
	wanted := a.wanted(fresh)
	var closing []*listener
	for name, l := range a.lines {
		r, stays := wanted[name]
		if stays && r != nil {
			continue
		}
		closing = append(closing, l.listeners()...)
		l.listener, l.nodes = nil, nil
		l.trouble = fmt.Sprintf("you may not open %s any more; sally ls shows what you may", name)
		if !stays {
			delete(a.lines, name)
		}
	}
	var opening []client.Resource
	var open []string
	for name, r := range wanted {
		l, known := a.lines[name]
		if !known {
			l = &openLine{resource: client.Resource{Name: name}, account: a.wish.Named[name].Account}
			a.lines[name] = l
		}
		switch {
		case r != nil:
			l.resource = *r
			closing = append(closing, l.keepNodes(r.Nodes)...)
			open = append(open, name)
			if l.listener == nil {
				opening = append(opening, *r)
			}
		case !known:
			l.trouble = client.NotYours(name, a.mine).Error()
		}
	}
	a.mu.Unlock()
	for _, l := range closing {
		l.close()
	}
	// In the order of names, so that two that want the same port get theirs in the same order each time.
	slices.SortFunc(opening, func(x, y client.Resource) int { return strings.Compare(x.Name, y.Name) })
	for _, r := range opening {
		a.open(life, r)
	}
	for _, name := range open {
		a.openNodes(life, name)
	}
}

// wanted gives what is wished for, by name; nil for what may not be opened.
func (a *account) wanted(fresh bool) map[string]*client.Resource {
	wanted := map[string]*client.Resource{}
	for name := range a.wish.Named {
		wanted[name] = nil
		if !fresh { // the gateways may let the person in all the same
			wanted[name] = &client.Resource{Name: name}
		}
	}
	for _, r := range a.mine {
		if _, named := wanted[r.Name]; named || a.wish.All {
			wanted[r.Name] = &r
		}
	}
	return wanted
}

// open listens for a resource: on its own port, on the one that was taken instead before, or on another.
func (a *account) open(life context.Context, r client.Resource) {
	a.mu.Lock()
	theirs := map[int]bool{}
	for _, other := range a.mine {
		for _, n := range other.Nodes {
			theirs[n.Port] = true
		}
	}
	ports := []int{r.LocalPort()}
	if before := a.wish.Ports[r.Name]; before != 0 && !theirs[before] { // a node can have no other
		ports = append(ports, before)
	}
	for _, other := range a.mine {
		theirs[other.LocalPort()] = true
	}
	for _, port := range a.wish.Ports {
		theirs[port] = true
	}
	a.mu.Unlock()
	local, err := findPort(life, ports, func(port int) bool { return theirs[port] })
	if err != nil {
		a.report(r.Name, err)
		return
	}
	l := listen(life, local, &client.Tunnel{
		Resource: r.Name, Report: a.report,
		Dial: func(ctx context.Context) (client.Conn, error) { return a.dial(ctx, r.Name, nil) },
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines[r.Name].listener, a.lines[r.Name].trouble = l, ""
	if a.draining { // it came in between
		l.drain()
	}
	if l.port == ports[0] || l.port == a.wish.Ports[r.Name] {
		return
	}
	if a.wish.Ports == nil {
		a.wish.Ports = map[string]int{}
	}
	a.wish.Ports[r.Name] = l.port
	if err := a.keep(a.wish); err != nil {
		a.log.Warn("keep port", "error", err)
	}
}

// dial opens a connection to the resource, or to the node of it, by one of its gateways, with a certificate that has not
// ended if one can be had.
func (a *account) dial(ctx context.Context, name string, node *openNode) (client.Conn, error) {
	if !time.Now().Before(a.dialer.Expires()) {
		renewing, cancel := context.WithTimeout(ctx, askLimit)
		_ = a.do(renewing, a.revive) // the gateway's own answer to the old certificate says more
		cancel()
	}
	a.mu.Lock()
	l, ok := a.lines[name]
	if !ok {
		a.mu.Unlock()
		return nil, fmt.Errorf("%s is not connected", name)
	}
	ways := l.resource.Ways(a.host)
	server, trouble := name, &l.trouble
	if node != nil {
		server, trouble = node.node.Of(name), &node.trouble
	}
	a.mu.Unlock()
	conn, err := a.routes.Dial(ctx, server, ways)
	if err != nil {
		a.kick() // perhaps the server knows another gateway by now
		return nil, err
	}
	a.mu.Lock()
	*trouble = ""
	a.mu.Unlock()
	return conn, nil
}

// report keeps what went wrong with a resource, and logs it once.
func (a *account) report(name string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, ok := a.lines[name]
	if !ok || l.trouble == err.Error() {
		return
	}
	l.trouble = err.Error()
	a.log.Warn("trouble", "resource", name, "error", err)
}

// closeAll ends every port and connection.
func (a *account) closeAll() {
	a.mu.Lock()
	lines := a.lines
	a.lines = map[string]*openLine{}
	a.mu.Unlock()
	for _, l := range lines {
		for _, open := range l.listeners() {
			open.close()
		}
	}
}

// freePorts closes the ports for good. Connections that are open go on.
func (a *account) freePorts() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.draining = true
	for _, l := range a.lines {
		for _, open := range l.listeners() {
			open.drain()
		}
	}
}

// drained waits until no connection is open.
func (a *account) drained(ctx context.Context) {
	a.mu.Lock()
	var open []*listener
	for _, l := range a.lines {
		open = append(open, l.listeners()...)
	}
	a.mu.Unlock()
	for _, l := range open {
		select {
		case <-l.served:
		case <-ctx.Done():
			return
		}
	}
}

// line tells of one; mu is held.
func (a *account) line(name string) Line {
	l := a.lines[name]
	r := l.resource
	told := Line{
		Name: name, Protocol: r.Protocol, Database: r.Database, Account: l.account, OwnPort: r.LocalPort(), Trouble: l.trouble,
		Gateway: a.routes.Chosen(r.Ways(a.host)), Nodes: l.nodeLines(),
	}
	if told.Account == "" && len(r.Accounts) > 0 {
		told.Account = r.Accounts[0]
	}
	if l.listener != nil {
		told.Port, told.Open = l.listener.port, l.listener.tunnel.Open()
		told.URL = address(r, told.Account, a.profile.User, told.Port)
	}
	for _, n := range told.Nodes {
		told.Open += n.Open
	}
	return told
}
