package proxy

import (
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// caller is a connection from an address, of which the test knows whether it was closed.
type caller struct {
	net.Conn
	name   string
	addr   net.Addr
	closed bool
}

func (c *caller) RemoteAddr() net.Addr { return c.addr }
func (c *caller) Close() error         { c.closed = true; return nil }

func callFrom(name, ip string) *caller {
	return &caller{name: name, addr: &net.TCPAddr{IP: net.ParseIP(ip), Port: 40000}}
}

func closedOf(callers []*caller) []string {
	var names []string
	for _, c := range callers {
		if c.closed {
			names = append(names, c.name)
		}
	}
	return names
}

// A flood pushes out its own: whoever comes from elsewhere keeps their place, however old it is.
func TestPendingClosesTheFlood(t *testing.T) {
	for name, test := range map[string]struct {
		from []string // one after the other; the name is the number
		want []string
	}{
		"one address":            {[]string{"192.0.2.1", "198.51.100.7", "198.51.100.7", "198.51.100.7", "198.51.100.7"}, []string{"b"}},
		"one network of IPv6":    {[]string{"192.0.2.1", "2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"}, []string{"b"}},
		"goes on":                {[]string{"192.0.2.1", "198.51.100.7", "198.51.100.7", "198.51.100.7", "198.51.100.7", "198.51.100.7", "198.51.100.7"}, []string{"b", "c", "d"}},
		"many addresses":         {[]string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"}, []string{"a"}},
		"two that have as many":  {[]string{"192.0.2.1", "198.51.100.7", "192.0.2.1", "198.51.100.7", "203.0.113.9"}, []string{"a"}},
		"one that is not full":   {[]string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"}, nil},
		"the newcomer's are all": {[]string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"}, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPending(4)
			var callers []*caller
			for i, from := range test.from {
				c := callFrom(string(rune('a'+i)), from)
				callers = append(callers, c)
				p.add(c)
			}
			if diff := cmp.Diff(test.want, closedOf(callers)); diff != "" {
				t.Errorf("closed (-want +got):\n%s", diff)
			}
		})
	}
}

// Whoever is done makes room, once, whether they were pushed out before or not.
func TestPendingForgets(t *testing.T) {
	p := newPending(2)
	a, b, c, d := callFrom("a", "192.0.2.1"), callFrom("b", "192.0.2.1"), callFrom("c", "192.0.2.2"), callFrom("d", "192.0.2.3")
	placeA, placeB := p.add(a), p.add(b)
	placeA.leave()
	placeA.leave()
	placeA.keep()
	placeC := p.add(c)
	if a.closed || b.closed {
		t.Error("closed, though there was room")
	}
	p.add(d) // b is the oldest now
	placeB.leave()
	placeC.leave()
	if !b.closed || p.left() != 1 {
		t.Errorf("b closed: %v; left: %d", b.closed, p.left())
	}
	p.closeAll()
	if !d.closed || p.left() != 0 {
		t.Errorf("d closed: %v; left: %d", d.closed, p.left())
	}
}

// left is how many are pending, by either count.
func (p *pending) left() (n int) {
	for _, c := range []*crowd{&p.strangers, &p.opened} {
		n += max(c.list.Len(), len(c.from))
	}
	return n
}

// Who has the sign-in open in a browser is pushed out by no flood of strangers, and only by the flood of those who have, too.
func TestPendingKeepsWhoIsAtTheirBrowser(t *testing.T) {
	p := newPending(4)
	a := callFrom("a", "192.0.2.1")
	p.add(a).keep()
	var flood []*caller
	for i := range 20 {
		c := callFrom("flood", "198.51.100."+string(rune('1'+i%9)))
		flood = append(flood, c)
		p.add(c)
	}
	if closed := closedOf(flood); a.closed || len(closed) != 16 {
		t.Errorf("a closed: %v; of the flood %d", a.closed, len(closed))
	}
	var opening []*caller
	for i := range 20 {
		c := callFrom("opening", "203.0.113."+string(rune('1'+i%2)))
		opening = append(opening, c)
		p.add(c).keep()
	}
	if closed := closedOf(opening); a.closed || len(closed) != 17 || p.left() > 8 {
		t.Errorf("a closed: %v; of those who opened, from two networks, %d; left: %d", a.closed, len(closed), p.left())
	}
}
