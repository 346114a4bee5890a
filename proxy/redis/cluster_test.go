package redis

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

// testTopology knows three nodes; the third has no entrance.
func testTopology() *topology {
	t := newTopology(proxy.NewConn(nil, true), access.Resource{Name: "cache", Address: "10.0.0.1:6379", Nodes: []access.Node{
		{Name: "n1", Address: "10.0.0.1:6379"}, {Name: "n2", Address: "Redis-2.acme.com:6379"}, {Name: "n3", Address: "[fd00::3]:6379"},
		{Name: "closed", Address: "10.0.0.4:6379"},
	}})
	t.reach = func(resource, node string) (string, int, bool) {
		port, ok := map[string]int{"n1": 20001, "n2": 20002, "n3": 20003}[node]
		return "127.0.0.1", port, ok && resource == "cache"
	}
	return t
}

func TestRedirects(t *testing.T) {
	const missing = "-ERR this is answered by another node of the cluster; for that an admin has to list the address of each node in the resource's nodes: "
	for line, want := range map[string]string{
		"-MOVED 3999 10.0.0.1:6379\r\n":         "-MOVED 3999 127.0.0.1:20001\r\n",
		"-ASK 3999 redis-2.acme.com:6379\r\n":   "-ASK 3999 127.0.0.1:20002\r\n",
		"-MOVED 3999 fd00::3:6379\r\n":          "-MOVED 3999 127.0.0.1:20003\r\n",
		"-MOVED 3999 :6379\r\n":                 "-MOVED 3999 127.0.0.1:20001\r\n",
		"-MOVED 3999 ?:6379\r\n":                "-MOVED 3999 127.0.0.1:20001\r\n",
		"-MOVED 3999 10.0.0.4:6379\r\n":         missing + "10.0.0.4:6379 is not among them, or has no entrance here\r\n",
		"-MOVED 3999 10.0.0.1:6380\r\n":         missing + "10.0.0.1:6380 is not among them, or has no entrance here\r\n",
		"-ASK 3999 nonsense\r\n":                missing + "its redirect could not be read\r\n",
		"-MOVED 3999\r\n":                       missing + "its redirect could not be read\r\n",
		"-CLUSTERDOWN Hash slot not served\r\n": "-CLUSTERDOWN Hash slot not served\r\n",
		"-MOVEDLIKE 1 10.0.0.1:6379\r\n":        "-MOVEDLIKE 1 10.0.0.1:6379\r\n",
	} {
		if got := string(testTopology().redirect([]byte(line))); got != want {
			t.Errorf("%q becomes %q, want %q", line, got, want)
		}
	}
	var none *topology
	if got, want := string(none.redirect([]byte("-MOVED 1 10.0.0.1:6379\r\n"))), missing+"the resource names no nodes\r\n"; got != want {
		t.Errorf("of a resource without nodes: %q, want %q", got, want)
	}
	if got := string(none.redirect([]byte("-ERR x\r\n"))); got != "-ERR x\r\n" {
		t.Errorf("another error becomes %q", got)
	}
}

// array and table make values for answers; words are bulk strings, and numbers integers.
func array(items ...any) datum { return aggregate('*', items) }

func table(items ...any) datum { return aggregate('%', items) }

func aggregate(kind byte, items []any) datum {
	d := datum{kind: kind}
	for _, i := range items {
		switch v := i.(type) {
		case string:
			d.items = append(d.items, bulk(v))
		case int:
			d.items = append(d.items, integer(v))
		case datum:
			d.items = append(d.items, v)
		case nil:
			d.items = append(d.items, datum{kind: '$', null: true})
		}
	}
	return d
}

