package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash/crc32"
	"math"
)

const (
	sumDigits  = 8             // CRC-32C in hex
	linePrefix = sumDigits + 1 // the checksum and a space
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const hexDigits = "0123456789abcdef"

// openLine leaves room for the checksum; closeLine fills it in once the JSON stands behind it.
func openLine(b []byte) []byte { return append(b, "........ "...) }

// closeLine ends the line that began at b[start].
func closeLine(b []byte, start int) []byte {
	sum := crc32.Checksum(b[start+linePrefix:], castagnoli)
	for i := sumDigits - 1; i >= 0; i-- {
		b[start+i] = hexDigits[sum&15]
		sum >>= 4
	}
	return append(b, '\n')
}

// parseLine returns the JSON of a line that is given without its newline; false when its checksum does not hold.
func parseLine(line []byte) ([]byte, bool) {
	if len(line) <= linePrefix || line[sumDigits] != ' ' {
		return nil, false
	}
	var want uint32
	for _, c := range line[:sumDigits] {
		switch {
		case c >= '0' && c <= '9':
			want = want<<4 | uint32(c-'0')
		case c >= 'a' && c <= 'f':
			want = want<<4 | uint32(c-'a'+10)
		default:
			return nil, false
		}
	}
	body := line[linePrefix:]
	return body, crc32.Checksum(body, castagnoli) == want
}

var seqKey = []byte(`{"seq":`)

// seqOf reads the sequence number at the beginning of a record's JSON; false when it is no record.
func seqOf(body []byte) (uint64, bool) {
	digits, ok := bytes.CutPrefix(body, seqKey)
	if !ok {
		return 0, false
	}
	var n uint64
	for i, c := range digits {
		if c < '0' || c > '9' {
			return n, i > 0 && c == ','
		}
		d := uint64(c - '0')
		if n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return 0, false
}

// parseRecord returns a record line's JSON and sequence number.
func parseRecord(line []byte) (body []byte, seq uint64, ok bool) {
	body, ok = parseLine(line)
	if !ok {
		return nil, 0, false
	}
	seq, ok = seqOf(body)
	return body, seq, ok
}

// leafHash is a record's leaf in the transparency log, in hex: SHA-256 over a zero byte and the JSON (RFC 6962).
func leafHash(body []byte) string {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}
