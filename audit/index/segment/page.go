package segment

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/format"
)

// A page's body before compression, as the Parquet format has it (data page version 1):
//
//	numbers  DELTA_BINARY_PACKED; done is a boolean, PLAIN
//	codes    RLE_DICTIONARY
//	lists    repetition levels, definition levels, RLE_DICTIONARY of the strings
//	bytes    DELTA_LENGTH_BYTE_ARRAY
//	ids      PLAIN

var errPage = errors.New("the page does not hold what it must")

// pageEncoder encodes a block's columns, whose values get the codes of dictionaries that several blocks share.
type pageEncoder struct {
	body    []byte
	part    []byte
	text    []byte
	codes   []int32
	offsets []uint32
	mapping []int32
	lists   [][]int32
	reps    []uint8
	defs    []uint8
}

// encode writes the page's body and counts its values. The body is the encoder's until the next call.
func (e *pageEncoder) encode(c column, d *data, rows int, shared *dictionary) (body []byte, values int, err error) {
	e.body = e.body[:0]
	switch columnSpecs[c].kind {
	case kindNumber:
		if c == colDone {
			e.body = appendFlags(e.body, d.numbers)
			return e.body, rows, nil
		}
		e.body, err = (&delta.BinaryPackedEncoding{}).EncodeInt64(e.body, d.numbers)
		return e.body, rows, err
	case kindCode:
		e.translate(d, shared)
		e.codes = e.codes[:0]
		for _, code := range d.codes {
			e.codes = append(e.codes, e.mapping[code])
		}
		e.body, err = (&rle.DictionaryEncoding{}).EncodeInt32(e.body, e.codes)
		return e.body, rows, err
	case kindList:
		return e.encodeLists(d, shared)
	case kindID:
		for i := range d.ids {
			e.body = append(e.body, d.ids[i][:]...)
		}
		return e.body, rows, nil
	}
	e.gather(d)
	e.body, err = (&delta.LengthByteArrayEncoding{}).EncodeByteArray(e.body, e.text, e.offsets)
	return e.body, rows, err
}

// translate maps the block's codes to the shared dictionary's; -1 where a code is not used.
func (e *pageEncoder) translate(d *data, shared *dictionary) {
	e.mapping = append(e.mapping[:0], make([]int32, d.dict.len())...)
	for i := range e.mapping {
		e.mapping[i] = -1
	}
	for _, code := range d.codes {
		if e.mapping[code] < 0 {
			e.mapping[code] = int32(shared.code(d.dict.value(uint32(code))))
		}
	}
}

// gather puts the rows' texts one after the other.
func (e *pageEncoder) gather(d *data) {
	e.text, e.offsets = e.text[:0], append(e.offsets[:0], 0)
	for _, s := range d.spans {
		e.text = append(e.text, d.text[s.start:s.end]...)
		e.offsets = append(e.offsets, uint32(len(e.text)))
	}
}

func (e *pageEncoder) encodeLists(d *data, shared *dictionary) ([]byte, int, error) {
	e.lists = append(e.lists[:0], make([][]int32, d.dict.len())...)
	e.codes, e.reps, e.defs = e.codes[:0], e.reps[:0], e.defs[:0]
	for _, code := range d.codes {
		if code == 0 {
			e.reps, e.defs = append(e.reps, 0), append(e.defs, 0)
			continue
		}
		if e.lists[code] == nil {
			eachListItem(d.dict.value(uint32(code)), func(item []byte) bool {
				e.lists[code] = append(e.lists[code], int32(shared.code(item)))
				return true
			})
		}
		e.codes = append(e.codes, e.lists[code]...)
		for i := range e.lists[code] {
			e.reps, e.defs = append(e.reps, uint8(min(i, 1))), append(e.defs, 1)
		}
	}
	levels := &rle.Encoding{BitWidth: 1}
	for _, l := range [][]uint8{e.reps, e.defs} {
		part, err := levels.EncodeLevels(e.part[:0], l)
		if err != nil {
			return nil, 0, err
		}
		e.part = part
		e.body = binary.LittleEndian.AppendUint32(e.body, uint32(len(part)))
		e.body = append(e.body, part...)
	}
	part, err := (&rle.DictionaryEncoding{}).EncodeInt32(e.part[:0], e.codes)
	e.part = part
	e.body = append(e.body, part...)
	return e.body, len(e.reps), err
}

// appendFlags writes booleans, eight to a byte.
func appendFlags(dst []byte, numbers []int64) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, (len(numbers)+7)/8)...)
	for i, n := range numbers {
		dst[start+i/8] |= byte(n&1) << (i % 8)
	}
	return dst
}

// encodeDictionary writes a dictionary page's body: PLAIN.
func encodeDictionary(dst []byte, d *dictionary) []byte {
	for code := range d.spans {
		v := d.value(uint32(code))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(v)))
		dst = append(dst, v...)
	}
	return dst
}

func decodeDictionary(body []byte) (*dictionary, error) {
	d := &dictionary{}
	for len(body) > 0 {
		if len(body) < 4 {
			return nil, errPage
		}
		n := uint64(binary.LittleEndian.Uint32(body))
		if n > uint64(len(body)-4) {
			return nil, errPage
		}
		d.add(body[4 : 4+n])
		body = body[4+n:]
	}
	if len(d.spans) == 0 || d.spans[0].end != 0 {
		return nil, errPage // the first value is the empty one
	}
	return d, nil
}

