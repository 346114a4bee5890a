package mysql

import (
	"bytes"

	"github.com/sallyport/sallyport/proxy"
)

// This file lets the store ask the client for a file, where a statement that was let pass has named it (LOAD DATA LOCAL
// INFILE). A store that asks for any other wants to read what nobody offers it. What the file holds streams.

// upload is a file that the client sends.
type upload struct {
	asked     bool // the store has asked for it, and its end has not come yet
	sequence  byte // of the next packet
	continued bool // the packet goes on with the one before, which was full
	rest      int  // bytes of the current packet that are still to come; used by the client's side only
}

// readFile takes what there is of a file at the beginning of b, up to the end of a packet. passes says whether it is for the
// store: once that has answered, it is not.
func (r *relay) readFile(b []byte) (n int, passes bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file.rest == 0 {
		if len(b) < headerSize {
			return 0, r.busy, nil
		}
		if b[3] != r.file.sequence {
			return 0, false, &codedError{number: numberOutOfOrder, sentence: "packets of a file came out of order; connect again"}
		}
		size := payloadSize(b)
		ended := size == 0 && !r.file.continued
		r.file.sequence++
		r.file.continued = size == maxPayload
		r.file.rest = headerSize + size
		r.file.asked = !ended
	}
	n = min(r.file.rest, len(b))
	r.file.rest -= n
	if r.busy {
		r.running.result.BytesIn += int64(n)
	}
	return n, r.busy, nil
}

// askFile takes the store's request for a file. r.mu is held.
func (r *relay) askFile(name []byte, sequence byte) error {
	if r.file.asked {
		return errDesync
	}
	for _, named := range r.running.files {
		if named == string(name) {
			r.file = upload{asked: true, sequence: sequence + 1}
			r.turn.Broadcast()
			return nil
		}
	}
	return &proxy.Refusal{Sentence: "the database asked for a file of yours that no statement has named, and did not get it; tell its owners"}
}

// filesNamed gives the names in an SQL text behind LOCAL INFILE, in each way that a string can be read. It may give more than
// the store will ask for: what stands in comments and strings, too.
func filesNamed(text []byte) []string {
	var names []string
	for {
		at := indexFold(text, infile)
		if at < 0 {
			return names
		}
		before, rest := text[:at], text[at+len(infile):]
		if text = rest; indexFold(before, local) < 0 {
			continue
		}
		if names = appendFile(names, rest); len(names) > maxFiles {
			return names
		}
	}
}

// maxFiles bounds the files of one text.
const maxFiles = 1024

var (
	infile = []byte("INFILE")
	local  = []byte("LOCAL")
)

// indexFold finds an upper-case word in any case; -1: it is not there.
func indexFold(text, word []byte) int {
	for at := 0; len(text)-at >= len(word); at++ {
		next := bytes.IndexAny(text[at:len(text)-len(word)+1], string([]byte{word[0], word[0] | 0x20}))
		if next < 0 {
			return -1
		}
		if at += next; bytes.EqualFold(text[at:at+len(word)], word) {
			return at
		}
	}
	return -1
}

// appendFile appends the string that the next quote begins, with its backslashes as escapes and without.
func appendFile(names []string, text []byte) []string {
	open := bytes.IndexAny(text, `'"`)
	if open < 0 {
		return names
	}
	for _, escapes := range []bool{true, false} {
		if name, ok := quoted(text[open+1:], text[open], escapes); ok {
			names = append(names, name)
		}
	}
	return names
}

// quoted reads a string up to its closing quote.
func quoted(text []byte, quote byte, escapes bool) (string, bool) {
	var name []byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && escapes && i+1 < len(text):
			i++
			name = append(name, unescaped(text[i]))
		case c == quote && i+1 < len(text) && text[i+1] == quote:
			i++
			name = append(name, c)
		case c == quote:
			return string(name), true
		default:
			name = append(name, c)
		}
	}
	return "", false
}

// unescaped is what a backslash and c stand for.
func unescaped(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'b':
		return '\b'
	case '0':
		return 0
	case 'Z':
		return 0x1a
	}
	return c
}
