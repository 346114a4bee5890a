package postgres

import (
	"fmt"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

// This file judges the messages of the extended query protocol.

func (r *relay) parse(body []byte) error {
	f := fields{b: body}
	key, text := f.name(), f.text()
	n := f.uint16()
	oids := make([]uint32, 0, min(n, len(f.b)/4))
	for range n {
		oids = append(oids, uint32(f.int32()))
	}
	if !f.complete() {
		return protocolViolation("malformed Parse")
	}
	s := newStatement(append([]byte(nil), text...))
	s.oids = oids
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.mayDefine(definition{name: string(key), statement: s}); err != nil {
		return err
	}
	s.checked = r.redefinitions
	e := r.queue.push(awaitParse)
	e.name, e.statement = string(key), s
	e.version = r.statements.define(e.name, s, r.batch)
	if !r.skipping {
		r.fresh = append(r.fresh, definition{name: e.name, statement: s})
	}
	r.settleSkipped()
	return nil
}

func (r *relay) bind(body []byte, flush func() error) error {
	f := fields{b: body}
	key, of := f.name(), f.name()
	if f.bad {
		return protocolViolation("malformed Bind")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := settled(r, &r.statements, of, flush)
	if err != nil {
		return err
	}
	if s, err = r.current(s, of, flush); err != nil {
		return err
	}
	p := r.sparePortal(len(f.b))
	*p = portal{name: p.name, statement: s, bind: append(p.bind[:0], f.b...), begun: r.begun}
	if p.name != string(of) {
		p.name = string(of)
	}
	if s != nil && s.judged != r.gate.Reviews()+1 { // prepared by SQL, or under other rules
		if err := r.mayDefine(definition{name: string(key), statement: s, portal: p}); err != nil {
			r.recycle(p)
			return err
		}
	}
	e := r.queue.push(awaitBind)
	e.name, e.portal = string(key), p
	e.version = r.portals.define(e.name, p, r.batch)
	if !r.skipping {
		r.fresh = append(r.fresh, definition{name: e.name, portal: p})
	}
	r.settleSkipped()
	return nil
}

// Portals that are kept for their next use: how many, and with how much memory each, in bytes.
const (
	maxSpare     = 64
	maxSpareBind = 64 << 10
)

func (r *relay) sparePortal(size int) *portal {
	n := len(r.spare)
	if n == 0 || size > maxSpareBind {
		return &portal{}
	}
	p := r.spare[n-1]
	r.spare = r.spare[:n-1]
	return p
}

// recycle keeps a portal that nothing refers to any more, unless it is large.
func (r *relay) recycle(p *portal) {
	if p != nil && cap(p.bind) <= maxSpareBind && len(r.spare) < maxSpare {
		r.spare = append(r.spare, p)
	}
}

// settled looks a name up, and waits for the store's answer where its meaning hangs on one. r.mu is held, and given
// up while waiting.
func settled[T any](r *relay, in *names[T], key []byte, flush func() error) (*T, error) {
	for flushed := false; ; flushed = true {
		value, ok := in.find(key, r.batch)
		if ok {
			return value, nil
		}
		if !flushed {
			r.mu.Unlock()
			err := flush()
			r.mu.Lock()
			if err != nil {
				return nil, err
			}
			continue
		}
		if r.stopped {
			return nil, errLeft
		}
		r.answered.Wait()
	}
}

func (r *relay) execute(body []byte, size int, flush func() error) error {
	f := fields{b: body}
	key := f.name()
	f.int32() // how many rows to fetch
	if !f.complete() {
		return protocolViolation("malformed Execute")
	}
	s := proxy.Statement{Command: "execute", BytesIn: int64(size)}
	p, err := r.describePortal(&s, key, flush)
	if err != nil {
		return err
	}
	return r.begin(awaitExecute, p, &s)
}

// describePortal fills in what executing the portal named key means. It returns that portal, or nil when SQL has
// declared it.
func (r *relay) describePortal(s *proxy.Statement, key []byte, flush func() error) (*portal, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := settled(r, &r.portals, key, flush)
	if err != nil {
		return nil, err
	}
	if p == nil { // its statement was judged and stands in the record where it was declared
		s.Text, s.Class, s.Understood = fmt.Appendf(nil, "FETCH FROM %q", key), sqltext.Read, true
		return nil, nil
	}
	if replaced, err := r.replaced(p, key, flush); err != nil || replaced {
		s.Command, s.Text, s.Class = "fetch", r.probed.text, sqltext.Class(r.probed.text)
		describeText(s, r.facts.Facts(s.Text))
		return nil, err
	}
	if p.statement == nil { // no such statement: the store will say so
		s.Text, s.Class = fmt.Appendf(nil, "EXECUTE %q", p.name), sqltext.Write
	} else {
		s.Text, s.Class = p.statement.text, p.statement.class
		r.describeStatement(s, p.statement)
	}
	s.Prepared = p.name
	if p.executed {
		s.Command = "fetch"
	}
	p.executed = true
	s.BytesIn += int64(len(p.bind))
	s.Params, err = decodeParams(&r.params, p)
	return p, err
}

// decodeParams reads a Bind message's formats and values.
func decodeParams(into *paramDecoder, p *portal) ([]audit.Param, error) {
	f := fields{b: p.bind}
	formats := fields{b: f.take(2 * f.uint16())}
	single := len(formats.b) == 2
	format := 0
	if single {
		format = formats.uint16()
	}
	into.reset()
	n := f.uint16()
	for i := range n {
		if !single && len(formats.b) > 0 {
			format = formats.uint16()
		}
		var oid uint32
		if p.statement != nil && i < len(p.statement.oids) {
			oid = p.statement.oids[i]
		}
		value := f.value()
		if f.bad {
			return nil, protocolViolation("malformed Bind")
		}
		into.add(value, oid, int16(format))
	}
	return into.list(), nil
}

func (r *relay) describe(body []byte, flush func() error) error {
	f := fields{b: body}
	what, key := f.byte(), f.name()
	if !f.complete() || what != 'S' && what != 'P' {
		return protocolViolation("malformed Describe")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var s *statement
	if what == 'S' {
		var err error
		if s, err = settled(r, &r.statements, key, flush); err != nil {
			return err
		}
	}
	r.queue.push(awaitDescribe).statement = s
	r.settleSkipped()
	return nil
}

func (r *relay) close(body []byte) error {
	f := fields{b: body}
	what, key := f.byte(), f.name()
	if !f.complete() || what != 'S' && what != 'P' {
		return protocolViolation("malformed Close")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if what == 'S' {
		e := r.queue.push(awaitCloseStatement)
		e.name = string(key)
		e.version = r.statements.define(e.name, nil, r.batch)
	} else {
		e := r.queue.push(awaitClosePortal)
		e.name = string(key)
		e.version = r.portals.define(e.name, nil, r.batch)
	}
	r.settleSkipped()
	return nil
}

func (r *relay) sync(body []byte) error {
	if err := wantEmpty(msgSync, body); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.copyingIn {
		return nil // the store ignores it
	}
	r.queue.push(awaitSync)
	r.batch++
	r.skipping, r.refusing = false, false
	return nil
}

// settleSkipped settles at once what the store is going to skip, so that it does not pile up here until the Sync that
// may never come. r.mu is held.
func (r *relay) settleSkipped() {
	if r.skipping {
		r.skipToSync(time.Now())
	}
}
