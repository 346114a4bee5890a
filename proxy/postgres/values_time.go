package postgres

import (
	"encoding/binary"
	"math"
)

const (
	microsPerSecond = 1_000_000
	microsPerDay    = 86_400 * microsPerSecond

	// Bounds of PostgreSQL's types, from its datatype/timestamp.h, counted from 2000-01-01: 4714-11-24 BC, and the
	// ends of 5874897-12-31 and 294276-12-31.
	firstDay      = -2_451_545
	endDay        = 2_147_483_494 - 2_451_545
	firstMicros   = -211_813_488_000_000_000
	endMicros     = 9_223_371_331_200_000_000
	daysFrom0To2k = 730_425 // from 0000-03-01 to 2000-01-01
)

func appendTimeValue(b, v []byte, oid uint32) ([]byte, bool) {
	switch {
	case oid == oidDate && len(v) == 4:
		return appendDate(b, int32(binary.BigEndian.Uint32(v)))
	case oid == oidTime && len(v) == 8:
		return appendTimeOfDay(b, int64(binary.BigEndian.Uint64(v)))
	case oid == oidTimeTZ && len(v) == 12:
		b, ok := appendTimeOfDay(b, int64(binary.BigEndian.Uint64(v)))
		west := int32(binary.BigEndian.Uint32(v[8:]))
		if !ok || west <= -16*3600 || west >= 16*3600 {
			return b, false
		}
		return appendZone(b, -int(west)), true
	case oid == oidTimestamp && len(v) == 8:
		return appendTimestamp(b, int64(binary.BigEndian.Uint64(v)), "")
	case oid == oidTimestampTZ && len(v) == 8:
		return appendTimestamp(b, int64(binary.BigEndian.Uint64(v)), "+00")
	case oid == oidInterval && len(v) == 16:
		return appendInterval(b, int64(binary.BigEndian.Uint64(v)), int32(binary.BigEndian.Uint32(v[8:])),
			int32(binary.BigEndian.Uint32(v[12:]))), true
	}
	return b, false
}

// appendDate writes a day counted from 2000-01-01.
func appendDate(b []byte, day int32) ([]byte, bool) {
	switch {
	case day == math.MaxInt32:
		return append(b, "infinity"...), true
	case day == math.MinInt32:
		return append(b, "-infinity"...), true
	case day < firstDay || int64(day) >= endDay:
		return b, false
	}
	b, bc := appendDay(b, int64(day))
	return append(b, bc...), true
}

// appendDay writes the date alone; bc is what must end the value.
func appendDay(b []byte, day int64) (text []byte, bc string) {
	// The civil calendar from a day count, in eras of 400 years that begin on March 1st.
	const daysPerEra = 146_097
	z := day + daysFrom0To2k
	era := floorDiv(z, daysPerEra)
	dayOfEra := z - era*daysPerEra
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36_524 - dayOfEra/146_096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	shifted := (5*dayOfYear + 2) / 153 // 0 is March
	dayOfMonth := dayOfYear - (153*shifted+2)/5 + 1
	year, month := yearOfEra+era*400, shifted+3
	if month > 12 {
		year, month = year+1, month-12
	}
	if year <= 0 {
		year, bc = 1-year, " BC"
	}
	b = appendPadded(b, year, 4)
	b = appendPadded(append(b, '-'), month, 2)
	return appendPadded(append(b, '-'), dayOfMonth, 2), bc
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// appendPadded writes n >= 0 with at least width digits.
func appendPadded(b []byte, n int64, width int) []byte {
	for limit := int64(10); width > 1; width-- {
		if n < limit {
			for range width - 1 {
				b = append(b, '0')
			}
			break
		}
		limit *= 10
	}
	return appendInt(b, n)
}

// appendTimestamp writes microseconds counted from 2000-01-01 00:00.
func appendTimestamp(b []byte, micros int64, zone string) ([]byte, bool) {
	switch {
	case micros == math.MaxInt64:
		return append(b, "infinity"...), true
	case micros == math.MinInt64:
		return append(b, "-infinity"...), true
	case micros < firstMicros || micros >= endMicros:
		return b, false
	}
	day := floorDiv(micros, microsPerDay)
	b, bc := appendDay(b, day)
	b = appendClock(append(b, ' '), micros-day*microsPerDay)
	b = append(b, zone...)
	return append(b, bc...), true
}

func appendTimeOfDay(b []byte, micros int64) ([]byte, bool) {
	if micros < 0 || micros > microsPerDay {
		return b, false
	}
	return appendClock(b, micros), true
}

// appendClock writes hours, minutes, seconds, and the fraction without its trailing zeros; micros >= 0.
func appendClock(b []byte, micros int64) []byte {
	seconds := micros / microsPerSecond
	b = appendPadded(b, seconds/3600, 2)
	b = appendPadded(append(b, ':'), seconds/60%60, 2)
	b = appendPadded(append(b, ':'), seconds%60, 2)
	fraction := micros % microsPerSecond
	if fraction == 0 {
		return b
	}
	b = appendPadded(append(b, '.'), fraction, 6)
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

// appendZone writes seconds east of UTC.
func appendZone(b []byte, east int) []byte {
	sign := byte('+')
	if east < 0 {
		sign, east = '-', -east
	}
	b = appendPadded(append(b, sign), int64(east/3600), 2)
	if east%3600 != 0 {
		b = appendPadded(append(b, ':'), int64(east/60%60), 2)
	}
	if east%60 != 0 {
		b = appendPadded(append(b, ':'), int64(east%60), 2)
	}
	return b
}

// appendInterval writes the style "postgres", the default of intervalstyle: a part after a negative one shows its
// plus sign.
func appendInterval(b []byte, micros int64, days, months int32) []byte {
	switch {
	case micros == math.MaxInt64 && days == math.MaxInt32 && months == math.MaxInt32: // since PostgreSQL 17
		return append(b, "infinity"...)
	case micros == math.MinInt64 && days == math.MinInt32 && months == math.MinInt32:
		return append(b, "-infinity"...)
	}
	start, negative := len(b), false
	for _, part := range [...]struct {
		n    int32
		unit string
	}{{months / 12, " year"}, {months % 12, " mon"}, {days, " day"}} {
		if part.n == 0 {
			continue
		}
		if len(b) > start {
			b = append(b, ' ')
		}
		if negative && part.n > 0 {
			b = append(b, '+')
		}
		b = append(appendInt(b, int64(part.n)), part.unit...)
		if part.n != 1 {
			b = append(b, 's')
		}
		negative = part.n < 0
	}
	if micros == 0 && len(b) > start {
		return b
	}
	if len(b) > start {
		b = append(b, ' ')
	}
	switch {
	case micros < 0:
		b = append(b, '-')
	case negative:
		b = append(b, '+')
	}
	return appendSpan(b, micros)
}

// appendSpan writes the clock of micros without its sign. The smallest int64 has no positive counterpart.
func appendSpan(b []byte, micros int64) []byte {
	if micros == math.MinInt64 {
		return append(b, "2562047788:00:54.775808"...)
	}
	return appendClock(b, max(micros, -micros))
}
