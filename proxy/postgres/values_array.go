package postgres

import (
	"encoding/binary"
	"strings"
)

// maxDimensions is PostgreSQL's bound on an array's dimensions.
const maxDimensions = 6

// elementOf is the element type of an array type that is understood, else 0.
func elementOf(oid uint32) uint32 {
	switch oid {
	case 1000:
		return oidBool
	case 1001:
		return oidBytea
	case 1002:
		return oidChar
	case 1003:
		return oidName
	case 1005:
		return oidInt2
	case 1007:
		return oidInt4
	case 1009:
		return oidText
	case 1011:
		return oidXID
	case 1014:
		return oidBPChar
	case 1015:
		return oidVarchar
	case 1016:
		return oidInt8
	case 1021:
		return oidFloat4
	case 1022:
		return oidFloat8
	case 1028:
		return oidOID
	}
	return laterElementOf(oid)
}

func laterElementOf(oid uint32) uint32 {
	switch oid {
	case 143:
		return oidXML
	case 199:
		return oidJSON
	case 651:
		return oidCIDR
	case 775:
		return oidMACAddr8
	case 1040:
		return oidMACAddr
	case 1041:
		return oidInet
	case 1115:
		return oidTimestamp
	case 1182:
		return oidDate
	case 1183:
		return oidTime
	case 1185:
		return oidTimestampTZ
	case 1187:
		return oidInterval
	case 1231:
		return oidNumeric
	case 1270:
		return oidTimeTZ
	case 2951:
		return oidUUID
	case 3807:
		return oidJSONB
	}
	return 0
}

// arrayReader writes the elements of a binary array as text.
type arrayReader struct {
	rest    []byte // the elements that are left
	element uint32
	lengths [maxDimensions]int
	dims    int
}

// appendArray reads the count of dimensions, flags, the element's type, each dimension's length and lower bound, and
// then the elements, each with its length.
func appendArray(b, v []byte, element uint32) ([]byte, bool) {
	if len(v) < 12 || binary.BigEndian.Uint32(v[8:]) != element {
		return b, false
	}
	dims := binary.BigEndian.Uint32(v)
	if dims == 0 {
		return append(b, "{}"...), len(v) == 12
	}
	if dims > maxDimensions || len(v) < 12+8*int(dims) {
		return b, false
	}
	r := arrayReader{rest: v[12+8*dims:], element: element, dims: int(dims)}
	count, bounds := 1, false
	for i := range r.dims {
		length := int(int32(binary.BigEndian.Uint32(v[12+8*i:])))
		if length < 1 || length > len(r.rest)/4 {
			return b, false
		}
		if count *= length; count > len(r.rest)/4 {
			return b, false
		}
		r.lengths[i] = length
		bounds = bounds || int32(binary.BigEndian.Uint32(v[16+8*i:])) != 1
	}
	if bounds {
		for i := range r.dims {
			lower := int64(int32(binary.BigEndian.Uint32(v[16+8*i:])))
			b = appendInt(append(b, '['), lower)
			b = appendInt(append(b, ':'), lower+int64(r.lengths[i])-1)
			b = append(b, ']')
		}
		b = append(b, '=')
	}
	b, ok := r.appendDimension(b, 0)
	return b, ok && len(r.rest) == 0
}

func (r *arrayReader) appendDimension(b []byte, dim int) (text []byte, ok bool) {
	b = append(b, '{')
	for i := range r.lengths[dim] {
		if i > 0 {
			b = append(b, ',')
		}
		if dim+1 < r.dims {
			b, ok = r.appendDimension(b, dim+1)
		} else {
			b, ok = r.appendElement(b)
		}
		if !ok {
			return b, false
		}
	}
	return append(b, '}'), true
}

func (r *arrayReader) appendElement(b []byte) ([]byte, bool) {
	if len(r.rest) < 4 {
		return b, false
	}
	length := int(int32(binary.BigEndian.Uint32(r.rest)))
	r.rest = r.rest[4:]
	if length == -1 {
		return append(b, "NULL"...), true
	}
	if length < 0 || length > len(r.rest) {
		return b, false
	}
	value := r.rest[:length]
	r.rest = r.rest[length:]
	start := len(b)
	b, ok := appendValue(b, value, r.element)
	if !ok {
		return b, false
	}
	return quoteElement(b, start), true
}

// quoteElement puts what stands from start on in quotes where array_out would.
func quoteElement(b []byte, start int) []byte {
	escapes, quote := 0, len(b) == start
	for _, c := range b[start:] {
		switch c {
		case '"', '\\':
			escapes++
			quote = true
		case '{', '}', ',', ' ', '\t', '\n', '\r', '\v', '\f':
			quote = true
		}
	}
	if len(b)-start == 4 && strings.EqualFold(string(b[start:]), "null") {
		quote = true
	}
	if !quote {
		return b
	}
	// Moved from its end on, so that nothing is overwritten before it was read.
	read := len(b) - 1
	for range escapes + 2 {
		b = append(b, 0)
	}
	b[len(b)-1] = '"'
	for write := len(b) - 2; read >= start; read-- {
		b[write] = b[read]
		write--
		if c := b[write+1]; c == '"' || c == '\\' {
			b[write] = '\\'
			write--
		}
	}
	b[start] = '"'
	return b
}
