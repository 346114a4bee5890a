package redis

// This file makes patterns of keys, which are to the record what tables are: what differs from key to key of the same kind
// becomes a *. user:1234:cart and user:99:cart are both user:*:cart.

// Bounds on a pattern, in bytes.
const (
	maxPattern  = 128
	idLength    = 8  // from here on, hexadecimal digits with a decimal one among them are an id
	tokenLength = 16 // from here on, letters with two digits among them are
	tailLength  = 3  // so many digits at a word's end are a number that it carries
	uuidLength  = 36
)

// letter says what a byte is in a key.
type letter uint8

// The kinds of bytes; each but the separator is a bit.
const (
	isDigit letter = 1 << iota
	isHex          // a letter that is a hexadecimal digit
	isLetter
	isStrange // what no name is made of
	isBetween // it separates words
)

var letters = func() (table [256]letter) {
	for c := range table {
		switch b := byte(c); {
		case b >= '0' && b <= '9':
			table[c] = isDigit
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			table[c] = isHex
		case b|0x20 >= 'g' && b|0x20 <= 'z':
			table[c] = isLetter
		default:
			table[c] = isStrange
		}
	}
	for _, b := range []byte(":./-_{}|#,;") {
		table[b] = isBetween
	}
	for _, b := range []byte("$*+!~^&[]()<>?") {
		table[b] = isLetter
	}
	return table
}()

// appendPattern appends the pattern of a key.
func appendPattern(out, key []byte) []byte {
	limit := len(out) + maxPattern
	for start := 0; start < len(key); {
		if len(out) > limit {
			return append(out[:limit-1], '*')
		}
		end, kinds, digits, tail := start, letter(0), 0, 0
		for ; end < len(key); end++ {
			k := letters[key[end]]
			if k == isBetween {
				break
			}
			kinds |= k
			tail++
			if k == isDigit {
				digits++
			} else {
				tail = 0
			}
		}
		if n := end - start; n == idLength && isUUID(key[start:]) {
			end, kinds = start+uuidLength, isDigit
		}
		out = appendPart(out, key[start:end], kinds, digits, tail)
		for start = end; start < len(key) && letters[key[start]] == isBetween; start++ {
			out = append(out, key[start])
		}
	}
	return out
}

// appendPart appends one word of a key, of which is known what it is made of, how many digits it holds, and how many of
// them stand at its end.
func appendPart(out, word []byte, kinds letter, digits, tail int) []byte {
	hexadecimal := kinds&(isLetter|isStrange) == 0
	switch {
	case len(word) == 0:
		return out
	case kinds == isDigit, kinds&isStrange != 0, hexadecimal && digits > 0 && len(word) >= idLength, digits > 1 && len(word) >= tokenLength:
		if n := len(out); n > 1 && out[n-1] == '-' && out[n-2] == '*' { // a date, and the like
			return out[:n-1]
		}
		return append(out, '*')
	case tail >= tailLength:
		return append(append(out, word[:len(word)-tail]...), '*')
	}
	return append(out, word...)
}

// isUUID says whether b begins with a UUID in its usual form.
func isUUID(b []byte) bool {
	if len(b) < uuidLength {
		return false
	}
	for i, c := range b[:uuidLength] {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if letters[c]&(isDigit|isHex) == 0 {
				return false
			}
		}
	}
	return len(b) == uuidLength || letters[b[uuidLength]] == isBetween
}
