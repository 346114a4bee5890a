package redis

import (
	"fmt"
	"net"
	"time"
	"unsafe"
)

// maxAwaited is how many records may be without an answer before the client has to wait. Clients send long pipelines
// before they read the first answer.
const maxAwaited = 1 << 18

// lastAnswers bounds how long a client that broke the protocol may wait for the answers to what it sent before.
const lastAnswers = 5 * time.Second

// fromClient records and passes what the client sent, in one write. A command that is not complete yet waits.
func (r *relay) fromClient(chunk []byte) (used int, err error) {
	r.toStore.begin(chunk)
	for used < len(chunk) {
		size, err := r.requests.next(chunk[used:])
		if err == nil && size > 0 {
			err = r.command(used, used+size)
		}
		if err != nil {
			return used, r.lastWord(err)
		}
		if size == 0 {
			break
		}
		used += size
	}
	if err := r.closeBatch(); err != nil {
		return used, err
	}
	if err := r.write(); err != nil {
		return used, err
	}
	if err := r.account(); err != nil {
		return used, err
	}
	return used, r.awaitRoom()
}

// command decides on one command, which stands in the chunk from from to to.
func (r *relay) command(from, to int) error {
	if r.requests.count() == 0 || r.leaving {
		return nil // it means nothing to the store, or came behind a QUIT
	}
	if to-from > maxKeptText {
		if err := r.makeRoom(); err != nil {
			return err
		}
	}
	c := commands.lookUp(&r.requests.args)
	switch {
	case r.tx.open && len(r.tx.text)+len(r.batch.text) > r.limit && !c.endsTransaction():
		return r.refuseInWords(c, from, to, "the transaction is larger than this gateway records; send it in parts")
	case c.care != careNone:
		return r.careful(c, from, to)
	case r.tx.open && c.form != namesNoNodes:
		return r.refuseInWords(c, from, to, c.name+" cannot be part of a transaction here; send it before MULTI or after EXEC")
	case c.form != namesNoNodes:
		return r.record(c, from, to, awaited{kind: awaitTopology, form: c.form})
	case c.alone && !r.tx.open:
		return r.record(c, from, to, awaited{})
	}
	return r.gather(c, from, to)
}

// forward lets bytes of the chunk go on: many of them at once, so that they are not copied.
func (r *relay) forward(from, to int) error {
	if to-from <= maxHeld {
		r.toStore.pass(from, to)
		return nil
	}
	if err := r.write(); err != nil {
		return err
	}
	r.toStore.pass(from, to)
	return r.write()
}

// write sends the store what may go on.
func (r *relay) write() error {
	b := r.toStore.take()
	if len(b) == 0 {
		return nil
	}
	if _, err := r.store.Write(b); err != nil {
		return fmt.Errorf("write to store: %w", err)
	}
	return nil
}

// settle sends what may go on and waits until all of it is answered: what follows means something else by the answer.
func (r *relay) settle() error {
	if err := r.write(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.queue.count > 0 && !r.stopped {
		r.answered.Wait()
	}
	if r.stopped {
		return net.ErrClosed
	}
	if r.selected != "" {
		r.database = r.selected
	}
	return nil
}

// awaitRoom claims the memory for what is unanswered, and waits while that is too much, so that a client cannot fill the queue
// without end.
func (r *relay) awaitRoom() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.waiting.cover(len(r.queue.ring) * int(unsafe.Sizeof(awaited{}))); err != nil {
		return err
	}
	for r.queue.count > maxAwaited && !r.stopped {
		r.answered.Wait()
	}
	return nil
}

// lastWord ends a session whose client cannot be understood any more, after the answers to what it sent before.
func (r *relay) lastWord(why error) error {
	if err := r.closeBatch(); err != nil {
		return err
	}
	if err := r.write(); err != nil {
		return err
	}
	late := time.AfterFunc(lastAnswers, r.answered.Broadcast)
	defer late.Stop()
	deadline := time.Now().Add(lastAnswers)
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.queue.count > 0 && !r.stopped && time.Now().Before(deadline) {
		r.answered.Wait()
	}
	return why
}
