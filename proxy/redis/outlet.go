package redis

// outlet gathers what goes on of a chunk, so that it goes in one write: the chunk's own bytes where nothing was left out or put
// in, and a copy where something was.
type outlet struct {
	chunk    []byte
	from, to int    // of the chunk's bytes that follow held
	held     []byte // what comes before them
}

// maxHeld bounds the copy that is kept for reuse, in bytes.
const maxHeld = 256 << 10

func (o *outlet) begin(chunk []byte) {
	o.chunk, o.from, o.to = chunk, 0, 0
}

// pass adds bytes of the chunk.
func (o *outlet) pass(from, to int) {
	if from != o.to {
		o.hold()
		o.from = from
	}
	o.to = to
}

// insert adds other bytes, which are copied.
func (o *outlet) insert(b []byte) {
	o.hold()
	o.held = append(o.held, b...)
}

// hold moves the chunk's bytes to the copy.
func (o *outlet) hold() {
	o.held = append(o.held, o.chunk[o.from:o.to]...)
	o.from = o.to
}

// take gives all that goes on, and begins anew behind it. It is good until the next insert.
func (o *outlet) take() []byte {
	out := o.chunk[o.from:o.to]
	if len(o.held) > 0 {
		o.hold()
		out = o.held
	}
	o.from, o.held = o.to, o.held[:0]
	if cap(o.held) > maxHeld {
		o.held = nil
	}
	return out
}
