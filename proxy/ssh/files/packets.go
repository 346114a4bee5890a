package files

import "encoding/binary"

// maxKept bounds the memory that a direction keeps while no packet has begun, in bytes for each of its buffers.
const maxKept = 128 << 10

// packets cuts one direction's bytes into whole packets, and gathers those that pass. Packets that arrived whole are not copied as long
// as none of their piece is left out or changed.
type packets struct {
	carry, spare []byte // the beginning of a packet whose rest has not come; and what carry was before, which may still be in use outside

	in   []byte // what is being cut
	next int    // where the next packet begins

	from, to int    // the part of in that passes, while it is one part
	own      []byte // all that passes, once it is not
	mixed    bool
}

func (p *packets) begin(b []byte) {
	p.in = b
	if len(p.carry) > 0 {
		p.carry = append(p.carry, b...)
		p.in = p.carry
	}
	p.next, p.from, p.to, p.mixed = 0, 0, 0, false
	if p.own = p.own[:0]; cap(p.own) > maxKept {
		p.own = nil
	}
}

// cut gives the next packet, without its length; nil when it is not whole yet. ok is false when it is too long, or empty.
func (p *packets) cut() (content []byte, ok bool) {
	rest := p.in[p.next:]
	if len(rest) < lengthSize {
		return nil, true
	}
	n := binary.BigEndian.Uint32(rest)
	if n == 0 || n > maxPacket {
		return nil, false
	}
	end := lengthSize + int(n)
	if len(rest) < end {
		return nil, true
	}
	p.next += end
	return rest[lengthSize:end:end], true
}

// pass lets the packet through that was cut last.
func (p *packets) pass(content []byte) {
	start := p.next - len(content) - lengthSize
	switch {
	case p.mixed:
		p.own = append(p.own, p.in[start:p.next]...)
	case p.from == p.to:
		p.from, p.to = start, p.next
	case p.to == start:
		p.to = p.next
	default:
		p.part()
		p.own = append(p.own, p.in[start:p.next]...)
	}
}

// part begins to gather what passes by itself.
func (p *packets) part() {
	if !p.mixed {
		p.mixed = true
		p.own = append(p.own, p.in[p.from:p.to]...)
	}
}

// add puts a packet of our own after those that passed.
func (p *packets) add(content []byte) {
	p.part()
	p.own = appendString(p.own, content)
}

// end keeps what is no whole packet yet, and gives what passed. That is the caller's until the next end.
func (p *packets) end() []byte {
	out := p.own
	if !p.mixed {
		out = p.in[p.from:p.to:p.to]
	}
	kept := append(p.spare[:0], p.in[p.next:]...)
	p.spare, p.carry, p.in = p.carry[:0], kept, nil
	if len(kept) == 0 && cap(kept) > maxKept {
		p.carry = nil
	}
	if cap(p.spare) > maxKept && len(kept) == 0 {
		p.spare = nil
	}
	return out
}
