package journal

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"time"
)

const (
	idLen      = 36
	idsInChunk = 128
)

// ids makes UUIDv7s (RFC 9562, section 5.7) whose rand_a holds the fraction of the millisecond (section 6.2, method 3)
// and whose rand_b is random. It is not safe for concurrent use.
//
// The strings of a chunk share one allocation, so that an ID costs a 128th of one.
type ids struct {
	random *mathrand.ChaCha8
	chunk  strings.Builder
}

func newIDs() (*ids, error) {
	var seed [32]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, fmt.Errorf("seed ids: %w", err)
	}
	return &ids{random: mathrand.NewChaCha8(seed)}, nil
}

// next makes an ID for time t.
func (g *ids) next(t time.Time) string {
	nanos := uint64(t.UnixNano())
	ms := nanos / 1e6
	fraction := (nanos % 1e6) << 12 / 1e6
	hi := ms<<16 | 7<<12 | fraction
	lo := 1<<63 | g.random.Uint64()>>2

	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], hi)
	binary.BigEndian.PutUint64(raw[8:], lo)
	text := [idLen]byte{8: '-', 13: '-', 18: '-', 23: '-'}
	hex.Encode(text[0:8], raw[0:4])
	hex.Encode(text[9:13], raw[4:6])
	hex.Encode(text[14:18], raw[6:8])
	hex.Encode(text[19:23], raw[8:10])
	hex.Encode(text[24:36], raw[10:16])
	if g.chunk.Cap()-g.chunk.Len() < idLen {
		g.chunk = strings.Builder{}
		g.chunk.Grow(idLen * idsInChunk)
	}
	start := g.chunk.Len()
	g.chunk.Write(text[:])
	return g.chunk.String()[start:]
}
