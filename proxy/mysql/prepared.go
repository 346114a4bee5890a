package mysql

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/sallyport/sallyport/proxy"
)

// This file follows prepared statements. The store gets their text when they are prepared, and it is recorded then; each
// execution is recorded with text and parameters.

// statement is a prepared statement.
type statement struct {
	id    uint32
	name  string          // id, as the record has it
	said  proxy.Statement // what its text tells, and the database that it runs in
	files []string        // that it may ask the client for
	cost  int             // bytes that it may take here

	params   int
	types    []paramType // of the parameters and attributes as they were bound last
	rawTypes []byte      // the same as the client sent them
	named    bool        // rawTypes has names, too
	bound    bool        // the store knows the types
	fetched  int64       // rows of the execution that its cursor is of

	long     []longData
	longSize int // bytes of their payloads
}

// longData is a piece of a parameter that the client sent ahead of the execution.
type longData struct {
	param   uint16
	payload []byte // of the whole command
}

// longHead is how much of its payload comes before the data.
const longHead = 7

// What is kept besides a client's own bytes, in bytes: of each piece of data, and of each parameter of a statement.
const (
	pieceCost = 64
	paramCost = 32
)

// statements are those that the store knows, by its ids. The side that has the turn uses them.
type statements struct {
	known   map[uint32]*statement
	last    *statement // prepared last, unless that failed
	nascent *statement // that is being prepared
	size    int        // bytes that data take which were sent ahead
	cost    int        // bytes that the statements may take
	conn    *proxy.Conn
}

// lastPrepared is the id by which MariaDB's clients mean the statement prepared last, before they know its id.
const lastPrepared = 1<<32 - 1

func (s *statements) find(id uint32) *statement {
	if id == lastPrepared {
		return s.last
	}
	return s.known[id]
}

// expect makes room for a statement that is to be prepared, of all that may be kept up to limit. Whatever becomes of it, the one
// prepared before is not the last any more.
func (s *statements) expect(one *statement, limit int) error {
	s.last = nil
	if s.cost+one.cost > limit {
		return errTooManyTexts
	}
	if err := s.conn.TakeMemory(one.cost); err != nil {
		return err
	}
	s.cost += one.cost
	s.nascent = one
	return nil
}

// add keeps a statement that was expected.
func (s *statements) add(one *statement) {
	if s.known == nil {
		s.known = make(map[uint32]*statement)
	}
	if old := s.known[one.id]; old != nil {
		s.remove(old)
	}
	s.known[one.id], s.last, s.nascent = one, one, nil
}

// discard forgets the statement that was expected and does not come.
func (s *statements) discard() {
	if s.nascent != nil {
		s.giveRoom(s.nascent)
		s.nascent = nil
	}
}

func (s *statements) remove(one *statement) {
	s.dropLong(one)
	s.giveRoom(one)
	delete(s.known, one.id)
	if s.last == one {
		s.last = nil
	}
}

func (s *statements) giveRoom(one *statement) {
	s.conn.GiveMemory(one.cost)
	s.cost -= one.cost
}

// forget removes them all.
func (s *statements) forget() {
	s.discard()
	for _, one := range s.known {
		s.remove(one)
	}
}

// keepLong keeps data for the next execution.
func (s *statements) keepLong(one *statement, param uint16, payload []byte) error {
	if err := s.conn.TakeMemory(len(payload) + pieceCost); err != nil {
		return err
	}
	one.long = append(one.long, longData{param, bytes.Clone(payload)})
	one.longSize += len(payload)
	s.size += len(payload) + pieceCost
	return nil
}

func (s *statements) dropLong(one *statement) {
	kept := one.longSize + len(one.long)*pieceCost
	s.conn.GiveMemory(kept)
	s.size -= kept
	one.long, one.longSize = nil, 0
}

// errTooManyTexts bounds what a session makes the gateway keep.
var errTooManyTexts error = &proxy.Refusal{Sentence: "the prepared statements of this session are too long together; close those that are not in use"}

