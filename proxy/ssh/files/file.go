package files

import (
	"math"
	"strings"
)

// file is a file or directory that is being opened, or is open.
type file struct {
	handle     any // the Gate's
	path       string
	paths      []string // path, unless it is not understood
	understood bool

	directory     bool
	reads, writes bool
	appends       bool
	in, out       int64
	content       *digest // of what is written to it, else of what is read; nil of a directory
	tail          uint64  // as far as this, the file may hold what was not written here
	end           uint64  // the least offset where reading found its end
	size          uint64  // as the server told it last
	unanswered    int     // writes
	code, message string  // of the first error
	lost          bool    // something of its content failed, or cannot be told
	ended         bool
}

// maxMessage bounds what is kept of a server's message, in bytes.
const maxMessage = 1024

// fail notes the server's error; the first is the one that is told.
func (f *file) fail(code, message string) {
	f.lost = true
	if f.code == "" {
		f.code, f.message = code, message
	}
}

// wrote takes what goes to the file.
func (f *file) wrote(offset uint64, data []byte) {
	f.in += int64(len(data))
	f.unanswered++
	if f.appends {
		offset = f.content.next // the server does not look at it either
	}
	f.content.add(offset, data)
}

// read takes what came out of the file.
func (f *file) read(offset uint64, data []byte) {
	f.out += int64(len(data))
	if !f.writes {
		f.content.add(offset, data)
	}
}

// resize notes that the file is cut, or made longer by zeros.
func (f *file) resize(size uint64) {
	if size < f.content.next || len(f.content.early) > 0 {
		f.lost = true
	}
	f.tail = size
}

func (f *file) result() Result {
	r := Result{BytesIn: f.in, BytesOut: f.out, Code: f.code, Message: f.message}
	if f.content == nil {
		return r
	}
	complete := f.content.next == f.end || f.content.next == f.size && f.out > 0
	if f.writes {
		complete = f.content.next >= f.tail && f.unanswered == 0
	}
	if complete && !f.lost {
		r.SHA256 = f.content.sum()
		r.Whole = r.SHA256 != ""
	}
	f.content.breakOff() // for what it holds
	return r
}

func newFile(budget *int, pflags uint32) *file {
	f := &file{content: newDigest(budget), appends: pflags&fxfAppend != 0, tail: math.MaxUint64, end: math.MaxUint64, size: math.MaxUint64}
	f.writes = pflags&(fxfWrite|fxfAppend|fxfCreate|fxfTrunc) != 0
	f.reads = pflags&fxfRead != 0 || pflags&(fxfWrite|fxfAppend) == 0 // without either, servers open for reading
	isNew := pflags&(fxfCreate|fxfExcl) == fxfCreate|fxfExcl
	if isNew || pflags&fxfTrunc != 0 {
		f.tail = 0
	}
	return f
}

func clip(message []byte) string {
	return strings.ToValidUTF8(string(message[:min(len(message), maxMessage)]), "\uFFFD")
}
