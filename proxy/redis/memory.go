package redis

import "github.com/sallyport/sallyport/proxy"

// claim is what is taken of the memory that all sessions may use for large messages, for what is kept beside a stream's own
// buffer. What a session keeps anyway, maxKeptText, is not counted.
type claim struct {
	conn *proxy.Conn
	size int
}

// cover makes the claim fit n bytes.
func (c *claim) cover(n int) error {
	if n <= maxKeptText {
		n = 0
	}
	if n > c.size {
		if err := c.conn.TakeMemory(n - c.size); err != nil {
			return err
		}
	} else if n < c.size {
		c.conn.GiveMemory(c.size - n)
	}
	c.size = n
	return nil
}

// free returns all of it.
func (c *claim) free() { _ = c.cover(0) }

// makeRoom claims the memory for the text of the command that was read, which may be several times as long as its bytes, for
// its copy in a transaction, and for what rules read of it.
func (r *relay) makeRoom() error {
	size := textSize(&r.requests.args)
	b, need := &r.batch, cap(r.tx.text)+size
	if r.tx.open {
		need += size
	}
	if r.gate.Selective() {
		need += len(r.requests.b)
	}
	if err := r.texts.cover(need + len(b.text)); err != nil {
		return err
	}
	b.text = append(make([]byte, 0, len(b.text)+size+1), b.text...)
	return nil
}

// account claims the memory for what is queued in a transaction, and no more.
func (r *relay) account() error {
	if !r.tx.open && cap(r.tx.text) > maxKeptText {
		r.tx.text = nil
	}
	return r.texts.cover(cap(r.tx.text))
}
