package postgres

import (
	"encoding/binary"
	"math"
	"strconv"
)

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

func appendNumber(b, v []byte, oid uint32) ([]byte, bool) {
	switch {
	case oid == oidNumeric:
		return appendNumeric(b, v)
	case oid == oidInt2 && len(v) == 2:
		return appendInt(b, int64(int16(binary.BigEndian.Uint16(v)))), true
	case oid == oidInt4 && len(v) == 4:
		return appendInt(b, int64(int32(binary.BigEndian.Uint32(v)))), true
	case oid == oidInt8 && len(v) == 8:
		return appendInt(b, int64(binary.BigEndian.Uint64(v))), true
	case (oid == oidOID || oid == oidXID) && len(v) == 4:
		return appendInt(b, int64(binary.BigEndian.Uint32(v))), true
	case oid == oidFloat4 && len(v) == 4:
		return appendFloat(b, float64(math.Float32frombits(binary.BigEndian.Uint32(v))), 32, 6), true
	case oid == oidFloat8 && len(v) == 8:
		return appendFloat(b, math.Float64frombits(binary.BigEndian.Uint64(v)), 64, 15), true
	}
	return b, false
}

// appendFloat writes the shortest digits that read back as f, as PostgreSQL does since version 12: with an exponent
// when that is below -4, or as large as the type's sure digits.
func appendFloat(b []byte, f float64, bits, digits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	}
	start := len(b)
	b = strconv.AppendFloat(b, f, 'e', -1, bits)
	if exponent := exponentOf(b[start:]); exponent < -4 || exponent >= digits {
		return b
	}
	return strconv.AppendFloat(b[:start], f, 'f', -1, bits)
}

// exponentOf reads the exponent of what strconv wrote: e, a sign, and at least two digits.
func exponentOf(text []byte) int {
	n, scale := 0, 1
	for i := len(text) - 1; ; i-- {
		switch text[i] {
		case '-':
			return -n
		case '+':
			return n
		}
		n += int(text[i]-'0') * scale
		scale *= 10
	}
}

// appendNumeric reads the count of digits, weight, sign, display scale and then digits of base 10000. A value whose
// text would be very much longer than itself is left alone, so that a small message cannot take much memory.
func appendNumeric(b, v []byte) ([]byte, bool) {
	const (
		negative = 0x4000
		notANum  = 0xc000
		posInf   = 0xd000
		negInf   = 0xf000
		maxScale = 0x3fff
	)
	if len(v) < 8 || len(v) != 8+2*int(binary.BigEndian.Uint16(v)) {
		return b, false
	}
	weight := int(int16(binary.BigEndian.Uint16(v[2:])))
	sign := binary.BigEndian.Uint16(v[4:])
	scale := int(binary.BigEndian.Uint16(v[6:]))
	digits := v[8:]
	switch sign {
	case notANum:
		return append(b, "NaN"...), true
	case posInf:
		return append(b, "Infinity"...), true
	case negInf:
		return append(b, "-Infinity"...), true
	case 0, negative:
	default:
		return b, false
	}
	if scale > maxScale || 4*(weight+1)+scale > 16*len(v)+256 {
		return b, false
	}
	for i := 0; i < len(digits); i += 2 {
		if binary.BigEndian.Uint16(digits[i:]) > 9999 {
			return b, false
		}
	}
	if sign == negative {
		b = append(b, '-')
	}
	return appendDecimal(b, digits, weight, scale), true
}

// appendDecimal writes digits of base 10000, the first of which counts 10000^weight, with scale decimals.
func appendDecimal(b, digits []byte, weight, scale int) []byte {
	group := func(i int) int { // the i-th group, counted from the first digit's
		if i < 0 || 2*i >= len(digits) {
			return 0
		}
		return int(binary.BigEndian.Uint16(digits[2*i:]))
	}
	start := len(b)
	for i := 0; i <= weight; i++ {
		b = appendGroup(b, group(i), 4)
	}
	zeros := 0
	for start+zeros < len(b)-1 && b[start+zeros] == '0' {
		zeros++
	}
	b = append(b[:start], b[start+zeros:]...)
	if len(b) == start {
		b = append(b, '0')
	}
	if scale == 0 {
		return b
	}
	b = append(b, '.')
	for i := weight + 1; scale > 0; i++ { // below 0 while there are zeros between the point and the first digit
		b = appendGroup(b, group(i), min(scale, 4))
		scale -= 4
	}
	return b
}

// appendGroup writes the first n of a base-10000 digit's four decimal digits.
func appendGroup(b []byte, d, n int) []byte {
	for unit := 1000; n > 0; n-- {
		b = append(b, byte('0'+d/unit%10))
		unit /= 10
	}
	return b
}
