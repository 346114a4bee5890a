package recording

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"filippo.io/age"
)

// The layout of a file: magic, the length of the label (4 bytes, big-endian), the label as JSON, frames.
const (
	magic      = "SALLYREC1\n"
	maxLabel   = 16 << 10 // bytes
	keyBytes   = 32
	maxPiece   = 64 << 10 // bytes of output in one frame
	maxSealed  = 1 << 20  // bytes of a frame after its head: escapes make six of one at most
	headBytes  = 16
	sealBytes  = 16      // what sealing adds
	finalFrame = 1 << 63 // in a frame's time: nothing follows
)

// label is what a file says of itself in the clear.
type label struct {
	Statement string    `json:"statement"`
	Session   string    `json:"session"`
	Started   time.Time `json:"started"`
	Key       []byte    `json:"key"` // the file's key as an age file
}

// newLabel makes a label with a fresh key, and the bytes that begin its file.
func newLabel(h *Header, recipient age.Recipient) (begin []byte, key []byte, err error) {
	key = make([]byte, keyBytes)
	if _, err := rand.Read(key); err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	var wrapped bytes.Buffer
	w, err := age.Encrypt(&wrapped, recipient)
	if err != nil {
		return nil, nil, fmt.Errorf("wrap key: %w", err)
	}
	if _, err := w.Write(key); err != nil {
		return nil, nil, fmt.Errorf("wrap key: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, nil, fmt.Errorf("wrap key: %w", err)
	}
	text, err := json.Marshal(label{Statement: h.Statement, Session: h.Session, Started: h.Started.UTC(), Key: wrapped.Bytes()})
	if err != nil {
		return nil, nil, fmt.Errorf("write label: %w", err)
	}
	begin = binary.BigEndian.AppendUint32([]byte(magic), uint32(len(text)))
	return append(begin, text...), key, nil
}

// readLabel reads the beginning of a file; begin are its bytes.
func readLabel(r io.Reader) (l label, begin []byte, err error) {
	begin = make([]byte, len(magic)+4)
	if _, err := io.ReadFull(r, begin); err != nil {
		return label{}, nil, errTorn
	}
	if string(begin[:len(magic)]) != magic {
		return label{}, nil, fmt.Errorf("%w: it does not begin as a recording does", ErrDamaged)
	}
	length := binary.BigEndian.Uint32(begin[len(magic):])
	if length > maxLabel {
		return label{}, nil, fmt.Errorf("%w: its label has %d bytes, more than %d", ErrDamaged, length, maxLabel)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return label{}, nil, errTorn
	}
	if err := json.Unmarshal(text, &l); err != nil {
		return label{}, nil, fmt.Errorf("%w: its label is no JSON: %w", ErrDamaged, err)
	}
	return l, append(begin, text...), nil
}

// unwrap is the label's key in the clear.
func (l *label) unwrap(identity age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(l.Key), identity)
	if err != nil {
		return nil, fmt.Errorf("%w, or sealed to another key: %s", ErrDamaged, err.Error()) // an io.EOF in it would be taken for the recording's
	}
	key := make([]byte, keyBytes)
	if _, err := io.ReadFull(r, key); err != nil {
		return nil, fmt.Errorf("%w: unwrap its key: %s", ErrDamaged, err.Error())
	}
	return key, nil
}

// seal closes and opens frames.
type seal struct {
	gcm   cipher.AEAD
	bound [sha256.Size + headBytes - 8]byte // what a frame vouches for besides itself: the hash of the label, and its time
}

func newSeal(key, begin []byte) (*seal, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	s := &seal{gcm: gcm}
	hash := sha256.Sum256(begin)
	copy(s.bound[:], hash[:])
	return s, nil
}

// nonce is a frame's number: a key is one file's, so that none comes twice.
func nonce(number uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 4, 12), number) }

