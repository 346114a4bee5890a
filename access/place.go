package access

import (
	"encoding/binary"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
)

// sshPlace is a file or HOST:PORT at a server as patterns and policies know it. Servers understand one place by many names, and a
// rule about one of them is about all: hosts are in lower case, without the dot at their end, and addresses in their shortest form;
// paths are without what leads nowhere.
func sshPlace(name string) string {
	if strings.HasPrefix(name, "/") {
		return path.Clean(name)
	}
	name = strings.ToLower(name)
	host, port, err := net.SplitHostPort(name)
	if err != nil {
		return name
	}
	host = strings.TrimRight(host, ".")
	if addr, ok := hostAddress(host); ok {
		host = addr.Unmap().WithZone("").String()
	}
	return net.JoinHostPort(host, port)
}

// hostAddress is the address that the host is, if servers take it for one without asking for a name.
func hostAddress(host string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr, true
	}
	return oldAddress(host)
}

// oldAddress reads the forms of IPv4 addresses that inet_aton(3) takes, and with it getaddrinfo: one to four numbers, decimal, octal
// (017) or hexadecimal (0xf), of which the last fills what is left.
func oldAddress(host string) (netip.Addr, bool) {
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var whole uint32
	for i, part := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (4 - i)
		}
		base := 10
		if digits, ok := strings.CutPrefix(part, "0x"); ok {
			part, base = digits, 16
		} else if len(part) > 1 && part[0] == '0' {
			base = 8
		}
		n, err := strconv.ParseUint(part, base, bits)
		if err != nil {
			return netip.Addr{}, false
		}
		whole = whole<<bits | uint32(n)
	}
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, whole))), true
}
