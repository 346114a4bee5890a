package proxy

import (
	"net"
	"testing"
)

func TestFailuresCountByAddress(t *testing.T) {
	addr := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 1} }
	for name, c := range map[string]struct {
		failing, other string
		blocked        bool
	}{
		"another port of the same address": {"192.0.2.1", "192.0.2.1", true},
		"another IPv4 address":             {"192.0.2.1", "192.0.2.2", false},
		"the same IPv6 network":            {"2001:db8:1:2::1", "2001:db8:1:2::ffff", true},
		"another IPv6 network":             {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFailures()
			for range failureBurst {
				if f.blocked(addr(c.failing)) > 0 {
					t.Fatal("blocked before the limit")
				}
				f.note(addr(c.failing))
			}
			if blocked := f.blocked(addr(c.other)) > 0; blocked != c.blocked {
				t.Errorf("blocked: %v, want %v", blocked, c.blocked)
			}
		})
	}
}