// appendFrame seals packed as the frame of that number. A frame is a head and the sealed bytes; the head is their length (4
// bytes), a CRC-32C over all that follows it (4 bytes) and the frame's time in microseconds (8 bytes; the highest bit says that it
// is the last), all big-endian. The checksum finds the end of a torn file without the key.
func (s *seal) appendFrame(b []byte, number uint64, at time.Duration, final bool, packed []byte) []byte {
	start := len(b)
	b = append(b, make([]byte, headBytes)...)
	head := b[start:]
	binary.BigEndian.PutUint32(head, uint32(len(packed)+s.gcm.Overhead()))
	moment := uint64(at.Microseconds())
	if final {
		moment |= finalFrame
	}
	binary.BigEndian.PutUint64(head[8:], moment)
	bound := s.bound
	copy(bound[sha256.Size:], head[8:headBytes])
	b = s.gcm.Seal(b, nonce(number), packed, bound[:])
	binary.BigEndian.PutUint32(b[start+4:], crc32.Checksum(b[start+8:], castagnoli))
	return b
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frame is one frame as it stands in a file.
type frame struct {
	at     time.Duration
	final  bool
	size   int64 // bytes in the file
	moment [8]byte
	sealed []byte
}

// ErrDamaged says that a recording's file is not what was written, or not of its statement. What wraps it says where.
var ErrDamaged = errors.New("its file is damaged")

// errTorn says that a file ends before the end of a frame.
var errTorn = errors.New("it breaks off")

// readFrame reads the next frame into buf: io.EOF where the file ends between two, errTorn where it ends within one, ErrDamaged where what
// stands there is no frame.
func readFrame(r io.Reader, buf []byte) (frame, error) {
	var head [headBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errTorn
		}
		return frame{}, err
	}
	length := binary.BigEndian.Uint32(head[:])
	if length > maxSealed {
		return frame{}, fmt.Errorf("%w: a frame says that it has %d bytes, more than %d", ErrDamaged, length, maxSealed)
	}
	if cap(buf) < int(length) {
		buf = make([]byte, length)
	}
	f := frame{size: headBytes + int64(length), sealed: buf[:length]}
	if _, err := io.ReadFull(r, f.sealed); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			err = errTorn
		}
		return frame{}, err
	}
	sum := crc32.Update(crc32.Checksum(head[8:], castagnoli), castagnoli, f.sealed)
	if sum != binary.BigEndian.Uint32(head[4:]) {
		return frame{}, fmt.Errorf("%w: a frame's checksum is not that of its bytes", ErrDamaged)
	}
	moment := binary.BigEndian.Uint64(head[8:])
	copy(f.moment[:], head[8:])
	f.at, f.final = time.Duration(moment&^finalFrame)*time.Microsecond, moment&finalFrame != 0
	return f, nil
}

// frameBehind says whether a whole frame stands in the file somewhere behind a place where none does: then that place was damaged, and is not
// the end that a crash leaves. Of damaged frames in a row it looks behind 1 MiB at least.
func frameBehind(f io.ReaderAt, from, size int64) (bool, error) {
	b := make([]byte, max(0, min(size-from, 2*maxFrame)))
	if _, err := f.ReadAt(b, from); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	work := 64 << 20 // bytes that are summed up at the most: what holds so many that look like a frame's head is none that a crash left
	for ; len(b) >= headBytes && work > 0; b = b[1:] {
		length := binary.BigEndian.Uint32(b)
		end := headBytes + int64(length)
		if length < sealBytes || length > maxSealed || end > int64(len(b)) {
			continue
		}
		if crc32.Checksum(b[8:end], castagnoli) == binary.BigEndian.Uint32(b[4:]) {
			return true, nil
		}
		work -= int(length)
	}
	return work <= 0, nil
}

// open is what appendFrame was given as packed.
func (s *seal) open(number uint64, f *frame) ([]byte, error) {
	bound := s.bound
	copy(bound[sha256.Size:], f.moment[:])
	packed, err := s.gcm.Open(f.sealed[:0], nonce(number), f.sealed, bound[:])
	if err != nil {
		return nil, fmt.Errorf("%w: it was changed, or a frame of it is of another recording or in another place", ErrDamaged)
	}
	return packed, nil
}

// heads reads what frames say in the clear, without the rest of them.
type heads struct {
	file   io.ReaderAt
	offset int64
	size   int64
}

func newHeads(file io.ReaderAt, offset, size int64) *heads { return &heads{file, offset, size} }

// next is the next frame that stands whole; ok is false when there is none.
func (h *heads) next() (at time.Duration, length int64, final, ok bool, err error) {
	var head [headBytes]byte
	if h.offset+headBytes > h.size {
		return 0, 0, false, false, nil
	}
	if _, err := h.file.ReadAt(head[:], h.offset); err != nil {
		return 0, 0, false, false, err
	}
	sealed := binary.BigEndian.Uint32(head[:])
	length = headBytes + int64(sealed)
	if sealed > maxSealed || h.offset+length > h.size {
		return 0, 0, false, false, nil
	}
	h.offset += length
	moment := binary.BigEndian.Uint64(head[8:])
	return time.Duration(moment&^finalFrame) * time.Microsecond, length, moment&finalFrame != 0, true, nil
}
