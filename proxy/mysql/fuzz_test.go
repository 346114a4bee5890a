package mysql

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy"
)

const fuzzed = newClient | capQueryAttributes

// swallowed is what became of a client's bytes before a store that answers at once.
type swallowed struct {
	Took   []byte
	Heard  []byte
	Record []string
	Err    string
}

// swallow feeds input in chunks of size bytes.
func swallow(t *testing.T, input []byte, size int, c capability, refuse func(int) bool) swallowed {
	s := newToy(t, 1<<16, c, 0)
	s.bench.record.refuse = refuse
	var out swallowed
	var rest []byte
	for len(input) > 0 {
		n := min(size, len(input))
		rest = append(rest, input[:n]...)
		input = input[n:]
		used, err := s.bench.relay.fromClient(rest)
		rest = bytes.Clone(rest[used:])
		if err != nil {
			out.Err = proxy.Explain(err)
			break
		}
	}
	s.bench.relay.abandon()
	out.Took, out.Heard, out.Record = s.took, s.bench.toClient.Bytes(), story(s.bench.record.events)
	if n := len(s.bench.record.passed()); len(s.bench.record.results) != n {
		t.Errorf("%d results of %d statements", len(s.bench.record.results), n)
	}
	return out
}

// FuzzFromClient feeds a client's bytes to a store that answers at once: what is forwarded is recorded before, nothing of a
// refused statement is forwarded, and neither depends on how the bytes were cut.
func FuzzFromClient(f *testing.F) {
	attributes := concat([]byte{1, 1, 0, 1, typeVarString, 0}, counted("trace"), counted("7"), []byte("SELECT 1"))
	for _, seed := range [][]byte{
		concat(packedQuery("SELECT 1"), packed(comPing), packed(comInitDB, []byte("x")), packed(comQuit)),
		packed(comQuery, attributes), packed(comQuery, []byte{0, 1}, []byte("SELECT 1")),
		concat(packedPrepare("SELECT ?, ?"), packedExecute(1, 0, "a", "b"), packed(comStmtExecute, le32(1), []byte{0}, le32(1), []byte{3, 0})),
		concat(packedPrepare("bad"), packedExecute(lastPrepared, 0), packedFetch(1, 1), packed(comStmtReset, le32(1)), packed(comStmtClose, le32(1))),
		concat(packedPrepare("INSERT ?"), packed(comStmtSendLongData, le32(1), le16(0), []byte("long")),
			packed(comStmtExecute, le32(1), []byte{0}, le32(1), []byte{0, 1, typeBlob, 0})),
		concat(packedPrepare("INSERT ?"), packed(comStmtBulkExecute, le32(1), le16(bulkTypes), []byte{typeTiny, 0, 0, 1, 1, 2, 3})),
		packed(comFieldList, []byte("t\x00a%")), packed(comProcessKill, le32(5)), packed(comRefresh, []byte{3}), packed(comChangeUser),
		{0, 0, 0, 0}, {1, 0, 0, 1, 3}, {0xff, 0xff, 0xff, 0, 3}, packed(comStmtExecute),
	} {
		f.Add(seed, uint16(3), uint8(0), false)
		f.Add(seed, uint16(0), uint8(5), true)
	}
	f.Fuzz(func(t *testing.T, input []byte, size uint16, refused uint8, attributes bool) {
		c := newClient
		if attributes {
			c = fuzzed
		}
		refuse := func(i int) bool { return refused>>(i%8)&1 == 1 }
		whole := swallow(t, bytes.Clone(input), len(input)+1, c, refuse)
		if diff := cmp.Diff(whole, swallow(t, bytes.Clone(input), int(size)+1, c, refuse)); diff != "" {
			t.Errorf("cut in pieces of %d bytes (-whole +cut):\n%s", int(size)+1, diff)
		}
		all := swallow(t, bytes.Clone(input), int(size)+1, c, func(int) bool { return true })
		for rest := all.Took; len(rest) > headerSize; rest = rest[headerSize+payloadSize(rest):] {
			switch kind := rest[headerSize]; kind {
			case comQuit, comPing, comStmtClose, comStmtReset:
			default:
				t.Errorf("a refused command is forwarded: %q", rest)
			}
		}
	})
}

