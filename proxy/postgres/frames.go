package postgres

import (
	"bytes"
	"encoding/binary"
)

// headerSize is a message's type byte and its length, which counts itself (PostgreSQL: Message Formats).
const headerSize = 5

// Client message types that the relay tells apart.
const (
	msgBind         = 'B'
	msgClose        = 'C'
	msgCopyData     = 'd'
	msgCopyDone     = 'c'
	msgCopyFail     = 'f'
	msgDescribe     = 'D'
	msgExecute      = 'E'
	msgFlush        = 'H'
	msgFunctionCall = 'F'
	msgParse        = 'P'
	msgPassword     = 'p'
	msgQuery        = 'Q'
	msgSync         = 'S'
	msgTerminate    = 'X'
)

// Server message types that the relay tells apart.
const (
	msgBindComplete         = '2'
	msgCloseComplete        = '3'
	msgCommandComplete      = 'C'
	msgCopyInResponse       = 'G'
	msgDataRow              = 'D'
	msgEmptyQueryResponse   = 'I'
	msgErrorResponse        = 'E'
	msgNoData               = 'n'
	msgNotice               = 'N'
	msgNotification         = 'A'
	msgParameterDescription = 't'
	msgParameterStatus      = 'S'
	msgParseComplete        = '1'
	msgPortalSuspended      = 's'
	msgReadyForQuery        = 'Z'
	msgRowDescription       = 'T'
)

// header reads a message's type and its whole size on the wire. ok is false when b is too short to tell; a size
// below headerSize is no valid message.
func header(b []byte) (kind byte, size int, ok bool) {
	if len(b) < headerSize {
		return 0, 0, false
	}
	return b[0], 1 + int(binary.BigEndian.Uint32(b[1:headerSize])), true
}

// fields reads a message's body. After the last field, or the first that does not fit, bad says whether all was
// well.
type fields struct {
	b   []byte
	bad bool
}

// text reads a NUL-terminated string, without its NUL.
func (f *fields) text() []byte {
	i := bytes.IndexByte(f.b, 0)
	if i < 0 {
		f.bad, f.b = true, nil
		return nil
	}
	s := f.b[:i]
	f.b = f.b[i+1:]
	return s
}

func (f *fields) byte() byte {
	if b := f.take(1); b != nil {
		return b[0]
	}
	return 0
}

// uint16 reads a count or a format code: PostgreSQL itself takes them as unsigned, so that 65535 parameters are possible.
func (f *fields) uint16() int {
	if b := f.take(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (f *fields) int32() int {
	if b := f.take(4); b != nil {
		return int(int32(binary.BigEndian.Uint32(b)))
	}
	return 0
}

func (f *fields) take(n int) []byte {
	if n < 0 || n > len(f.b) {
		f.bad, f.b = true, nil
		return nil
	}
	b := f.b[:n:n]
	f.b = f.b[n:]
	return b
}

// maxName is how many bytes of a statement's or a portal's name count (PostgreSQL: NAMEDATALEN - 1): names that differ
// behind them are one name to the store.
const maxName = 63

// name reads a prepared statement's or a portal's name as the store understands it.
func (f *fields) name() []byte {
	s := f.text()
	return s[:min(len(s), maxName)]
}

// value reads a length-prefixed value; nil is NULL.
func (f *fields) value() []byte {
	n := f.int32()
	if n == -1 || f.bad {
		return nil
	}
	return f.take(n)
}

// complete says that the body was well formed and held nothing more.
func (f *fields) complete() bool { return !f.bad && len(f.b) == 0 }

// appendMessage appends a message of the given type and body.
func appendMessage(b []byte, kind byte, body ...[]byte) []byte {
	size := 4
	for _, part := range body {
		size += len(part)
	}
	b = append(b, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(size))
	for _, part := range body {
		b = append(b, part...)
	}
	return b
}
