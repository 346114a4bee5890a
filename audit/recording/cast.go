package recording

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Header says what a recording is of.
type Header struct {
	Statement, Session, User, Resource, Account string

	Command    string // what runs: the command line, or "shell"
	Term       string // the terminal's kind, such as "xterm-256color"; empty without a terminal
	Cols, Rows int    // 0 without a terminal
	Started    time.Time
	Input      bool // what was typed is recorded, too
}

// Plain says that there was no terminal: what stands in the recording went through pipes, where a new line is \n alone.
func (h *Header) Plain() bool { return h.Statement != "" && h.Term == "" }

// Kind is what an event of a recording is, by asciicast's own letter.
type Kind string

// The kinds of event.
const (
	Output Kind = "o"
	Input  Kind = "i"
	Resize Kind = "r" // Data is COLSxROWS
	Mark   Kind = "m" // Data is what it says
	Exit   Kind = "x" // Data is the exit status as a number; 128 and more for a signal, as shells have it
)

// Event is one moment of a recording.
type Event struct {
	At   time.Duration // since the beginning; whole microseconds
	Kind Kind
	Data []byte
}

// The size of a terminal that is not known.
const (
	defaultCols = 80
	defaultRows = 24
)

// castHeader is the first line of an asciicast, of version 3 or 2.
type castHeader struct {
	Version int `json:"version"`
	Term    struct {
		Cols int    `json:"cols"`
		Rows int    `json:"rows"`
		Type string `json:"type,omitempty"`
	} `json:"term"`
	Width     int         `json:"width,omitempty"`  // version 2
	Height    int         `json:"height,omitempty"` // version 2
	Timestamp int64       `json:"timestamp,omitempty"`
	Command   string      `json:"command,omitempty"`
	Title     string      `json:"title,omitempty"`
	Sallyport *castOrigin `json:"sallyport,omitempty"`
}

// castOrigin is what asciicast has no member for.
type castOrigin struct {
	Statement string    `json:"statement"`
	Session   string    `json:"session"`
	User      string    `json:"user"`
	Resource  string    `json:"resource"`
	Account   string    `json:"account,omitempty"`
	Started   time.Time `json:"started"`
	Input     bool      `json:"input,omitempty"`
}

// maxWord bounds a word of the header, in bytes: with all its escapes the header must fit into a frame. The whole command line is in the record.
const maxWord = 16 << 10

// word is s as a header has it.
func word(s string) string {
	if len(s) <= maxWord {
		return s
	}
	return strings.ToValidUTF8(s[:maxWord], "") + "…"
}

// AppendHeader appends the first line of an asciicast of version 3. Words that are longer than 16 KiB are cut.
func AppendHeader(b []byte, h *Header) ([]byte, error) {
	c := castHeader{Version: 3, Timestamp: h.Started.Unix(), Command: word(h.Command), Title: word(h.User + " at " + h.Resource)}
	c.Term.Cols, c.Term.Rows, c.Term.Type = h.Cols, h.Rows, word(h.Term)
	if h.Cols <= 0 || h.Rows <= 0 {
		c.Term.Cols, c.Term.Rows = defaultCols, defaultRows
	}
	c.Sallyport = &castOrigin{Statement: h.Statement, Session: h.Session, User: word(h.User), Resource: word(h.Resource), Account: word(h.Account),
		Started: h.Started.UTC(), Input: h.Input}
	line, err := json.Marshal(&c)
	if err != nil {
		return b, fmt.Errorf("write header: %w", err)
	}
	return append(append(b, line...), '\n'), nil
}

// AppendEvent appends e as a line; last is the time of the event before it. Bytes that are no valid UTF-8 become U+FFFD.
func AppendEvent(b []byte, e *Event, last time.Duration) []byte {
	return appendEvent(b, e, last, false)
}