// FuzzFromStore feeds a store's bytes to a client that has sent a command: no panic, and what the client reads is what the
// store sent, in order and however it was cut, up to where the relay gives up.
func FuzzFromStore(f *testing.F) {
	ok, end := []byte{packetOK, 0, 0, 2, 0, 0, 0}, []byte{packetEOF, 0, 0, 2, 0}
	definition := []byte("\x03def\x00")
	kinds := []byte{comQuery, comStmtPrepare, comPing, comStatistics, comFieldList, comStmtFetch}
	for _, seed := range []struct {
		kind    byte
		packets [][]byte
	}{
		{0, [][]byte{{2}, definition, definition, end, []byte("\x011\x012"), end}},
		{0, [][]byte{{1}, definition, []byte("\x011"), ok}},
		{0, [][]byte{{packetOK, 1, 0, 10, 0, 0, 0}, {packetError, 0x28, 4, '#', '4', '2', '0', '0', '0', 'n', 'o'}}},
		{0, [][]byte{{packetFile, 'x'}, ok}},
		{0, [][]byte{{packetError, 0xff, 0xff, 1, 2, 3}, ok}},
		{0, [][]byte{{packetOK, 0, 0, 2, 0x40, 0, 0, 0, 5, 1, 3, 2, 'd', 'b'}}},
		{1, [][]byte{{packetOK, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0}, definition, end, definition, end}},
		{2, [][]byte{ok}}, {3, [][]byte{[]byte("Uptime: 7")}}, {4, [][]byte{definition, end}}, {5, [][]byte{{0, 0, 1}, end}},
	} {
		var b []byte
		for i, p := range seed.packets {
			b = appendPacket(b, byte(i+1), p)
		}
		f.Add(b, seed.kind, uint16(2), false)
		f.Add(b, seed.kind, uint16(0), true)
	}
	f.Fuzz(func(t *testing.T, input []byte, kind uint8, size uint16, modern bool) {
		c := oldClient
		if modern {
			c = newClient
		}
		command := kinds[int(kind)%len(kinds)]
		whole, wholeErr := answerAll(t, input, command, len(input)+1, c)
		cut, cutErr := answerAll(t, input, command, int(size)+1, c)
		if !bytes.HasPrefix(input, whole) || !bytes.HasPrefix(input, cut) {
			t.Errorf("forwarded %q and %q", whole, cut)
		}
		if (wholeErr == nil) != (cutErr == nil) {
			t.Errorf("whole: %v; cut: %v", wholeErr, cutErr)
		}
		if wholeErr == nil && !bytes.Equal(whole, cut) {
			t.Errorf("whole %q, cut %q", whole, cut)
		}
	})
}

func answerAll(t *testing.T, input []byte, command byte, size int, c capability) ([]byte, error) {
	b := newBench(func(chunk []byte) (int, error) { return len(chunk), nil }, 1<<20, c, mariaProgress)
	one := &statement{id: 1}
	b.relay.statements.add(one)
	question := map[byte][]byte{comQuery: packedQuery("LOAD DATA LOCAL INFILE 'x' INTO TABLE t"), comStmtPrepare: packedPrepare("SELECT ?"),
		comPing: packed(comPing), comStatistics: packed(comStatistics), comFieldList: packed(comFieldList, []byte("t\x00")), comStmtFetch: packedFetch(1, 5)}[command]
	if used, err := b.relay.fromClient(question); err != nil || used != len(question) {
		t.Fatal(used, err)
	}
	for len(input) > 0 {
		n := min(size, len(input))
		if err := b.fromStore(input[:n]); err != nil {
			return b.toClient.Bytes(), err
		}
		input = input[n:]
	}
	b.relay.abandon()
	if n := len(b.record.events); len(b.record.results) != n {
		t.Errorf("%d results of %d statements", len(b.record.results), n)
	}
	return b.toClient.Bytes(), nil
}

// FuzzParameters decodes whatever a client sends as parameters: what is taken is taken to its last byte, and gives as many
// values as the statement has.
func FuzzParameters(f *testing.F) {
	values := concat([]byte{0, 0, 1, typeTiny, 0x80, typeShort, 0, typeLong, 0, typeLongLong, 0, typeFloat, 0, typeDouble, 0, typeDateTime, 0, typeTime, 0, typeNewDecimal, 0},
		[]byte{1, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8},
		[]byte{11, 0xe8, 7, 1, 2, 3, 4, 5, 6, 0, 0, 0, 12, 1, 1, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0}, counted("1.5"))
	f.Add(values, uint8(9), false, false)
	f.Add(concat([]byte{2, 0, 1, typeTiny, 0}, counted(""), []byte{typeString, 0}, counted("name"), []byte{7}, counted("v")), uint8(1), true, false)
	f.Add([]byte{typeTiny, 0, 0, 1, 1, 2, 3}, uint8(1), false, true)
	f.Fuzz(func(t *testing.T, input []byte, params uint8, named, bulk bool) {
		one := &statement{params: int(params)}
		var d paramDecoder
		in := fields{b: input}
		var got []audit.Param
		var err error
		if bulk {
			got, err = d.bulk(&in, one, true)
		} else {
			got, _, err = d.execute(&in, one, named)
		}
		if err != nil {
			return
		}
		if !in.complete() || !bulk && len(got) < int(params) || bulk && len(got)%int(params) != 0 {
			t.Errorf("%d parameters for %d, %d bytes left", len(got), params, len(in.b))
		}
		_ = fmt.Sprint(story([]audit.Event{{Params: got}}))
	})
}
