package admin

import (
	"net/netip"
	"slices"
)

// networks writes each in CIDR form, without host bits, sorted; an address is a network of one. field is the input's
// member that they stand in. IPv4 written as IPv6 is refused, because nobody's address is compared in that form.
func networks(field string, in []string) ([]string, error) {
	var out []string
	for _, text := range in {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			addr, aerr := netip.ParseAddr(text)
			if aerr != nil || addr.Zone() != "" {
				return nil, invalid(field, "%q is no network; write it as 10.0.0.0/8 or 2001:db8::/32, or one address", text)
			}
			network = netip.PrefixFrom(addr, addr.BitLen())
		}
		if network.Addr().Is4In6() {
			return nil, invalid(field, "%q is IPv4 written as IPv6; write it as IPv4, such as 10.0.0.0/8", text)
		}
		out = append(out, network.Masked().String())
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// fromOneOf says whether the address is in one of the networks; none stand for all.
func fromOneOf(networks []string, addr string) bool {
	from, err := netip.ParseAddr(hostOf(addr))
	return len(networks) == 0 || err == nil && slices.ContainsFunc(networks, func(text string) bool {
		p, err := netip.ParsePrefix(text)
		return err == nil && p.Contains(from.Unmap().WithZone(""))
	})
}
