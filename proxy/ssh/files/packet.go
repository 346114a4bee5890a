package files

import (
	"encoding/binary"
	"strconv"
)

// What SFTP's packets are, by their type (draft-ietf-secsh-filexfer-02, section 3).
const (
	fxpInit          = 1
	fxpVersion       = 2
	fxpOpen          = 3
	fxpClose         = 4
	fxpRead          = 5
	fxpWrite         = 6
	fxpLstat         = 7
	fxpFstat         = 8
	fxpSetstat       = 9
	fxpFsetstat      = 10
	fxpOpendir       = 11
	fxpReaddir       = 12
	fxpRemove        = 13
	fxpMkdir         = 14
	fxpRmdir         = 15
	fxpRealpath      = 16
	fxpStat          = 17
	fxpRename        = 18
	fxpReadlink      = 19
	fxpSymlink       = 20
	fxpStatus        = 101
	fxpHandle        = 102
	fxpData          = 103
	fxpName          = 104
	fxpAttrs         = 105
	fxpExtended      = 200
	fxpExtendedReply = 201
)

// Codes of a status (section 7).
const (
	fxOK               = 0
	fxEOF              = 1
	fxPermissionDenied = 3
	fxFailure          = 4
	fxBadMessage       = 5
	fxOpUnsupported    = 8
)

var statusNames = [...]string{"SSH_FX_OK", "SSH_FX_EOF", "SSH_FX_NO_SUCH_FILE", "SSH_FX_PERMISSION_DENIED", "SSH_FX_FAILURE", "SSH_FX_BAD_MESSAGE",
	"SSH_FX_NO_CONNECTION", "SSH_FX_CONNECTION_LOST", "SSH_FX_OP_UNSUPPORTED"}

func statusName(code uint32) string {
	if code < uint32(len(statusNames)) {
		return statusNames[code]
	}
	return "SSH_FX_" + strconv.FormatUint(uint64(code), 10)
}

// How a file is to be opened (section 6.3).
const (
	fxfRead   = 0x01
	fxfWrite  = 0x02
	fxfAppend = 0x04
	fxfCreate = 0x08
	fxfTrunc  = 0x10
	fxfExcl   = 0x20
	fxfKnown  = 0x3f
)

// Which attributes are there (section 5).
const (
	attrSize        = 0x01
	attrOwner       = 0x02
	attrPermissions = 0x04
	attrTimes       = 0x08
	attrExtended    = 0x80000000
	attrKnown       = attrSize | attrOwner | attrPermissions | attrTimes | attrExtended
)

const (
	lengthSize = 4
	// maxPacket bounds what follows a packet's length, in bytes, as OpenSSH does.
	maxPacket = 256 << 10
	// maxRead is how much one READ may ask for: more would not come back in one packet.
	maxRead = maxPacket - 1024
	// maxHandle bounds a handle, in bytes (section 6.3).
	maxHandle = 256
)

// fields reads the fields of a packet one after another. Past the packet's end it gives zeros, and bad is set.
type fields struct {
	b   []byte
	pos int
	bad bool
}

func (f *fields) take(n int) []byte {
	if n > len(f.b)-f.pos {
		f.bad, f.pos = true, len(f.b)
		return nil
	}
	f.pos += n
	return f.b[f.pos-n : f.pos]
}

func (f *fields) byte() byte {
	if b := f.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (f *fields) uint32() uint32 {
	if b := f.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (f *fields) uint64() uint64 {
	if b := f.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// string gives the bytes of a string, which are a part of the packet.
func (f *fields) string() []byte {
	n := f.uint32()
	if n > maxPacket {
		f.bad, f.pos = true, len(f.b)
		return nil
	}
	return f.take(int(n))
}

// ended says that all was there, and nothing besides.
func (f *fields) ended() bool { return !f.bad && f.pos == len(f.b) }

func appendString[T string | []byte](b []byte, s T) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// appendPacket adds a packet whose content, which begins with its type, is what add adds.
func appendPacket(b []byte, add func([]byte) []byte) []byte {
	start := len(b)
	b = add(append(b, 0, 0, 0, 0))
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-lengthSize))
	return b
}

// appendStatus adds the answer to a request that does not reach the server.
func appendStatus(b []byte, id, code uint32, sentence string) []byte {
	return appendPacket(b, func(b []byte) []byte {
		b = binary.BigEndian.AppendUint32(append(b, fxpStatus), id)
		b = binary.BigEndian.AppendUint32(b, code)
		return appendString(appendString(b, sentence), "en")
	})
}
