package mysql

import (
	"encoding/binary"
	"errors"
)

// This file knows what an answer of the store consists of. It looks at the first bytes of packets; only those that end
// something are read.

// phase is what comes next of an answer.
type phase uint8

const (
	atFirst    phase = iota // OK, ERR, a request for a file or the number of columns
	atColumns               // the definition of a column
	atEOF                   // EOF behind definitions
	atRows                  // a row, or what ends them
	atOK                    // OK or EOF, or ERR
	atPrepared              // what a statement was prepared as, or ERR
	atFields                // the definition of a column, or what ends them
	atText                  // one packet of any text
)

// First bytes of packets in an answer, besides packetOK and packetError.
const (
	packetFile = 0xfb // request for a file of the client's
	packetEOF  = 0xfe
)

// Status flags of OK and EOF packets.
const (
	statusMoreResults  = 0x0008
	statusCursorExists = 0x0040
	statusStateChanged = 0x4000
)

// progressCode is the error code by which MariaDB says that a packet is no error but tells how far the statement is.
const progressCode = 0xffff

// errUnexpected says that a packet is not what can come next.
var errUnexpected = errors.New("packet does not belong to the answer")

// answer is how far the store's answer to one command has come.
type answer struct {
	phase    phase
	prepared bool // behind the definitions comes nothing
	cursor   bool // rows may wait for being fetched: the client has asked for that
	left     int  // definitions still to come
	columns  int  // prepared: definitions of columns, behind those of the parameters
}

// part is what a packet is for the answer.
type part uint8

const (
	partInner    part = iota // goes on
	partRow                  // is a row
	partResult               // ends one result of several
	partLast                 // ends the answer
	partError                // ends the answer as well
	partFile                 // asks the client for a file
	partProgress             // tells how far the store is, any time
)

// looksInto says whether a packet with this first byte and length must be there as a whole.
func (a *answer) looksInto(first byte, size int) bool {
	switch a.phase {
	case atColumns: // what may be the last packet must be there as a whole
		return first == packetError || a.prepared && a.left == 1
	case atFields, atRows:
		return first == packetError || first == packetEOF && size < maxPayload
	}
	return true
}

// pass takes a packet into account that need not be looked into.
func (a *answer) pass(c capability) part {
	switch a.phase {
	case atColumns:
		if a.left--; a.left == 0 {
			return a.defined(c)
		}
	case atRows:
		return partRow
	}
	return partInner
}

// defined goes on behind definitions, which may be none.
func (a *answer) defined(c capability) part {
	if !c.has(capDeprecateEOF) {
		a.phase = atEOF
		return partInner
	}
	return a.behindDefinitions()
}

func (a *answer) behindDefinitions() part {
	switch {
	case !a.prepared:
		a.phase = atRows
	case a.columns > 0:
		a.phase, a.left, a.columns = atColumns, a.columns, 0
	default:
		return partLast
	}
	return partInner
}

// read takes a whole packet into account. What it ends with is in end, for partResult, partLast and partError.
func (a *answer) read(p []byte, c, m capability, end *ending) (part, error) {
	*end = ending{}
	if p[0] == packetError {
		if len(p) >= 3 && binary.LittleEndian.Uint16(p[1:]) == progressCode && m.has(mariaProgress) {
			return partProgress, nil
		}
		return partError, end.readError(p)
	}
	switch a.phase {
	case atFirst:
		return a.readFirst(p, c, m, end)
	case atColumns:
		return a.pass(c), nil
	case atEOF:
		return a.readMiddle(p, c, end)
	case atRows, atFields:
		err := end.readEOF(p, c)
		return a.ended(end), err
	case atOK:
		if p[0] == packetEOF {
			return partLast, end.readEOF(p, c)
		}
		if p[0] == packetOK {
			return partLast, end.readOK(p, c)
		}
	case atPrepared:
		return a.readPrepared(p, c)
	case atText:
		return partLast, nil
	}
	return partInner, errUnexpected
}

func (a *answer) readFirst(p []byte, c, m capability, end *ending) (part, error) {
	switch p[0] {
	case packetOK:
		err := end.readOK(p, c)
		return a.ended(end), err
	case packetFile:
		return partFile, nil
	case packetEOF:
		return partInner, errUnexpected
	}
	return a.readColumnCount(p, c, m)
}

