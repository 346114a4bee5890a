package mysql

import (
	"math"
	"strconv"

	"github.com/sallyport/sallyport/audit"
)

// Types of binary values (enum_field_types).
const (
	typeDecimal    = 0
	typeTiny       = 1
	typeShort      = 2
	typeLong       = 3
	typeFloat      = 4
	typeDouble     = 5
	typeTimestamp  = 7
	typeLongLong   = 8
	typeDate       = 10
	typeTime       = 11
	typeDateTime   = 12
	typeVarchar    = 15
	typeBit        = 16
	typeJSON       = 245
	typeNewDecimal = 246
	typeEnum       = 247
	typeSet        = 248
	typeTinyBlob   = 249
	typeMediumBlob = 250
	typeLongBlob   = 251
	typeBlob       = 252
	typeVarString  = 253
	typeString     = 254
	typeGeometry   = 255
)

// unsignedFlag is the flag in the second byte of a parameter's type.
const unsignedFlag = 0x80

// paramType is a parameter's type, and its name if it is an attribute's.
type paramType struct {
	kind     byte
	unsigned bool
	name     string
}

// Memory that a decoder keeps from one statement to the next.
const (
	keptArena  = 64 << 10 // bytes
	keptParams = 1024
)

// paramDecoder turns a statement's parameters into what the record holds. Its memory is used again after reset, so its
// parameters are valid until then, and no longer than the packet that they came in.
type paramDecoder struct {
	params []audit.Param
	arena  []byte // the decoded texts
	bits   bool   // the store reads typeBit, which MariaDB takes for NULL without its bytes
}

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

func (d *paramDecoder) null() {
	d.params = append(d.params, audit.Param{Form: audit.ParamNull})
}

// text adds a parameter that is its own text, which is not copied.
func (d *paramDecoder) text(value []byte) { d.params = append(d.params, audit.Param{Value: value}) }

// value reads one value of type t. It sets f.bad where that is none, or of a type that stores read each in its own way, such as
// YEAR: what one takes for a number is a string for another, and nothing for a third.
func (d *paramDecoder) value(f *fields, t paramType) {
	start := len(d.arena)
	switch t.kind {
	case typeTiny, typeShort, typeLong, typeLongLong:
		d.arena = appendInteger(d.arena, f, t)
	case typeFloat:
		d.arena = strconv.AppendFloat(d.arena, float64(math.Float32frombits(f.uint32())), 'g', -1, 32)
	case typeDouble:
		d.arena = strconv.AppendFloat(d.arena, math.Float64frombits(f.uint64()), 'g', -1, 64)
	case typeDate, typeDateTime, typeTimestamp:
		d.arena = appendDateTime(d.arena, f, t.kind == typeDate)
	case typeTime:
		d.arena = appendTime(d.arena, f)
	case typeBit:
		f.bad = f.bad || !d.bits
		d.text(f.counted())
		return
	case typeDecimal, typeVarchar, typeJSON, typeNewDecimal, typeEnum, typeSet, typeTinyBlob, typeMediumBlob, typeLongBlob,
		typeBlob, typeVarString, typeString, typeGeometry:
		d.text(f.counted())
		return
	default:
		f.bad = true
		return
	}
	d.text(d.arena[start:len(d.arena):len(d.arena)])
}

func appendInteger(b []byte, f *fields, t paramType) []byte {
	var signed int64
	var unsigned uint64
	switch t.kind {
	case typeTiny:
		v := f.uint8()
		signed, unsigned = int64(int8(v)), uint64(v)
	case typeShort:
		v := f.uint16()
		signed, unsigned = int64(int16(v)), uint64(v)
	case typeLong:
		v := f.uint32()
		signed, unsigned = int64(int32(v)), uint64(v)
	default:
		v := f.uint64()
		signed, unsigned = int64(v), v
	}
	if t.unsigned {
		return strconv.AppendUint(b, unsigned, 10)
	}
	return strconv.AppendInt(b, signed, 10)
}

// appendDateTime reads a length and, as far as that goes, year, month, day; hour, minute, second; microseconds.
func appendDateTime(b []byte, f *fields, dateOnly bool) []byte {
	size := f.uint8()
	if size != 0 && size != 4 && size != 7 && size != 11 {
		f.bad = true
	}
	v := fields{b: f.bytes(uint64(size))}
	if f.bad {
		return b
	}
	var year uint16
	var month, day byte
	if size > 0 {
		year, month, day = v.uint16(), v.uint8(), v.uint8()
	}
	b = appendPadded(b, uint64(year), 4)
	b = appendPadded(append(b, '-'), uint64(month), 2)
	b = appendPadded(append(b, '-'), uint64(day), 2)
	if dateOnly && size <= 4 {
		return b
	}
	return appendClock(append(b, ' '), &v, 0)
}

// appendTime reads a length and, as far as that goes, the sign and days; hour, minute, second; microseconds.
func appendTime(b []byte, f *fields) []byte {
	size := f.uint8()
	if size != 0 && size != 8 && size != 12 {
		f.bad = true
	}
	v := fields{b: f.bytes(uint64(size))}
	if f.bad {
		return b
	}
	var days uint32
	if size > 0 {
		if v.uint8() != 0 {
			b = append(b, '-')
		}
		days = v.uint32()
	}
	return appendClock(b, &v, uint64(days))
}

// appendClock reads hour, minute and second, which may all be missing, and then microseconds, which may be as well.
func appendClock(b []byte, v *fields, days uint64) []byte {
	var hour, minute, second byte
	if len(v.b) > 0 {
		hour, minute, second = v.uint8(), v.uint8(), v.uint8()
	}
	b = appendPadded(b, 24*days+uint64(hour), 2)
	b = appendPadded(append(b, ':'), uint64(minute), 2)
	b = appendPadded(append(b, ':'), uint64(second), 2)
	if len(v.b) > 0 {
		b = appendPadded(append(b, '.'), uint64(v.uint32()), 6)
	}
	return b
}

// appendPadded appends n with at least so many digits.
func appendPadded(b []byte, n uint64, digits int) []byte {
	for limit := uint64(10); digits > 1; digits, limit = digits-1, limit*10 {
		if n < limit {
			b = append(b, "000000"[:digits-1]...)
			break
		}
	}
	return strconv.AppendUint(b, n, 10)
}
