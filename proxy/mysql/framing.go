package mysql

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/sallyport/sallyport/proxy"
)

// maxPayload is the length of a packet that is continued in the next one.
const maxPayload = 1<<24 - 1

// payloadSize reads the length in a packet's header.
func payloadSize(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// framed is where the packets of one command lie: whole says whether they are all there.
type framed struct {
	packets int
	size    int // with headers
	whole   bool
}

// measure walks the packets of the command that b begins with, which clients number from 0.
func measure(b []byte, limit int) (c framed, err error) {
	for len(b)-c.size >= headerSize {
		header := b[c.size:]
		if header[3] != byte(c.packets) {
			return c, &codedError{number: numberOutOfOrder, sentence: "packets came out of order; connect again"}
		}
		n := payloadSize(header)
		c.packets++
		if c.size += headerSize + n; c.size > limit {
			return c, fmt.Errorf("command of %d bytes: %w", c.size, proxy.ErrMessageTooLarge)
		}
		if n < maxPayload {
			c.whole = c.size <= len(b)
			return c, nil
		}
		if c.size > len(b) {
			return c, nil
		}
	}
	return c, nil
}

// payload gives the payload of a whole command. The pieces of one of several packets are moved together for that, over the
// headers between them.
func (c framed) payload(b []byte) []byte {
	for i := 1; i < c.packets; i++ { // each packet before the last is full
		from := headerSize + i*(maxPayload+headerSize)
		copy(b[headerSize+i*maxPayload:], b[from:min(from+maxPayload, c.size)])
	}
	return b[headerSize : c.size-(c.packets-1)*headerSize]
}

// complete says whether all was well and nothing is left.
func (f *fields) complete() bool { return !f.bad && len(f.b) == 0 }

func (f *fields) uint64() uint64 {
	if b := f.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// zeroEnded gives the bytes up to the next zero byte, which has to be there.
func (f *fields) zeroEnded() []byte {
	end := bytes.IndexByte(f.b, 0)
	if end < 0 {
		f.b, f.bad = nil, true
		return nil
	}
	text := f.b[:end]
	f.b = f.b[end+1:]
	return text
}