// readMiddle takes the EOF between definitions and rows. Where the rows wait for being fetched, it is the end; cursors inside a
// routine set the same flag, and the rows follow.
func (a *answer) readMiddle(p []byte, c capability, end *ending) (part, error) {
	if p[0] != packetEOF || len(p) >= 9 {
		return partInner, errUnexpected
	}
	if err := end.readEOF(p, c); err != nil {
		return partInner, err
	}
	if a.cursor && end.status&statusCursorExists != 0 {
		return a.ended(end), nil
	}
	return a.behindDefinitions(), nil
}

// ended says whether another result follows.
func (a *answer) ended(end *ending) part {
	if end.status&statusMoreResults == 0 || a.phase == atFields {
		return partLast
	}
	a.phase = atFirst
	return partResult
}

func (a *answer) readColumnCount(p []byte, c, m capability) (part, error) {
	f := fields{b: p}
	n := f.length()
	follow := true
	if c.has(capOptionalMetadata) || m.has(mariaCacheMetadata) {
		follow = f.uint8() != 0
	}
	if !f.complete() || n == 0 || n > maxColumns {
		return partInner, errUnexpected
	}
	if !follow {
		return a.defined(c), nil
	}
	a.phase, a.left = atColumns, int(n)
	return partInner, nil
}

// maxColumns is the protocol's own bound.
const maxColumns = 1<<16 - 1

// preparedSize is the length of the packet that answers COM_STMT_PREPARE; one byte more tells whether definitions follow.
const preparedSize = 12

func (a *answer) readPrepared(p []byte, c capability) (part, error) {
	if p[0] != packetOK || len(p) < preparedSize {
		return partInner, errUnexpected
	}
	columns, params := int(binary.LittleEndian.Uint16(p[5:])), int(binary.LittleEndian.Uint16(p[7:]))
	if c.has(capOptionalMetadata) && len(p) > preparedSize && p[preparedSize] == 0 {
		columns, params = 0, 0
	}
	a.prepared, a.columns = true, columns
	if params > 0 {
		a.phase, a.left = atColumns, params
		return partInner, nil
	}
	return a.behindDefinitions(), nil
}

// ending is what a packet tells that ends a result. Its slices point into the packet.
type ending struct {
	affected uint64
	status   uint16
	told     bool // the status
	info     []byte
	state    []byte // what changed in the session

	code     uint16
	sqlState []byte
	message  []byte
}

func (e *ending) readOK(p []byte, c capability) error {
	f := fields{b: p[1:]}
	e.affected = f.length()
	f.length() // last insert id
	e.status, e.told = f.uint16(), true
	f.uint16() // warnings
	switch {
	case f.bad:
		return errUnexpected
	case len(f.b) == 0:
	case c.has(capSessionTrack):
		e.info = f.counted()
		if e.status&statusStateChanged != 0 && len(f.b) > 0 {
			e.state = f.counted()
		}
	default: // with its length before it, whatever the documentation says
		text := fields{b: f.b}
		if e.info = text.counted(); !text.complete() {
			e.info = f.b
		}
	}
	if f.bad {
		return errUnexpected
	}
	return nil
}

// readEOF reads what ends rows: with capDeprecateEOF that looks like OK but for its first byte.
func (e *ending) readEOF(p []byte, c capability) error {
	if c.has(capDeprecateEOF) && len(p) >= 7 {
		return e.readOK(p, c)
	}
	f := fields{b: p[1:]}
	f.uint16() // warnings
	e.status, e.told = f.uint16(), true
	if f.bad {
		return errUnexpected
	}
	return nil
}

func (e *ending) readError(p []byte) error {
	f := fields{b: p[1:]}
	e.code = f.uint16()
	if len(f.b) > 0 && f.b[0] == '#' {
		e.sqlState = f.bytes(6)
		e.sqlState = e.sqlState[min(1, len(e.sqlState)):]
	}
	e.message = f.b
	if f.bad {
		return errUnexpected
	}
	return nil
}

// changedSchema is the kind of change by which a session tells which database it uses.
const changedSchema = 1

// schema is the database that the session uses from here on; ok says whether the packet told of one.
func (e *ending) schema() (name []byte, ok bool) {
	f := fields{b: e.state}
	for len(f.b) > 0 && !f.bad {
		kind := f.uint8()
		data := fields{b: f.counted()}
		if kind == changedSchema && !f.bad {
			name = data.counted()
			ok = !data.bad
		}
	}
	return name, ok && !f.bad
}
