package access

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// FuzzSSHPlace wants one form of each place: naming it anew changes nothing, and neither do upper case, a dot at the end or the ways in which
// a path leads back to where it was.
func FuzzSSHPlace(f *testing.F) {
	for _, name := range []string{"/etc/passwd", "/etc/../etc//passwd/", "localhost:22", "LOCALHOST.:22", "127.1:80", "0x7f.1:80", "2130706433:1", "017.0.0.1:2",
		"[::1]:22", "[::ffff:127.0.0.1]:22", "[fe80::1%eth0]:22", "[[::1]]:22", ":22", "*:22", "host", "", "..", "/", "a:b:c", "web\x00:22", "0x:1", "1.2.3.4.5:6",
		"4294967296:1", "1.:1", "\u212Aey:1"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		once := sshPlace(name)
		if twice := sshPlace(once); twice != once {
			t.Errorf("%q is %q, and that is %q", name, once, twice)
		}
		if strings.HasPrefix(name, "/") {
			if other := sshPlace("/x/.." + name + "/."); other != once {
				t.Errorf("%q is %q, by another way %q", name, once, other)
			}
			return
		}
		upper := strings.ToUpper(name)
		if back := strings.ToLower(upper); back == strings.ToLower(name) && sshPlace(upper) != once { // not so for every letter //nolint:staticcheck // EqualFold takes ſ for s
			t.Errorf("%q is %q, and %q is %q", name, once, upper, sshPlace(upper))
		}
		host, _, err := net.SplitHostPort(once)
		if err != nil {
			return
		}
		if addr, err := netip.ParseAddr(host); err == nil && (addr.Is4In6() || addr.Zone() != "" || addr.String() != host) {
			t.Errorf("%q is %q, which is not the address's shortest form", name, once)
		}
	})
}

// FuzzOldAddress wants of each IPv4 address the one that inet_aton takes it for, however its four numbers are written.
func FuzzOldAddress(f *testing.F) {
	f.Add(uint32(0x7f000001), uint8(0))
	f.Add(uint32(0xa9fea9fe), uint8(3))
	f.Fuzz(func(t *testing.T, ip uint32, how uint8) {
		want := netip.AddrFrom4([4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)})
		forms := []string{"%d", "0%o", "0x%x"}
		form := forms[int(how)%len(forms)]
		for parts := 1; parts <= 4; parts++ {
			if got := sshPlace(spelled(ip, parts, form) + ":80"); got != want.String()+":80" {
				t.Errorf("%s is %s, want %s", spelled(ip, parts, form), got, want)
			}
		}
	})
}

// spelled is the address as that many numbers, of which the last fills what is left.
func spelled(ip uint32, parts int, form string) string {
	var numbers []string
	for i := range parts - 1 {
		numbers = append(numbers, fmt.Sprintf(form, byte(ip>>(24-8*i))))
	}
	left := ip & (1<<(8*(5-parts)) - 1)
	if parts == 1 {
		left = ip
	}
	return strings.Join(append(numbers, fmt.Sprintf(form, left)), ".")
}
