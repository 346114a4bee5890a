package segment

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// errIndex says that a side index does not hold what it must.
var errIndex = errors.New("the side index is damaged")

// reader reads numbers and bytes; after the first fault it reads zeros.
type reader struct {
	buf []byte
	err error
}

func (r *reader) fail() { r.buf, r.err = nil, errIndex }

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.buf)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.buf)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.buf)) {
		r.fail()
		return nil
	}
	b := r.buf[:n]
	r.buf = r.buf[n:]
	return b
}

func (r *reader) uint32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// end says that everything was read, and nothing is missing.
func (r *reader) end() error {
	if r.err == nil && len(r.buf) > 0 {
		return errIndex
	}
	return r.err
}

// appendChecksum appends the CRC-32C of what stands from start on.
func appendChecksum(dst []byte, start int) []byte {
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli()))
}

// checked returns b without its checksum; false when that does not hold.
func checked(b []byte) ([]byte, bool) {
	if len(b) < checksumSize {
		return nil, false
	}
	body := b[:len(b)-checksumSize]
	return body, crc32.Checksum(body, castagnoli()) == binary.LittleEndian.Uint32(b[len(body):])
}
