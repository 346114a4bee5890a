package redis

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

// The text of a large command counts as the command's bytes do, and is given back.
func TestTextsCountAsMemory(t *testing.T) {
	const mib = 1 << 20
	_, resource, secret := testStore(t)
	g := proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: resource, Secret: secret, Limits: proxy.Limits{LargeMessages: 6 * mib}})
	plain, escaped := sent("SET", "a", strings.Repeat("x", mib)), sent("SET", "a", strings.Repeat("\x00", mib))
	for range 3 {
		w := signIn(t, g)
		for range 5 {
			w.send(plain)
			w.want("+OK\r\n")
			w.send(sent("MULTI") + plain + sent("EXEC"))
			w.want("+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n")
		}
		_, _ = io.WriteString(w.conn, escaped) // four times as long in the record; the gateway may hang up before the end
		w.ends("-ERR the gateway's memory for large statements is in use")
	}
}

// A transaction is bounded as one command is, whatever it is made of.
func TestTransactionsAreBounded(t *testing.T) {
	for name, line := range map[string]string{"inline": "SET a %s\r\n", "SELECT": "SELECT %s\r\n", "MULTI": "MULTI %s\r\n"} {
		d := newDouble(2)
		feed(d.fromClient, []byte("MULTI\r\n"), 4096)
		part := fmt.Appendf(nil, line, strings.Repeat("x", 1000))
		for range 2 * d.limit / 1000 {
			feed(d.fromClient, part, 4096)
		}
		if size := len(d.tx.text); size > d.limit+2*len(part) {
			t.Errorf("%s: %d bytes are kept of at most %d", name, size, d.limit)
		}
		feed(d.fromClient, []byte("EXEC\r\n"), 4096)
		if d.tx.open {
			t.Errorf("%s: EXEC is not let through", name)
		}
	}
}

// textSize never says less than what is written, and no more than a few bytes more of plain text.
func TestTextSize(t *testing.T) {
	for _, word := range []string{"", "plain", "it's", "a b", `"\`, "\n\r\t\a\b", "\x00\xff\xfe", "héé ✓", "\u200b\u0007", "\xe2\x82"} {
		a := argsOf("SET", "k", word)
		if size, text := textSize(a), appendText(nil, a); size < len(text) {
			t.Errorf("%q: %d bytes are written, not %d at most", word, len(text), size)
		}
	}
	if size := textSize(argsOf(strings.Repeat("x", 1000))); size > 1003 {
		t.Errorf("a plain word of 1000 bytes is %d", size)
	}
}

// What is decided of a command with many values stays little.
func TestMarksOfManyValues(t *testing.T) {
	many := func(command string, word func(i int) string) string {
		var b strings.Builder
		b.WriteString(command)
		for i := range 5000 {
			b.WriteString(" " + word(i))
		}
		return b.String()
	}
	number := func(i int) string { return fmt.Sprint("w", i) }
	for text, want := range map[string][2]int{
		many("MSET", number):      {1, 2500},
		many("LPUSH k", number):   {1, 5000},
		many("HSET k", number):    {maxColumns + 1, 2500},
		many("MGET", number):      {0, 0},
		"HSET k a 1 b 2 a 3":      {3, 3},
		"MSET a 1 b 2\nSET c 3":   {2, 3},
		"SET a 1\nSET b 2\nGET a": {2, 2},
	} {
		f, marks := newReader().Marks([]byte(text), nil)
		if diff := cmp.Diff(want, [2]int{len(f.Groups), len(marks)}); diff != "" {
			t.Errorf("%.30s has groups and marks (-want +got):\n%s", text, diff)
		}
		slots := 0
		for _, group := range f.Groups {
			slots += len(group.Slots)
		}
		if slots != f.Slots || f.Slots != len(marks) {
			t.Errorf("%.30s: %d slots in groups, %d in all, %d marks", text, slots, f.Slots, len(marks))
		}
	}
	if f, _ := newReader().Marks([]byte(many("HSET k", number)), nil); !hasColumn(f, "*") {
		t.Error("fields beyond the bound are in no group that may be any")
	}
}

func hasColumn(f *sqltext.Facts, column string) bool {
	for _, g := range f.Groups {
		if g.Owners[0].Column == column {
			return true
		}
	}
	return false
}

// A resource may name a database. RESET leaves it, and the record says so.
func TestResetLeavesTheResourcesDatabase(t *testing.T) {
	store, resource, secret := testStore(t)
	resource.Database = "3"
	g := proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: resource, Secret: secret})
	store.MustRun(t, "SET", "where", "zero")
	w := signIn(t, g)
	w.send(commandsOf("GET where"))
	w.want("$-1\r\n")
	w.send(commandsOf("RESET", "GET where"))
	w.want("+RESET\r\n$4\r\nzero\r\n")
	w.send(commandsOf("QUIT"))
	w.ends("+OK\r\n")
	want := []string{"command read [where] GET where db=3", "command session [] RESET db=3 tag=RESET", "command read [where] GET where db=0 rows=1", "command session [] QUIT db=0 tag=OK"}
	if diff := cmp.Diff(want, stories(t, g)); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}