func TestTopologyAnswers(t *testing.T) {
	verbatim := func(text string) datum { return datum{kind: '=', text: []byte("txt:" + text)} }
	for name, test := range map[string]struct {
		form     topologyAnswer
		in, want datum
	}{
		"slots": {namesSlots,
			array(
				array(0, 5460, array("10.0.0.1", 6379, "id1", array("hostname", "redis-1")), array("10.9.9.9", 6379, "gone", array()), array("?", 6379, "id2", array("hostname", "redis-2.acme.com"))),
				array(5461, 9999, array("10.9.9.9", 6379, "gone", array()), array("10.0.0.1", 6379, "id1", array())),
				array(10000, 16383, array(nil, 6379, "id3", table("ip", "fd00::3")))),
			array(
				array(0, 5460, array("127.0.0.1", 20001, "id1", array()), array("127.0.0.1", 20002, "id2", array())),
				array(10000, 16383, array("127.0.0.1", 20003, "id3", table())))},
		"slots of before version 4": {namesSlots, array(array(0, 1, array("", 6379))), array(array(0, 1, array("127.0.0.1", 20001)))},
		"shards": {namesShards,
			array(
				table("slots", array(0, 5460), "nodes", array(
					table("id", "id1", "port", 6380, "tls-port", 6379, "ip", "10.0.0.1", "endpoint", "10.0.0.1", "hostname", "x", "role", "master"),
					table("id", "gone", "port", 6379, "ip", "10.9.9.9", "endpoint", "10.9.9.9", "role", "replica"))),
				array("slots", array(5461, 16383), "nodes", array(array("id", "gone", "port", 6379, "ip", "10.9.9.9")))),
			array(
				table("slots", array(0, 5460), "nodes", array(
					table("id", "id1", "port", 20001, "tls-port", 20001, "ip", "127.0.0.1", "endpoint", "127.0.0.1", "role", "master"))))},
		"nodes": {namesNodes,
			bulk("id1 10.0.0.1:6379@16379,redis-1,shard-id=3 myself,master - 0 1 1 connected 0-5460 [1->-id2]\n" +
				"gone 10.9.9.9:6379@16379 slave id1 0 1 1 connected\nid2 10.0.0.2:6379@16379,redis-2.acme.com slave id1 0 1 1 connected\n" +
				"id4 :0@0 master,noaddr - 1 1 1 disconnected\nid3 fd00::3:6379@16379 master - 0 1 1 connected\n"),
			bulk("id1 127.0.0.1:20001@16379 myself,master - 0 1 1 connected 0-5460 [1->-id2]\n" +
				"id2 127.0.0.1:20002@16379 slave id1 0 1 1 connected\nid3 127.0.0.1:20003@16379 master - 0 1 1 connected\n")},
		"nodes by RESP3": {namesNodes, verbatim("id1 :6379 myself,master - 0\n"), verbatim("id1 127.0.0.1:20001 myself,master - 0\n")},
		"replicas": {namesReplicas, array("id1 10.0.0.1:6379@16379 slave id0", "gone 10.9.9.9:6379@16379 slave id0"),
			array("id1 127.0.0.1:20001@16379 slave id0")},
		"an error": {namesSlots, datum{kind: '-', text: []byte("ERR no")}, datum{kind: '-', text: []byte("ERR no")}},
	} {
		t.Run(name, func(t *testing.T) {
			got := testTopology().answer(test.form, test.in.appendTo(nil))
			if diff := cmp.Diff(string(test.want.appendTo(nil)), string(got)); diff != "" {
				t.Error(diff)
			}
			if test.in.isError() {
				return
			}
			var none *topology
			if got := none.answer(test.form, test.in.appendTo(nil)); !bytes.HasPrefix(got, []byte("-ERR this is answered by another node")) {
				t.Errorf("of a resource without nodes: %q", got)
			}
		})
	}
}

