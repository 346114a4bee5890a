package redis

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/proxy"
)

// Bounds on a command of a client that is not logged in, in arguments and bytes; Redis has the same.
const (
	maxLoginArgs = 10
	maxLoginArg  = 16 << 10
	maxLogin     = 64 << 10
	readSize     = 4 << 10
)

// commandReader reads a client's commands before the relay does. What it has read and not used up stays in buf.
type commandReader struct {
	conn *proxy.Conn
	buf  []byte
}

// read appends what comes next; what to read with says for how long to wait.
func (r *commandReader) read(with func([]byte) (int, error)) error {
	var chunk [readSize]byte
	n, err := with(chunk[:])
	if n > 0 {
		r.buf = append(r.buf, chunk[:n]...)
		return nil
	}
	if err == nil {
		err = errors.New("nothing read")
	}
	return fmt.Errorf("read command: %w", err)
}

// next is the next command, without arguments for an empty line.
func (r *commandReader) next() ([]string, error) {
	for {
		args, used, err := parseLogin(r.buf)
		if err == nil {
			r.buf = r.buf[used:]
			return args, nil
		}
		if !errors.Is(err, errIncomplete) {
			return nil, err
		}
		if len(r.buf) >= maxLogin {
			return nil, protocolError("too big inline request")
		}
		if err := r.read(r.conn.Read); err != nil {
			return nil, err
		}
	}
}

// firstWord is the first word of the next command in lower case, which stays in buf; empty when it is none that logs
// somebody in, whatever else it is. Only the wait for its first byte has no end.
func (r *commandReader) firstWord() (string, error) {
	for {
		if len(r.buf) == 0 {
			if err := r.read(r.conn.ReadPatiently); err != nil {
				return "", err
			}
		}
		word, err := peekWord(r.buf)
		if !errors.Is(err, errIncomplete) {
			return word, nil // what is no RESP is the relay's to refuse
		}
		if err := r.read(r.conn.Read); err != nil {
			return "", err
		}
	}
}

// peekWord is the first word of the command that b begins with.
func peekWord(b []byte) (string, error) {
	const longest = len("hello")
	if b[0] != '*' {
		end := bytes.IndexAny(b, " \t\r\n")
		if end < 0 && len(b) <= longest {
			return "", errIncomplete
		}
		if end < 0 || end > longest {
			return "", nil
		}
		return strings.ToLower(string(b[:end])), nil
	}
	const longestHead = len("*1000000\r\n$1000000\r\n")
	_, n, err := datumLine(b)
	if err == nil {
		var size []byte
		var m int
		if size, m, err = datumLine(b[n:]); err == nil {
			if string(size) != "$4" && string(size) != "$5" {
				return "", nil
			}
			b = b[n+m:]
			length := int(size[1] - '0')
			if len(b) < length {
				return "", errIncomplete
			}
			return strings.ToLower(string(b[:length])), nil
		}
	}
	if len(b) > longestHead {
		return "", errNoRESP
	}
	return "", err
}

// parseLogin takes the command at the beginning of b apart, and gives how many bytes it has; errIncomplete while there
// is not all of it. It refuses what is larger than any login.
func parseLogin(b []byte) (args []string, used int, err error) {
	if len(b) == 0 {
		return nil, 0, errIncomplete
	}
	if b[0] != '*' {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			return nil, 0, errIncomplete
		}
		return strings.Fields(string(b[:end])), end + 1, nil
	}
	count, used, err := loginNumber(b, '*', maxLoginArgs, "multibulk")
	if err != nil {
		return nil, 0, err
	}
	for range count {
		size, n, err := loginNumber(b[used:], '$', maxLoginArg, "bulk")
		if err != nil {
			return nil, 0, err
		}
		used += n
		if len(b)-used < size+2 {
			return nil, 0, errIncomplete
		}
		args, used = append(args, string(b[used:used+size])), used+size+2
	}
	return args, used, nil
}

// loginNumber reads a line that is the kind and a number. Less than nothing, which Redis takes for an empty command, is 0.
func loginNumber(b []byte, kind byte, most int, what string) (number, used int, err error) {
	const longest = 32
	end := bytes.IndexByte(b, '\n')
	switch {
	case end < 0 && len(b) < longest:
		return 0, 0, errIncomplete
	case end < 0 || b[0] != kind:
		return 0, 0, protocolError("expected '" + string(kind) + "'")
	}
	number, err = strconv.Atoi(string(bytes.TrimSuffix(b[1:end], []byte("\r"))))
	switch {
	case err != nil, kind == '$' && number < 0:
		return 0, 0, protocolError("invalid " + what + " length")
	case number > most:
		return 0, 0, protocolError("unauthenticated " + what + " length")
	}
	return max(number, 0), end + 1, nil
}

func protocolError(sentence string) error {
	return &codedError{code: "ERR", sentence: "Protocol error: " + sentence}
}