// prepare judges and records what a client prepares.
func (r *relay) prepare(body []byte, c framed) error {
	one := &statement{cost: len(body) + paramCost*bytes.Count(body, []byte("?"))}
	if err := r.statements.expect(one, r.limit); err != nil {
		return r.decline(c, proxy.Statement{Command: "prepare", Text: body, Class: classPrepare}, err)
	}
	s := proxy.Statement{Command: "prepare", Text: bytes.Clone(body), Database: r.database}
	own, err := r.describe(&s)
	if err == nil {
		one.said = s
		s.Class, s.Judged = classPrepare, s.Class
		if r.capabilities.has(capLocalFiles) {
			one.files = filesNamed(s.Text)
		}
		err = r.begin(c, command{kind: comStmtPrepare, statement: one}, &s)
	} else {
		err = r.decline(c, s, err)
	}
	switch {
	case err != nil:
		r.statements.discard()
	case own:
		r.replaced = append([]byte{comStmtPrepare}, s.Text...)
	}
	return err
}

// classPrepare is the class of what was brought to the store without being executed by this record.
const classPrepare = "prepare"

// describe tells of something that is done with the statement.
func (one *statement) describe(command string) proxy.Statement {
	s := one.said
	s.Command, s.Prepared = command, one.name
	return s
}

// notePrepared keeps what the store says of a statement that it has prepared.
func (r *relay) notePrepared(one *statement, payload []byte) {
	if len(payload) >= preparedSize {
		one.id = binary.LittleEndian.Uint32(payload[1:])
		one.params = int(binary.LittleEndian.Uint16(payload[7:]))
		one.name = strconv.FormatUint(uint64(one.id), 10)
	}
}

// named finds the statement whose id the body of a command begins with, and puts its id in the place of a word for it.
func (r *relay) named(body []byte) (one *statement, rest []byte, err error) {
	f := fields{b: body}
	one = r.statements.find(f.uint32())
	if f.bad {
		return nil, nil, malformedCommand("it names no statement")
	}
	if one != nil {
		binary.LittleEndian.PutUint32(body, one.id)
	}
	return one, f.b, nil
}

// numberUnknownStatement is ER_UNKNOWN_STMT_HANDLER.
const numberUnknownStatement = 1243

// noStatement answers a command for a statement that there is not, as stores do.
func (r *relay) noStatement(c framed, body []byte, to string) error {
	return r.refuse(c, &codedError{number: numberUnknownStatement, sentence: fmt.Sprintf(
		"Unknown prepared statement handler (%d) given to %s", binary.LittleEndian.Uint32(body), to)})
}

// countAvailable is the flag of COM_STMT_EXECUTE that says that it tells how many parameters follow, and their names.
const countAvailable = 0x08

// anyCursor are the flags of COM_STMT_EXECUTE that ask for a cursor of one kind or another.
const anyCursor = 0x07

func (r *relay) execute(body []byte, c framed) error {
	one, rest, err := r.named(body)
	if err != nil {
		return err
	}
	if one == nil {
		return r.noStatement(c, body, "EXECUTE")
	}
	f := fields{b: rest}
	flags := f.uint8()
	named := flags&countAvailable != 0 && r.capabilities.has(capQueryAttributes)
	f.uint32() // iterations
	if f.bad {
		return malformedCommand("it ends early")
	}
	flag := len(body) - len(f.b)
	params, at, err := r.params.execute(&f, one, named)
	if err != nil {
		return err
	}
	s := one.describe("execute")
	s.Params, s.BytesIn = params, int64(one.longSize)
	r.standIn = r.standIn[:0]
	if at >= 0 && !one.bound {
		if one.named != named {
			return r.decline(c, s, errUnboundTypes)
		}
		r.standIn = one.bind(append(r.standIn, comStmtExecute), body, flag+at)
	}
	return r.runPrepared(c, command{kind: comStmtExecute, answer: answer{cursor: flags&anyCursor != 0}}, one, &s)
}

// bind appends the body with the types put behind their flag at body[flag], which says that there are none: a command that
// told them was refused, so the store does not know them.
func (one *statement) bind(b, body []byte, flag int) []byte {
	b = append(append(b, body[:flag]...), 1)
	return append(append(b, one.rawTypes...), body[flag+1:]...)
}

