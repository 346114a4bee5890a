package mysql

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// A packet is its payload's length (3 bytes, little-endian), its number within the exchange, and the payload.
const (
	headerSize = 4
	// maxHandshakePacket bounds one packet of a handshake in bytes: 64 KiB of connect attributes and as much for the rest.
	maxHandshakePacket = 128 << 10
)

// First bytes of packets in a handshake. The same bytes mean other things elsewhere.
const (
	packetOK         = 0x00
	packetMoreAuth   = 0x01
	packetAuthSwitch = 0xfe
	packetError      = 0xff
)

// readPacket reads one packet of a handshake, and no byte beyond it. Its number has to be sequence.
func readPacket(r io.Reader, sequence byte) ([]byte, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("read packet: %w", err)
	}
	size := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
	if size > maxHandshakePacket {
		return nil, malformed("a packet of %d bytes in a handshake", size)
	}
	if head[3] != sequence {
		return nil, &codedError{number: numberOutOfOrder, sentence: "packets came out of order; is this a MySQL client?",
			err: fmt.Errorf("packet %d in place of %d", head[3], sequence)}
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil, fmt.Errorf("read packet: %w", err)
	}
	return payload, nil
}

// appendPacket appends a packet with a payload of less than 16 MB.
func appendPacket(b []byte, sequence byte, payload []byte) []byte {
	n := len(payload)
	b = append(b, byte(n), byte(n>>8), byte(n>>16), sequence)
	return append(b, payload...)
}

// fields takes a payload apart. Reading beyond its end gives zero values and makes it bad.
type fields struct {
	b   []byte
	bad bool
}

// bytes gives the next n bytes, which are part of the payload.
func (f *fields) bytes(n uint64) []byte {
	if uint64(len(f.b)) < n {
		f.b, f.bad = nil, true
		return nil
	}
	taken := f.b[:n:n]
	f.b = f.b[n:]
	return taken
}

func (f *fields) uint8() byte {
	if b := f.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (f *fields) uint16() uint16 {
	if b := f.bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (f *fields) uint32() uint32 {
	if b := f.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// text gives the bytes up to the next zero byte, which has to be there.
func (f *fields) text() string {
	end := bytes.IndexByte(f.b, 0)
	if end < 0 {
		f.b, f.bad = nil, true
		return ""
	}
	text := string(f.b[:end])
	f.b = f.b[end+1:]
	return text
}

// lastText is text for fields after which a packet may end: the zero byte, or all of it, may be missing.
func (f *fields) lastText() string {
	text, rest, _ := bytes.Cut(f.b, []byte{0})
	f.b = rest
	return string(text)
}

// length reads a length-encoded integer. NULL, which is one only in rows, is bad.
func (f *fields) length() uint64 {
	first := f.uint8()
	var width uint64
	switch first {
	default:
		return uint64(first)
	case 0xfc:
		width = 2
	case 0xfd:
		width = 3
	case 0xfe:
		width = 8
	case 0xfb, 0xff:
		f.b, f.bad = nil, true
		return 0
	}
	var wide [8]byte
	copy(wide[:], f.bytes(width))
	return binary.LittleEndian.Uint64(wide[:])
}

// counted gives a string with its length before it.
func (f *fields) counted() []byte { return f.bytes(f.length()) }

// appendLength appends a length-encoded integer.
func appendLength(b []byte, n uint64) []byte {
	switch {
	case n < 0xfb:
		return append(b, byte(n))
	case n < 1<<16:
		return binary.LittleEndian.AppendUint16(append(b, 0xfc), uint16(n))
	case n < 1<<24:
		return append(b, 0xfd, byte(n), byte(n>>8), byte(n>>16))
	}
	return binary.LittleEndian.AppendUint64(append(b, 0xfe), n)
}

// appendText appends text and a zero byte. A zero byte in it, which would end it early, ends it.
func appendText(b []byte, text string) []byte {
	if end := bytes.IndexByte([]byte(text), 0); end >= 0 {
		text = text[:end]
	}
	return append(append(b, text...), 0)
}