// appendExact appends e as a line from which Parser reads every byte back: one that is no valid UTF-8 is a lone surrogate from U+DC80 to
// U+DCFF, and output and input that are no text are base64.
func appendExact(b []byte, e *Event, last time.Duration) []byte {
	if (e.Kind == Output || e.Kind == Input) && !isText(e.Data) {
		b = appendMoment(b, e.Kind+inBase64, e.At-last)
		b = base64.StdEncoding.AppendEncode(b, e.Data)
		return append(b, "\"]\n"...)
	}
	return appendEvent(b, e, last, true)
}

// inBase64 stands behind the kind of an event whose data is base64, within our own files.
const inBase64 = "64"

// isText says whether the beginning of b is mostly what a terminal shows, so that little of it has to be escaped.
func isText(b []byte) bool {
	const sample, share = 1024, 8
	b = b[:min(len(b), sample)]
	size, strange := len(b), 0
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 || r < ' ' && !strings.ContainsRune("\b\t\n\r\x1b", r) {
			strange++
		}
		b = b[n:]
	}
	return strange <= size/share
}

func appendEvent(b []byte, e *Event, last time.Duration, exact bool) []byte {
	b = appendMoment(b, e.Kind, e.At-last)
	b = appendEscaped(b, e.Data, exact)
	return append(b, "\"]\n"...)
}

// appendMoment appends a line as far as its data.
func appendMoment(b []byte, kind Kind, interval time.Duration) []byte {
	micros := interval.Microseconds()
	b = append(b, '[')
	b = strconv.AppendInt(b, micros/1e6, 10)
	point := len(b)
	b = strconv.AppendInt(b, 1e6+micros%1e6, 10)
	b[point] = '.' // in place of the 1
	b = append(b, `, "`...)
	b = append(b, kind...)
	return append(b, `", "`...)
}

// escapes are the bytes that do not stand in a JSON string as they are: quotation mark, backslash and control characters, and, as lone
// surrogates, those above ASCII.
var escapes = func() (t [256]string) {
	for c := range t {
		switch {
		case c < ' ' || c == 0x7f:
			t[c] = fmt.Sprintf(`\u%04x`, c)
		case c >= utf8.RuneSelf:
			t[c] = fmt.Sprintf(`\udc%02x`, c)
		}
	}
	t['"'], t['\\'], t['\n'], t['\r'], t['\t'] = `\"`, `\\`, `\n`, `\r`, `\t`
	return t
}()

func appendEscaped(b, s []byte, exact bool) []byte {
	for len(s) > 0 {
		n := plainPrefix(s)
		b = append(b, s[:n]...)
		s = s[n:]
		for len(s) > 0 && escapes[s[0]] != "" {
			c := s[0]
			if c < utf8.RuneSelf {
				b = append(b, escapes[c]...)
				s = s[1:]
				continue
			}
			r, size := utf8.DecodeRune(s)
			switch {
			case r != utf8.RuneError || size > 1:
				b = append(b, s[:size]...)
			case exact:
				b = append(b, escapes[c]...)
			default:
				b = append(b, "\ufffd"...)
			}
			s = s[size:]
		}
	}
	return b
}

// plainPrefix counts the bytes at the beginning of s that stand in a JSON string as they are, looking at eight at a time.
func plainPrefix(s []byte) int {
	const (
		each = 0x0101010101010101
		high = each * 0x80
	)
	i := 0
	for ; len(s)-i >= 8; i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		// A byte's high bit is set when it is no ASCII, below a space, or equal to one of the three. Borrows reach only bytes above one
		// that is special, so that the lowest bit is right.
		special := (x | (x - each*' ') | ((x ^ each*'"') - each) | ((x ^ each*'\\') - each) | ((x ^ each*0x7f) - each)) & high
		if special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for i < len(s) && escapes[s[i]] == "" {
		i++
	}
	return i
}

// Parser reads the lines of an asciicast of version 2 or 3.
type Parser struct {
	version int
	last    time.Duration
}

// ErrNoEvent says that a line is a comment, or empty.
var ErrNoEvent = errors.New("no event")