// runPrepared records an execution and lets it go, behind the data that were sent ahead. r.standIn holds the command if another
// takes its place, else nothing.
func (r *relay) runPrepared(c framed, running command, one *statement, s *proxy.Statement) error {
	one.fetched = 0
	running.statement, running.files = one, one.files
	err := r.begin(c, running, s)
	if err != nil {
		r.statements.dropLong(one)
		return err
	}
	one.bound = true
	for _, piece := range one.long {
		r.ahead = append(r.ahead, piece.payload)
	}
	r.statements.dropLong(one)
	if len(r.standIn) > 0 {
		r.replaced = r.standIn
	}
	return nil
}

// errUnboundTypes refuses an execution whose parameters have the types that another told which did not pass.
var errUnboundTypes error = &proxy.Refusal{Sentence: "the types of the parameters were in a command that was refused; prepare the statement again"}

// bulkTypes is the flag of COM_STMT_BULK_EXECUTE that says that types follow.
const bulkTypes = 128

// bulkExecute judges MariaDB's execution of a statement with many rows of parameters.
func (r *relay) bulkExecute(body []byte, c framed) error {
	one, rest, err := r.named(body)
	if err != nil {
		return err
	}
	if one == nil {
		return r.noStatement(c, body, "BULK EXECUTE")
	}
	f := fields{b: rest}
	flags := f.uint16()
	known := one.bound
	params, err := r.params.bulk(&f, one, flags&bulkTypes != 0)
	s := one.describe("bulk execute")
	switch {
	case errors.Is(err, errTooManyParams):
		return r.decline(c, s, err)
	case err != nil:
		return err
	case flags&bulkTypes == 0 && !known:
		return r.decline(c, s, errUnboundTypes)
	}
	s.Params, s.BytesIn = params, int64(one.longSize)
	r.standIn = r.standIn[:0]
	return r.runPrepared(c, command{kind: comStmtBulkExecute}, one, &s)
}

// longData keeps a piece of a parameter until the execution that it is for is recorded. Nothing answers it.
func (r *relay) longData(payload []byte) error {
	if len(payload) < longHead {
		return malformedCommand("it names no parameter")
	}
	one, _, err := r.named(payload[1:])
	r.standIn = r.standIn[:0]
	if err != nil {
		return err
	}
	if one == nil {
		return errInstead // as stores do: there is nobody to tell
	}
	if size := r.statements.size + len(payload) + pieceCost; size > r.limit {
		return fmt.Errorf("parameters of %d bytes: %w", size, proxy.ErrMessageTooLarge)
	}
	if err := r.statements.keepLong(one, binary.LittleEndian.Uint16(payload[longHead-2:]), payload); err != nil {
		return err
	}
	return errInstead
}

// fetch records that rows are taken from a cursor.
func (r *relay) fetch(body []byte, c framed) error {
	one, rest, err := r.named(body)
	if err != nil {
		return err
	}
	if len(rest) != 4 {
		return malformedCommand("it does not tell how many rows to fetch")
	}
	if one == nil {
		return r.noStatement(c, body, "FETCH")
	}
	s := one.describe("fetch")
	return r.begin(c, command{kind: comStmtFetch, statement: one}, &s)
}

// reset lets the store forget what it has of an execution. It runs nothing.
func (r *relay) reset(body []byte, c framed) error {
	one, rest, err := r.named(body)
	if err != nil {
		return err
	}
	if one == nil {
		return r.noStatement(c, body, "RESET")
	}
	r.statements.dropLong(one)
	return r.unrecorded(comStmtReset, rest, c)
}

// close forgets a statement. Nothing answers it.
func (r *relay) close(body []byte) error {
	one, rest, err := r.named(body)
	if err != nil || len(rest) > 0 {
		return malformedCommand("it names no statement")
	}
	if one == nil {
		r.standIn = r.standIn[:0]
		return errInstead
	}
	r.statements.remove(one)
	return nil
}