// decodePage reads a page's body of so many rows.
func decodePage(c column, body []byte, rows int, shared *dictionary) (*data, error) {
	d := &data{}
	var err error
	switch columnSpecs[c].kind {
	case kindNumber:
		err = d.decodeNumbers(c, body, rows)
	case kindCode:
		err = d.decodeCodes(body, rows, shared)
	case kindList:
		err = d.decodeLists(body, rows, shared)
	case kindID:
		if len(body) != rows*len(uuid.UUID{}) {
			return nil, errPage
		}
		d.ids = make([]uuid.UUID, rows)
		for i := range d.ids {
			copy(d.ids[i][:], body[i*len(uuid.UUID{}):])
		}
	case kindBytes:
		err = d.decodeTexts(body, rows)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (d *data) decodeNumbers(c column, body []byte, rows int) (err error) {
	if c == colDone {
		if len(body) != (rows+7)/8 {
			return errPage
		}
		d.numbers = make([]int64, rows)
		for i := range d.numbers {
			d.numbers[i] = int64(body[i/8] >> (i % 8) & 1)
		}
		return nil
	}
	if d.numbers, err = (&delta.BinaryPackedEncoding{}).DecodeInt64(make([]int64, 0, rows+128), body); err != nil {
		return err
	}
	if len(d.numbers) != rows {
		return errPage
	}
	return nil
}

func (d *data) decodeCodes(body []byte, rows int, shared *dictionary) error {
	codes, err := decodeCodes(body, rows, shared)
	if err != nil {
		return err
	}
	d.dict, d.codes = shared, make([]uint16, rows)
	for i, code := range codes {
		d.codes[i] = uint16(code)
	}
	if shared.len() > maxCodes {
		return errPage
	}
	return nil
}

// decodeCodes reads n codes of a dictionary.
func decodeCodes(body []byte, n int, shared *dictionary) ([]int32, error) {
	if len(body) == 0 || body[0] > 32 {
		return nil, errPage
	}
	if body[0] == 0 {
		return make([]int32, n), nil // all are the first value
	}
	codes, err := (&rle.DictionaryEncoding{}).DecodeInt32(make([]int32, 0, n+64), body)
	if err != nil {
		return nil, err
	}
	if len(codes) < n {
		return nil, errPage
	}
	codes = codes[:n] // the last run of packed ones is filled up
	for _, code := range codes {
		if code < 0 || int(code) >= shared.len() {
			return nil, errPage
		}
	}
	return codes, nil
}

func (d *data) decodeTexts(body []byte, rows int) error {
	text, offsets, err := (&delta.LengthByteArrayEncoding{}).DecodeByteArray(nil, body, make([]uint32, 0, rows+1))
	if err != nil {
		return err
	}
	if len(offsets) != rows+1 {
		return errPage
	}
	d.text, d.spans = text, make([]span, rows)
	for i := range d.spans {
		d.spans[i] = span{offsets[i], offsets[i+1]}
	}
	return nil
}

func (d *data) decodeLists(body []byte, rows int, shared *dictionary) error {
	reps, body, err := decodeLevels(body)
	if err != nil {
		return err
	}
	defs, body, err := decodeLevels(body)
	if err != nil {
		return err
	}
	n := 0
	for n < min(len(reps), len(defs)) && rows >= 0 {
		if reps[n] == 0 {
			if rows == 0 {
				break
			}
			rows--
		}
		n++
	}
	if rows != 0 {
		return errPage
	}
	reps, defs = reps[:n], defs[:n]
	items := 0
	for _, def := range defs {
		items += int(def)
	}
	codes := []int32{}
	if items > 0 {
		if codes, err = decodeCodes(body, items, shared); err != nil {
			return err
		}
	}
	return d.joinLists(reps, defs, codes, shared)
}

// joinLists makes values of lists again, which are the column's own.
func (d *data) joinLists(reps, defs []uint8, codes []int32, shared *dictionary) error {
	d.dict = newDictionary()
	var list, last []byte
	for i := 0; i < len(reps); {
		list = list[:0]
		for first := i; i < len(reps) && (i == first || reps[i] != 0); i++ {
			if defs[i] == 0 {
				continue
			}
			list = appendListItem(list, shared.value(uint32(codes[0])))
			codes = codes[1:]
		}
		if n := len(d.codes); n > 0 && string(list) == string(last) {
			d.codes = append(d.codes, d.codes[n-1])
			continue
		}
		if d.dict.len() == maxCodes {
			return errPage
		}
		d.codes = append(d.codes, uint16(d.dict.code(list)))
		list, last = last, list
	}
	return nil
}

// decodeLevels reads levels, perhaps with some more at the end.
func decodeLevels(body []byte) (levels []uint8, rest []byte, err error) {
	if len(body) < 4 {
		return nil, nil, errPage
	}
	n := uint64(binary.LittleEndian.Uint32(body))
	if n > uint64(len(body)-4) {
		return nil, nil, errPage
	}
	levels, err = (&rle.Encoding{BitWidth: 1}).DecodeLevels(nil, body[4:4+n])
	if err != nil {
		return nil, nil, fmt.Errorf("levels: %w", err)
	}
	for _, l := range levels {
		if l > 1 {
			return nil, nil, errPage
		}
	}
	return levels, body[4+n:], nil
}

// encodingOf is the encoding of a column's data pages.
func encodingOf(c column) format.Encoding {
	switch columnSpecs[c].kind {
	case kindNumber:
		if c == colDone {
			return format.Plain
		}
		return format.DeltaBinaryPacked
	case kindCode, kindList:
		return format.RLEDictionary
	case kindID:
		return format.Plain
	}
	return format.DeltaLengthByteArray
}

func hasDictionary(c column) bool {
	return columnSpecs[c].kind == kindCode || columnSpecs[c].kind == kindList
}

// isCompressed says whether a column's pages are: those that most searches look at are small and read as they are.
func isCompressed(c column) bool { return columnSpecs[c].codec == format.Zstd }

func codecOf(c column) format.CompressionCodec { return columnSpecs[c].codec }
