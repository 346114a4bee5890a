package files

// maxKept bounds the memory that a buffer keeps while nothing is in it, in bytes.
const maxKept = 128 << 10

// passing gathers what passes of one piece of bytes. As long as that is one part of the piece, it is not copied.
type passing struct {
	in       []byte
	from, to int    // the part of in that passes, while it is one part
	own      []byte // all that passes, once it is not
	mixed    bool
}

func (p *passing) begin(b []byte) {
	p.in, p.from, p.to, p.mixed = b, 0, 0, false
	if p.own = p.own[:0]; cap(p.own) > maxKept {
		p.own = nil
	}
}

// pass lets a part of the piece through.
func (p *passing) pass(from, to int) {
	switch {
	case p.mixed:
		p.own = append(p.own, p.in[from:to]...)
	case p.from == p.to:
		p.from, p.to = from, to
	case p.to == from:
		p.to = to
	default:
		p.add(p.in[from:to])
	}
}

// add puts bytes of our own after those that passed.
func (p *passing) add(b []byte) {
	if !p.mixed {
		p.mixed = true
		p.own = append(p.own, p.in[p.from:p.to]...)
	}
	p.own = append(p.own, b...)
}

// bytes is what passed. It is the caller's until begin.
func (p *passing) bytes() []byte {
	if p.mixed {
		return p.own
	}
	return p.in[p.from:p.to:p.to]
}