func TestWhichAnswersNameNodes(t *testing.T) {
	for text, want := range map[string]topologyAnswer{
		"cluster SLOTS": namesSlots, "CLUSTER shards": namesShards, "CLUSTER NODES": namesNodes, "CLUSTER REPLICAS": namesReplicas,
		"CLUSTER SLAVES": namesReplicas, "CLUSTER INFO": namesNoNodes, "SLOTS SLOTS": namesNoNodes, "CLUSTER ": namesNoNodes,
	} {
		if got := commands.lookUp(argsOf(strings.Split(text, " ")...)).form; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// FuzzTopology rewrites whatever a store may send: what comes out is one whole value, and names no node by its own
// address.
func FuzzTopology(f *testing.F) {
	slots := array(array(0, 5460, array("10.0.0.1", 6379, "id1", array("hostname", "redis-1")), array(nil, 6379, "id2")))
	shards := array(table("slots", array(0, 1), "nodes", array(table("id", "id1", "port", 6379, "ip", "10.0.0.1", "hostname", "10.0.0.1"))))
	nodes := bulk("id1 10.0.0.1:6379@16379,10.0.0.1 myself,master - 0 1 1 connected 0-5460\n")
	for _, d := range []datum{slots, shards, nodes, array("id1 10.0.0.1:6379@1 slave")} {
		for form := namesSlots; form <= namesReplicas; form++ {
			f.Add(byte(form), d.appendTo(nil))
		}
	}
	f.Add(byte(namesNodes), []byte("=8\r\ntxt:a b \r\n"))
	f.Add(byte(namesSlots), []byte("*1000000\r\n"))
	f.Fuzz(func(t *testing.T, form byte, reply []byte) {
		got := testTopology().answer(namesSlots+topologyAnswer(form%byte(namesReplicas)), reply)
		d, used, err := parseDatum(got)
		if err != nil || used != len(got) {
			t.Fatalf("%q becomes %q", reply, got)
		}
		again := d.appendTo(nil)
		if e, n, err := parseDatum(again); err != nil || n != len(again) || !bytes.Equal(e.appendTo(nil), again) {
			t.Errorf("%q becomes %q once it is read again", got, again)
		}
		line := append([]byte("-MOVED "), bytes.ReplaceAll(reply, []byte("\n"), nil)...)
		line = testTopology().redirect(append(line, '\r', '\n'))
		if !bytes.HasSuffix(line, []byte("\r\n")) || bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("redirect becomes %q", line)
		}
	})
}

// FuzzLogin feeds a connection's first bytes to Accept: it ends with a client that gave a name and a token, behind which
// nothing is lost, or with an error; what the client reads is RESP.
func FuzzLogin(f *testing.F) {
	for _, seed := range []string{
		sent("AUTH", "alice#cache", "tok") + sent("PING"), sent("PING") + sent("HELLO", "3", "AUTH", "default", "alice#cache:tok", "SETNAME", "x"),
		"AUTH a#b c\r\nPING\r\n", "*-1\r\n*0\r\n\r\n" + sent("AUTH", "a#b", "c") + sent("CLIENT", "SETINFO", "LIB-NAME", "x"),
		sent("HELLO", "9") + sent("RESET") + sent("QUIT"), "*2\r\n$4\r\nAUTH\r\n$99999\r\n", "\x16\x03\x01", "POST / HTTP/1.1\r\n",
	} {
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, input []byte, piece int) {
		conn := &scriptedClient{in: bytes.NewReader(input), piece: max(1, piece)}
		got, err := New(0).Accept(context.Background(), proxy.NewConn(conn, true))
		for out := conn.out.Bytes(); len(out) > 0; {
			_, used, err := parseDatum(out)
			if err != nil {
				t.Fatalf("client reads %q", out)
			}
			out = out[used:]
		}
		if err != nil {
			return
		}
		c := got.(*client)
		rest := input[len(input)-conn.in.Len():]
		if !bytes.HasSuffix(input, append(bytes.Clone(c.early), rest...)) {
			t.Errorf("behind the login %q and %q", c.early, rest)
		}
		if c.resp != 2 && c.resp != 3 || c.opening == openedByCommand {
			t.Errorf("let in by %v with RESP %d", c.opening, c.resp)
		}
	})
}

// FuzzStoreAnswers reads whatever a store may send as an answer of the handshake: what is read has exactly the bytes that
// it says.
func FuzzStoreAnswers(f *testing.F) {
	for _, seed := range []string{"+OK\r\n", "*2\r\n$1\r\na\r\n:1\r\n", "%4611686018427387904\r\n", "%1\r\n$7\r\nversion\r\n$3\r\n7.0\r\n", "$-1\r\n", "_\r\n", "*1\r\n*1\r\n*0\r\n", "-ERR\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, used, err := parseDatum(b)
		if err != nil {
			return
		}
		again := d.appendTo(nil)
		e, n, err := parseDatum(again)
		if err != nil || n != len(again) || used > len(b) || !bytes.Equal(e.appendTo(nil), again) {
			t.Errorf("%q becomes %q: %v", b[:used], again, err)
		}
		_ = (&storeConn{resp: 3}).greeted(&d, b[:used])
		_ = authRefused(&d)
	})
}
