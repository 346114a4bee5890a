package redis

import (
	"bytes"
	"slices"
	"testing"
)

// readAll takes a stream apart that comes in pieces, and gives the commands as they are written in the record.
func readAll(stream []byte, piece int) (commands []string, rest int, err error) {
	q := requests{limit: 1 << 16}
	start, end := 0, 0
	for end < len(stream) {
		end = min(end+piece, len(stream))
		for start < end {
			size, err := q.next(stream[start:end])
			if err != nil {
				return commands, start, err
			}
			if size == 0 {
				break
			}
			commands = append(commands, string(appendText(nil, &q.args)))
			start += size
		}
	}
	return commands, start, nil
}

// However a client's bytes come in pieces, they are the same commands; and what goes on of each means the same to whoever
// reads it again.
func FuzzRequests(f *testing.F) {
	f.Add([]byte("*2\r\n$3\r\nGET\r\n$1\r\na\r\nset a \"b\\x00\"\r\n*0\r\n\r\n*1\r\n$4\r\nPING\r\n"), 3)
	f.Add([]byte("*1\r\n$+4\r\nPING\r\n"), 1)
	f.Add([]byte("*01\r\n$4\r\nPING\r\n"), 2)
	f.Add([]byte("*1\r\n$4\r\nPINGxx"), 9)
	f.Add([]byte("*-1\r\n*1\n$4\nPING\n"), 1)
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		whole, rest, err := readAll(stream, max(1, len(stream)))
		parts, restOfParts, errOfParts := readAll(stream, max(1, piece&0xff))
		if !slices.Equal(whole, parts) || rest != restOfParts || (err == nil) != (errOfParts == nil) {
			t.Fatalf("at once: %q %d %v; in pieces: %q %d %v", whole, rest, err, parts, restOfParts, errOfParts)
		}
		q := requests{limit: 1 << 16}
		for start := 0; start < rest; {
			size, _ := q.next(stream[start:rest])
			again := requests{limit: 1 << 20}
			encoded := appendRequest(nil, &q.args)
			n, err := again.next(encoded)
			if err != nil || n != len(encoded) || !bytes.Equal(appendText(nil, &q.args), appendText(nil, &again.args)) {
				t.Fatalf("%q is passed on as %q: %d %v", stream[start:start+size], encoded, n, err)
			}
			if !q.inline && q.count() > 0 && !bytes.Equal(encoded, stream[start:start+size]) {
				t.Fatalf("%q passes, though it is no canonical form of %q", stream[start:start+size], encoded)
			}
			start += size
		}
	})
}

// walkAll measures the items of a stream that comes in pieces.
func walkAll(stream []byte, piece int) (sizes []int, err error) {
	var w walker
	start, end, begun := 0, 0, 0
	for end < len(stream) {
		end = min(end+piece, len(stream))
		for start < end {
			n, done, err := w.walk(stream[start:end])
			if err != nil {
				return sizes, err
			}
			if start += n; !done {
				break
			}
			sizes = append(sizes, start-begun)
			begun = start
		}
	}
	return sizes, nil
}

// The walker finds the ends of items where the decoder does that keeps them, however they come in pieces.
func FuzzReplies(f *testing.F) {
	for _, stream := range []string{"+OK\r\n-ERR x\r\n:1\r\n$3\r\nabc\r\n$-1\r\n*-1\r\n*0\r\n*2\r\n$1\r\na\r\n*1\r\n:1\r\n", "%1\r\n+a\r\n_\r\n~1\r\n#t\r\n>2\r\n+x\r\n,1.5\r\n(12\r\n=5\r\ntxt:a\r\n!3\r\nERR\r\n",
		"|1\r\n+ttl\r\n:1\r\n+OK\r\n*2\r\n|1\r\n+a\r\n:1\r\n:2\r\n:3\r\n", "*?\r\n:1\r\n*1\r\n:2\r\n.\r\n$?\r\n;2\r\nab\r\n;0\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n", "$99999999999999999999\r\n"} {
		f.Add([]byte(stream), 2)
	}
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		sizes, err := walkAll(stream, max(1, len(stream)))
		parts, errOfParts := walkAll(stream, max(1, piece&0xff))
		if !slices.Equal(sizes, parts) || (err == nil) != (errOfParts == nil) {
			t.Fatalf("at once: %v %v; in pieces: %v %v", sizes, err, parts, errOfParts)
		}
		at := 0
		for _, size := range sizes {
			_, used, err := parseDatum(stream[at:])
			if err != nil { // the decoder knows less
				return
			}
			if used != size {
				t.Fatalf("%q is %d bytes to the walker, %d to the decoder", stream[at:], size, used)
			}
			at += size
		}
	})
}

// Whatever either side sends, the relay neither panics nor passes a command on that is not in the record.
func FuzzRelay(f *testing.F) {
	f.Add([]byte(commandsOf("MULTI", "SET a 1", "EXEC", "SUBSCRIBE c", "UNSUBSCRIBE", "MONITOR", "GET a")), []byte("+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n"), 5, false)
	f.Add([]byte(commandsOf("HELLO 3 AUTH a b", "CLIENT REPLY OFF", "XREAD STREAMS a 0", "EVAL x 1 a")), []byte("%1\r\n+a\r\n:1\r\n"), 70, true)
	f.Fuzz(func(t *testing.T, fromClient, fromStore []byte, piece int, resp3 bool) {
		resp := 2
		if resp3 {
			resp = 3
		}
		d := newDouble(resp)
		d.stopped = true // nobody answers, so nobody waits
		piece = max(1, piece&0xff)
		feed(d.fromClient, fromClient, piece)
		feed(d.fromStore, fromStore, piece)
		recorded := map[string]bool{string(standIn): true, string(discard): true}
		for _, e := range d.journal.statements() {
			var l lines
			for l.read(e.Statement.Bytes); l.next(); {
				recorded[string(appendText(nil, &l.args))] = true
			}
		}
		q := requests{limit: 1 << 20}
		for b := d.toStore.written.Bytes(); len(b) > 0; {
			n, err := q.next(b)
			if n == 0 || err != nil {
				t.Fatalf("the store gets half a command: %q, %v", b, err)
			}
			text := string(appendText(nil, &q.args))
			if !recorded[text] && !bytes.Equal(b[:n], standIn) && !bytes.Equal(b[:n], discard) && !q.is(0, "HELLO") {
				t.Fatalf("the store gets %s, and the record has %v", text, recorded)
			}
			b = b[n:]
		}
	})
}

// feed gives a handler what comes in pieces, as a pump does.
func feed(handle func([]byte) (int, error), stream []byte, piece int) {
	start, end := 0, 0
	for end < len(stream) {
		end = min(end+piece, len(stream))
		n, err := handle(bytes.Clone(stream[start:end]))
		if err != nil {
			return
		}
		start += n
	}
}
