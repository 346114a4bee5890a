package mysql

import (
	"errors"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy"
)

// This file reads where a command's parameters stand. What is not exactly so is refused: a store that reads it in another
// way would run what is not in the record.

// errTooManyParams refuses a bulk execution whose record would take too much memory.
var errTooManyParams error = &proxy.Refusal{Sentence: "the command has more parameters than this gateway records at once; send fewer rows together",
	Err: errors.New("too many parameters")}

// maxParams bounds the parameters of one command.
const maxParams = 1 << 20

// execute reads what follows the flags of COM_STMT_EXECUTE: the statement's parameters, and behind them attributes of the
// query as NAME=VALUE. flag is where, from f's beginning, it says that types are left out since the store knows them; -1: it
// has them.
func (d *paramDecoder) execute(f *fields, one *statement, named bool) (params []audit.Param, flag int, err error) {
	d.reset()
	begin := len(f.b)
	count := one.params
	if named {
		n := f.length()
		if n < uint64(count) || n > maxColumns {
			return nil, -1, malformedCommand("it has %d parameters for %d", n, count)
		}
		count = int(n)
	}
	flag = -1
	if count == 0 {
		if !f.complete() {
			return nil, -1, malformedCommand("something follows it")
		}
		return d.params, flag, nil
	}
	nulls := f.bytes(uint64(count+7) / 8)
	at := begin - len(f.b)
	switch f.uint8() {
	case 0:
		flag = at
	case 1:
		one.readTypes(f, count, named)
	default:
		f.bad = true
	}
	if f.bad || len(one.types) != count {
		return nil, -1, malformedCommand("its parameters have no types")
	}
	long := one.joinLong()
	for i, t := range one.types {
		ahead, ok := long[i]
		switch {
		case ok && i < one.params:
			d.text(ahead)
		case nulls[i/8]>>(i%8)&1 == 1:
			d.null()
		default:
			d.value(f, t)
		}
		if f.bad {
			break
		}
		if i >= one.params {
			d.attribute(t.name)
		}
	}
	if !f.complete() {
		return nil, -1, malformedCommand("its parameters do not fit their types")
	}
	return d.params, flag, nil
}

// readTypes takes the types of parameters, which stay for the executions that follow.
func (one *statement) readTypes(f *fields, count int, named bool) {
	begin := f.b
	one.types, one.named, one.bound = one.types[:0], named, false
	for range count {
		kind, flags := f.uint8(), f.uint8()
		t := paramType{kind: kind, unsigned: flags&unsignedFlag != 0}
		if named {
			if name := f.counted(); len(one.types) >= one.params {
				t.name = string(name)
			}
		}
		if f.bad || flags&^unsignedFlag != 0 {
			f.bad = true
			return
		}
		one.types = append(one.types, t)
	}
	one.rawTypes = append(one.rawTypes[:0], begin[:len(begin)-len(f.b)]...)
}

// joinLong puts the pieces of each parameter together.
func (one *statement) joinLong() map[int][]byte {
	if len(one.long) == 0 {
		return nil
	}
	values := make(map[int][]byte)
	for _, piece := range one.long {
		param := int(piece.param)
		values[param] = append(values[param], piece.payload[longHead:]...)
	}
	return values
}

// attribute makes the parameter that was added last an attribute of the query.
func (d *paramDecoder) attribute(name string) {
	p := &d.params[len(d.params)-1]
	start := len(d.arena)
	d.arena = append(append(d.arena, name...), '=')
	if p.Form == audit.ParamNull {
		d.arena = append(d.arena, "NULL"...)
	} else {
		d.arena = append(d.arena, p.Value...)
	}
	*p = audit.Param{Value: d.arena[start:len(d.arena):len(d.arena)]}
}

// query reads the attributes that come before a query's text.
func (d *paramDecoder) query(f *fields) ([]audit.Param, error) {
	d.reset()
	count, sets := f.length(), f.length()
	if f.bad || sets != 1 || count > maxColumns {
		return nil, malformedCommand("its attributes have no number")
	}
	if count == 0 {
		return nil, nil
	}
	nulls := f.bytes((count + 7) / 8)
	var attributes statement
	if f.uint8() != 1 {
		f.bad = true
	}
	attributes.readTypes(f, int(count), true)
	if f.bad {
		return nil, malformedCommand("its attributes have no types")
	}
	for i, t := range attributes.types {
		if nulls[i/8]>>(i%8)&1 == 1 {
			d.null()
		} else {
			d.value(f, t)
		}
		if f.bad {
			break
		}
		d.attribute(t.name)
	}
	if f.bad {
		return nil, malformedCommand("its attributes do not fit their types")
	}
	return d.params, nil
}

// Indicators before a value of a bulk execution.
const (
	bulkValue   = 0
	bulkNull    = 1
	bulkDefault = 2
	bulkIgnore  = 3
)

// What the record has for parameters of a bulk execution that have no value of their own.
var (
	defaultText = []byte("(default)")
	ignoreText  = []byte("(ignored)")
)

// bulk reads what follows the flags of COM_STMT_BULK_EXECUTE: rows of parameters, which the record has one after the other.
func (d *paramDecoder) bulk(f *fields, one *statement, typed bool) ([]audit.Param, error) {
	d.reset()
	if typed {
		one.readTypes(f, one.params, false)
	}
	if f.bad || one.params == 0 || len(one.types) < one.params {
		return nil, malformedCommand("its parameters have no types")
	}
	for !f.bad && len(f.b) > 0 {
		for _, t := range one.types[:one.params] {
			switch f.uint8() {
			case bulkValue:
				d.value(f, t)
			case bulkNull:
				d.null()
			case bulkDefault:
				d.text(defaultText)
			case bulkIgnore:
				d.text(ignoreText)
			default:
				f.bad = true
			}
		}
		if len(d.params) > maxParams {
			return nil, errTooManyParams
		}
	}
	if f.bad {
		return nil, malformedCommand("its parameters do not fit their types")
	}
	return d.params, nil
}