// Header reads the first line.
func (p *Parser) Header(line []byte) (Header, error) {
	var c castHeader
	if err := json.Unmarshal(line, &c); err != nil {
		return Header{}, fmt.Errorf("read header: %w", err)
	}
	p.version, p.last = c.Version, 0
	h := Header{Term: c.Term.Type, Cols: c.Term.Cols, Rows: c.Term.Rows, Command: c.Command, Started: time.Unix(c.Timestamp, 0).UTC()}
	switch c.Version {
	case 3:
	case 2:
		h.Cols, h.Rows = c.Width, c.Height
	default:
		return Header{}, fmt.Errorf("read header: asciicast version %d is not known; 2 and 3 are", c.Version)
	}
	if o := c.Sallyport; o != nil {
		h.Statement, h.Session, h.User, h.Resource, h.Account = o.Statement, o.Session, o.User, o.Resource, o.Account
		h.Started, h.Input = o.Started, o.Input
	}
	return h, nil
}

// maxInterval bounds what lines may say of time, in seconds: ten years.
const maxInterval = 10 * 365 * 24 * 3600

// Event reads a further line: ErrNoEvent when it holds none.
func (p *Parser) Event(line []byte) (Event, error) {
	if text := strings.TrimSpace(string(line[:min(len(line), 8)])); text == "" || text[0] == '#' {
		return Event{}, ErrNoEvent
	}
	interval, kind, data, ok := ownEvent(line)
	if !ok {
		var err error
		if interval, kind, data, err = anyEvent(line); err != nil {
			return Event{}, err
		}
	}
	at := interval
	if p.version == 3 {
		at += p.last
	}
	if at > maxInterval*time.Second {
		return Event{}, fmt.Errorf("read event: it is %s after the beginning", at)
	}
	p.last = at
	e := Event{At: at, Kind: kind, Data: data}
	if kind == Output+inBase64 || kind == Input+inBase64 {
		var err error
		e.Kind = kind[:1]
		if e.Data, err = base64.StdEncoding.AppendDecode(nil, e.Data); err != nil {
			return Event{}, fmt.Errorf("read event: %w", err)
		}
	}
	return e, nil
}

// anyEvent reads a line in any form that JSON allows.
func anyEvent(line []byte) (interval time.Duration, kind Kind, data []byte, err error) {
	var parts [3]json.RawMessage
	if err := json.Unmarshal(line, &parts); err != nil {
		return 0, "", nil, fmt.Errorf("read event: %w", err)
	}
	seconds, err := strconv.ParseFloat(string(parts[0]), 64)
	if err != nil || seconds < 0 || seconds > maxInterval {
		return 0, "", nil, fmt.Errorf("read event: %.20q is no time", parts[0])
	}
	if err := json.Unmarshal(parts[1], &kind); err != nil {
		return 0, "", nil, fmt.Errorf("read event: %w", err)
	}
	text, isString := bytes.CutPrefix(parts[2], []byte(`"`))
	data, ok := unescape(bytes.TrimSuffix(text, []byte(`"`)))
	if !isString || !ok {
		return 0, "", nil, fmt.Errorf("read event: its data is no string: %.20q", parts[2])
	}
	return time.Duration(seconds*1e6+0.5) * time.Microsecond, kind, data, nil
}

// exitStatus is an asciicast's exit status for "exit 0" and "signal TERM"; known is false for other words.
func exitStatus(status string) (number int, known bool) {
	if text, ok := strings.CutPrefix(status, "exit "); ok {
		n, err := strconv.Atoi(text)
		return n, err == nil
	}
	if name, ok := strings.CutPrefix(status, "signal "); ok {
		n, ok := signals[name]
		return 128 + n, ok
	}
	return 0, false
}

// signals are those of RFC 4254, section 6.10, with their numbers as POSIX and Linux have them.
var signals = map[string]int{"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "ABRT": 6, "FPE": 8, "KILL": 9, "USR1": 10, "SEGV": 11, "USR2": 12,
	"PIPE": 13, "ALRM": 14, "TERM": 15}
