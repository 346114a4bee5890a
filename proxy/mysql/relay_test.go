package mysql

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Bodies of commands, little-endian.
func le16(n int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(n)) }
func le32(n int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(n)) }

func counted(s string) []byte { return append(appendLength(nil, uint64(len(s))), s...) }

func concat(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func packedPrepare(sql string) []byte { return packed(comStmtPrepare, []byte(sql)) }

// packedExecute executes a statement with nothing but strings, after telling their types; no values: without parameters.
func packedExecute(id, flags int, values ...string) []byte {
	b := concat(le32(id), []byte{byte(flags)}, le32(1))
	if len(values) > 0 {
		b = append(append(b, make([]byte, (len(values)+7)/8)...), 1)
		for range values {
			b = append(b, typeVarString, 0)
		}
		for _, v := range values {
			b = append(b, counted(v)...)
		}
	}
	return packed(comStmtExecute, b)
}

func packedFetch(id, rows int) []byte { return packed(comStmtFetch, le32(id), le32(rows)) }

// exchanges are conversations, and what is to be recorded of them.
var exchanges = []struct {
	name     string
	mariadb  capability
	send     [][]byte // each after the answer to the one before
	answers  []string // one word or more each
	recorded []string
}{
	{
		name:     "a query",
		send:     [][]byte{packedQuery("SELECT 1"), packedQuery("DO 1"), packedQuery("SELEKT")},
		answers:  []string{"[row:1 end]", "[ok:0]", "[error:1064]"},
		recorded: []string{"query: SELECT 1 -> OK rows=1", "query: DO 1 -> OK rows=0", "query: SELEKT ->  rows=0 error=1064 (42000)"},
	},
	{
		name:    "several results",
		send:    [][]byte{packedQuery("SELECT 1; DO 1; SELECT 2 UNION SELECT 3; SELEKT; SELECT 4")},
		answers: []string{"[row:1 end ok:0 row:2 row:3 end error:1064]"},
		recorded: []string{
			"query: SELECT 1; DO 1; SELECT 2 UNION SELECT 3; SELEKT; SELECT 4 -> OK; OK; OK rows=3 error=1064 (42000)"},
	},
	{
		name: "what changes rows",
		send: [][]byte{packedQuery("CREATE TEMPORARY TABLE c (n int)"), packedQuery("INSERT INTO c VALUES (1), (2), (3)"),
			packedQuery("UPDATE c SET n = n + 1 WHERE n > 1"), packedQuery("DELETE FROM c")},
		answers: []string{"[ok:0]", "[ok:3]", "[ok:2]", "[ok:3]"},
		recorded: []string{"query: CREATE TEMPORARY TABLE c (n int) -> OK rows=0",
			"query: INSERT INTO c VALUES (1), (2), (3) -> Records: 3  Duplicates: 0  Warnings: 0 rows=3",
			"query: UPDATE c SET n = n + 1 WHERE n > 1 -> Rows matched: 2  Changed: 2  Warnings: 0 rows=2",
			"query: DELETE FROM c -> OK rows=3"},
	},
	{
		name: "commands of a word each",
		send: [][]byte{packed(comPing), packed(comStatistics), packed(comInitDB, []byte("mysql")), packed(comFieldList, []byte("db\x00Hos%")),
			packed(comSetOption, le16(1)), packedQuery("SELECT 1; SELECT 2"), packed(comSetOption, le16(0)), packed(comResetConnection),
			packed(comProcessKill, le32(1<<30-1)), packed(comDebug)},
		answers: []string{"[ok:0]", "[Uptime:]", "[ok:0]", "[field end]", "[end]", "[error:1064]", "[end]", "[ok:0]", "[error:1094]", "[end]"},
		recorded: []string{"statistics: SHOW STATUS -> OK rows=0", "init db: USE `mysql` -> OK rows=0",
			"field list: SHOW COLUMNS FROM `db` LIKE 'Hos%' -> OK rows=0", "set option: MULTI STATEMENTS OFF -> OK rows=0",
			"query: SELECT 1; SELECT 2 ->  rows=0 error=1064 (42000)", "set option: MULTI STATEMENTS ON -> OK rows=0",
			"reset connection: RESET CONNECTION -> OK rows=0", "process kill: KILL 1073741823 ->  rows=0 error=1094 (HY000)", "debug: DEBUG -> OK rows=0"},
	},
	{
		name: "commands that do not pass",
		send: [][]byte{packed(comChangeUser, []byte("root\x00\x00\x00")), packed(comBinlogDump, make([]byte, 10)), packed(comRegisterSlave),
			packed(comTableDump), packed(comClone), packed(0x0b), packed(0x00), packed(0xfe, []byte("x")), packedQuery("SELECT 1")},
		answers: []string{"[error:1235]", "[error:1235]", "[error:1235]", "[error:1235]", "[error:1235]", "[error:1047]", "[error:1047]", "[error:1047]", "[row:1 end]"},
		recorded: []string{"change user: CHANGE USER ->  rows=0 denied", "binlog dump: BINLOG DUMP ->  rows=0 denied",
			"register replica: REGISTER REPLICA ->  rows=0 denied", "table dump: TABLE DUMP ->  rows=0 denied", "clone: CLONE ->  rows=0 denied",
			"unknown: COMMAND 11 ->  rows=0 denied", "unknown: COMMAND 0 ->  rows=0 denied", "unknown: COMMAND 254 ->  rows=0 denied",
			"query: SELECT 1 -> OK rows=1"},
	},
	{
		name: "a prepared statement",
		send: [][]byte{packedPrepare("SELECT ?, ?"), packedExecute(1, 0, "a'b", "c"), packedExecute(1, 0, "", "d"), packedPrepare("SELEKT"),
			packedExecute(2, 0), packedExecute(77, 0), packed(comStmtReset, le32(1)), packed(comStmtReset, le32(78))},
		answers: []string{"[prepared:2:2]", "[row end]", "[row end]", "[error:1064]", "[error:1243]", "[error:1243]", "[ok:0]", "[error:1243]"},
		recorded: []string{"prepare: SELECT ?, ? -> OK rows=0", "execute: SELECT ?, ? 'a'b' 'c' -> OK rows=1", "execute: SELECT ?, ? '' 'd' -> OK rows=1",
			"prepare: SELEKT ->  rows=0 error=1064 (42000)"},
	},
	{
		name:    "a statement prepared without a result, executed by the word for the last one",
		send:    [][]byte{packedPrepare("DO 1"), packedExecute(lastPrepared, 0), packedPrepare("SELEKT"), packedExecute(lastPrepared, 0)},
		answers: []string{"[prepared:0:0]", "[ok:0]", "[error:1064]", "[error:1243]"},
		recorded: []string{"prepare: DO 1 -> OK rows=0", "execute: DO 1 -> OK rows=0",
			"prepare: SELEKT ->  rows=0 error=1064 (42000)"},
	},
	{
		name: "a cursor",
		send: [][]byte{packedPrepare("SELECT seq FROM seq_1_to_5"), packedExecute(1, 1), packedFetch(1, 2), packedFetch(1, 2), packedFetch(1, 2),
			packedExecute(1, 1), packedFetch(1, 1), packed(comStmtReset, le32(1)), packedFetch(1, 1)},
		answers: []string{"[prepared:0:1]", "[cursor]", "[row row cursor]", "[row row cursor]", "[row end]", "[cursor]", "[row cursor]", "[ok:0]", "[error:1421]"},
		recorded: []string{"prepare: SELECT seq FROM seq_1_to_5 -> OK rows=0", "execute: SELECT seq FROM seq_1_to_5 -> OK rows=0",
			"fetch: SELECT seq FROM seq_1_to_5 -> OK rows=2", "fetch: SELECT seq FROM seq_1_to_5 -> OK rows=2", "fetch: SELECT seq FROM seq_1_to_5 -> OK rows=1",
			"execute: SELECT seq FROM seq_1_to_5 -> OK rows=0", "fetch: SELECT seq FROM seq_1_to_5 -> OK rows=1", "fetch: SELECT seq FROM seq_1_to_5 ->  rows=0 error=1421 (HY000)"},
	},
	{
		name: "text that is no valid UTF-8, and NUL bytes, are recorded byte for byte",
		send: [][]byte{packedQuery("SELECT 'a\x00b'"), packedQuery("SELECT 1\x00; SELECT 2")}, answers: []string{"[row:a\x00b end]", "[error:1064]"},
		recorded: []string{"query: SELECT 'a\x00b' -> OK rows=1", "query: SELECT 1\x00; SELECT 2 ->  rows=0 error=1064 (42000)"},
	},
	{
		name:    "bulk execution",
		mariadb: mariaBulk | mariaProgress | mariaCacheMetadata,
		send: [][]byte{packedQuery("CREATE TEMPORARY TABLE c (n int, s varchar(10) DEFAULT 'd')"), packedPrepare("INSERT INTO c VALUES (?, ?)"),
			packed(comStmtBulkExecute, le32(1), le16(bulkTypes), []byte{typeLong, 0, typeVarString, 0},
				[]byte{0, 1, 0, 0, 0, 0, 1, 'a'}, []byte{1, 1}, []byte{0, 2, 0, 0, 0, 2}),
			packed(comStmtBulkExecute, le32(1), le16(0), []byte{0, 3, 0, 0, 0, 0, 1, 'z'}), packedQuery("SELECT s FROM c")},
		answers: []string{"[ok:0]", "[prepared:2:0]", "[ok:3]", "[ok:1]", "[row:a row:NULL row:d row:z end]"},
		recorded: []string{"query: CREATE TEMPORARY TABLE c (n int, s varchar(10) DEFAULT 'd') -> OK rows=0",
			"prepare: INSERT INTO c VALUES (?, ?) -> OK rows=0",
			"bulk execute: INSERT INTO c VALUES (?, ?) '1' 'a' NULL NULL '2' '(default)' -> Records: 3  Duplicates: 0  Warnings: 0 rows=3",
			"bulk execute: INSERT INTO c VALUES (?, ?) '3' 'z' -> OK rows=1", "query: SELECT s FROM c -> OK rows=4"},
	},
	{
		name:     "metadata that the client has cached",
		mariadb:  mariaCacheMetadata,
		send:     [][]byte{packedPrepare("SELECT seq FROM seq_1_to_2"), packedExecute(1, 0), packedExecute(1, 0)},
		answers:  []string{"[prepared:0:1]", "[cached row row end]", "[cached row row end]"},
		recorded: []string{"prepare: SELECT seq FROM seq_1_to_2 -> OK rows=0", "execute: SELECT seq FROM seq_1_to_2 -> OK rows=2", "execute: SELECT seq FROM seq_1_to_2 -> OK rows=2"},
	},
	{
		name: "a procedure with results and parameters that go out",
		send: [][]byte{packedQuery("CREATE OR REPLACE PROCEDURE p(OUT o int) BEGIN SELECT 1; SELECT 2; SET o = 3; END"), packedQuery("CALL p(@x)"),
			packedPrepare("CALL p(?)"), packedExecute(1, 0, "0")},
		answers: []string{"[ok:0]", "[row:1 end row:2 end ok:0]", "[prepared:1:0]", "[row end row end row end ok:0]"},
		recorded: []string{"query: CREATE OR REPLACE PROCEDURE p(OUT o int) BEGIN SELECT 1; SELECT 2; SET o = 3; END -> OK rows=0",
			"query: CALL p(@x) -> OK; OK; OK rows=2", "prepare: CALL p(?) -> OK rows=0", "execute: CALL p(?) '0' -> OK; OK; OK; OK rows=3"},
	},
	{
		name: "data that were sent ahead",
		send: [][]byte{packedPrepare("SELECT ?, ?"), concat(
			packed(comStmtSendLongData, le32(1), le16(0), []byte("abc")), packed(comStmtSendLongData, le32(1), le16(0), []byte("def")),
			packed(comStmtExecute, le32(1), []byte{0}, le32(1), []byte{0, 1, typeBlob, 0, typeVarString, 0}, counted("x"))),
			packed(comStmtExecute, le32(1), []byte{0}, le32(1), []byte{0, 0}, counted("y"), counted("z"))},
		answers: []string{"[prepared:2:2]", "[row end]", "[row end]"},
		recorded: []string{"prepare: SELECT ?, ? -> OK rows=0", "execute: SELECT ?, ? 'abcdef' 'x' -> OK rows=1",
			"execute: SELECT ?, ? 'y' 'z' -> OK rows=1"},
	},
}

func TestRecordOfExchanges(t *testing.T) {
	_, start := wireStarter(t)
	for _, x := range exchanges {
		for _, c := range []capability{oldClient, newClient} {
			t.Run(fmt.Sprintf("%s, capabilities %#x", x.name, uint32(c)), func(t *testing.T) {
				g := start(t)
				w := signIn(t, g, c, x.mariadb)
				for i, send := range x.send {
					w.send(send)
					if got := fmt.Sprint(w.answer(lastKind(send))); got != x.answers[i] {
						t.Errorf("command %d is answered by %v, want %s", i, got, x.answers[i])
					}
				}
				if diff := cmp.Diff(x.recorded, story(w.leave(g))); diff != "" {
					t.Errorf("recorded (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// lastKind is the kind of the last of several commands.
func lastKind(b []byte) byte {
	for {
		size := headerSize + payloadSize(b)
		if len(b) == size {
			return b[headerSize]
		}
		b = b[size:]
	}
}
