package postgres

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"

	"github.com/sallyport/sallyport/audit"
)

// OIDs of the types whose binary form is understood (pg_type.dat).
const (
	oidBool        = 16
	oidBytea       = 17
	oidChar        = 18
	oidName        = 19
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidOID         = 26
	oidXID         = 28
	oidJSON        = 114
	oidXML         = 142
	oidCIDR        = 650
	oidFloat4      = 700
	oidFloat8      = 701
	oidUnknown     = 705
	oidMACAddr8    = 774
	oidMACAddr     = 829
	oidInet        = 869
	oidBPChar      = 1042
	oidVarchar     = 1043
	oidDate        = 1082
	oidTime        = 1083
	oidTimestamp   = 1114
	oidTimestampTZ = 1184
	oidInterval    = 1186
	oidTimeTZ      = 1266
	oidNumeric     = 1700
	oidUUID        = 2950
	oidJSONB       = 3802
)

// Memory that a decoder keeps from one statement to the next.
const (
	keptArena  = 64 << 10 // bytes
	keptParams = 1024
)

// paramDecoder turns a statement's bind parameters into what the record holds. Its memory is used again after reset,
// so the parameters of list are valid until then, and no longer than the values that were added.
type paramDecoder struct {
	params []audit.Param
	arena  []byte // the decoded texts
}

// reset begins a new statement.
func (d *paramDecoder) reset() {
	clear(d.params)
	d.params, d.arena = d.params[:0], d.arena[:0]
	if cap(d.params) > keptParams {
		d.params = nil
	}
	if cap(d.arena) > keptArena {
		d.arena = nil
	}
}

// list is the parameters in the order in which they were added.
func (d *paramDecoder) list() []audit.Param { return d.params }

// add takes one parameter: nil is NULL, format 0 is text and shares value's bytes, and format 1 is binary, which
// becomes the text that PostgreSQL itself would show where its type is known and the value is well formed, and
// raw bytes where not. Times with time zone are shown in UTC, jsonb as the client wrote it.
func (d *paramDecoder) add(value []byte, oid uint32, format int16) {
	d.params = append(d.params, d.decode(value, oid, format))
}

func (d *paramDecoder) decode(value []byte, oid uint32, format int16) audit.Param {
	switch {
	case value == nil:
		return audit.Param{Form: audit.ParamNull}
	case format == 0:
		return audit.Param{Value: value, Form: audit.ParamText}
	}
	if text, ok := sharedText(value, oid); ok {
		return audit.Param{Value: text, Form: audit.ParamText}
	}
	start := len(d.arena)
	arena, ok := appendValue(d.arena, value, oid)
	if !ok {
		return audit.Param{Value: value, Form: audit.ParamHex}
	}
	d.arena = arena
	return audit.Param{Value: arena[start:len(arena):len(arena)], Form: audit.ParamText}
}

// sharedText is the text of a type whose binary form is the text, or holds it.
func sharedText(v []byte, oid uint32) (text []byte, ok bool) {
	switch oid {
	case oidText, oidVarchar, oidBPChar, oidName, oidJSON, oidXML, oidUnknown:
		return v, true
	case oidJSONB:
		if len(v) > 0 && v[0] == 1 { // the format's version
			return v[1:], true
		}
	case oidChar:
		return v, len(v) == 1 && v[0] > 0 && v[0] < 0x80
	}
	return nil, false
}

// appendValue appends the text form of a binary value. Where ok is false, what was appended means nothing.
func appendValue(b, v []byte, oid uint32) (text []byte, ok bool) {
	switch oid {
	case oidBool:
		return appendBool(b, v)
	case oidInt2, oidInt4, oidInt8, oidOID, oidXID, oidFloat4, oidFloat8, oidNumeric:
		return appendNumber(b, v, oid)
	case oidDate, oidTime, oidTimeTZ, oidTimestamp, oidTimestampTZ, oidInterval:
		return appendTimeValue(b, v, oid)
	case oidBytea:
		return hex.AppendEncode(append(b, '\\', 'x'), v), true
	case oidUUID:
		return appendUUID(b, v)
	case oidInet, oidCIDR:
		return appendInet(b, v, oid == oidCIDR)
	case oidMACAddr:
		return appendMAC(b, v, 6)
	case oidMACAddr8:
		return appendMAC(b, v, 8)
	}
	if text, ok := sharedText(v, oid); ok {
		return append(b, text...), true
	}
	if element := elementOf(oid); element != 0 {
		return appendArray(b, v, element)
	}
	return b, false
}

func appendBool(b, v []byte) ([]byte, bool) {
	switch {
	case len(v) != 1:
		return b, false
	case v[0] == 0:
		return append(b, 'f'), true
	}
	return append(b, 't'), true
}

func appendUUID(b, v []byte) ([]byte, bool) {
	if len(v) != 16 {
		return b, false
	}
	for i, end := range [...]int{4, 6, 8, 10, 16} {
		start := [...]int{0, 4, 6, 8, 10}[i]
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, v[start:end])
	}
	return b, true
}

func appendMAC(b, v []byte, size int) ([]byte, bool) {
	if len(v) != size {
		return b, false
	}
	for i := range v {
		if i > 0 {
			b = append(b, ':')
		}
		b = hex.AppendEncode(b, v[i:i+1])
	}
	return b, true
}

// appendInet reads family, bits, is_cidr, length and address.
func appendInet(b, v []byte, cidr bool) ([]byte, bool) {
	const (
		familyV4 = 2
		familyV6 = 3
	)
	if len(v) < 4 || len(v) != 4+int(v[3]) {
		return b, false
	}
	addr, ok := netip.AddrFromSlice(v[4:])
	bits := int(v[1])
	if !ok || addr.Is4() != (v[0] == familyV4) || addr.Is6() != (v[0] == familyV6) || bits > addr.BitLen() {
		return b, false
	}
	if addr.Is6() && binary.BigEndian.Uint64(v[4:]) == 0 && binary.BigEndian.Uint32(v[12:]) == 0 && (v[16] != 0 || v[17] != 0) {
		b = append(b, "::"...) // an IPv4-compatible address, which PostgreSQL shows as ::1.2.3.4
		addr = netip.AddrFrom4([4]byte(v[16:]))
	}
	b = addr.AppendTo(b)
	if cidr || bits != 8*len(v[4:]) {
		b = append(b, '/')
		b = appendInt(b, int64(bits))
	}
	return b, true
}
