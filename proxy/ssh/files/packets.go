package files

import "encoding/binary"

// packets cuts one direction's bytes into whole packets, and gathers those that pass.
type packets struct {
	passing

	carry, spare []byte // the beginning of a packet whose rest has not come; and what carry was before, which may still be in use outside
	next         int    // where the next packet begins
}

func (p *packets) begin(b []byte) {
	if len(p.carry) > 0 {
		p.carry = append(p.carry, b...)
		b = p.carry
	}
	p.passing.begin(b)
	p.next = 0
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
	p.passing.pass(p.next-len(content)-lengthSize, p.next)
}

// send puts a packet of our own after those that passed.
func (p *packets) send(content []byte) { p.add(appendString(nil, content)) }

// end keeps what is no whole packet yet, and gives what passed. That is the caller's until the next end.
func (p *packets) end() []byte {
	out := p.bytes()
	p.spare = append(p.spare[:0], p.in[p.next:]...)
	p.spare, p.carry = p.carry[:0], p.spare
	if len(p.carry) == 0 {
		if cap(p.carry) > maxKept {
			p.carry = nil
		}
		if cap(p.spare) > maxKept {
			p.spare = nil
		}
	}
	return out
}
