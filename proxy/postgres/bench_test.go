package postgres

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// BenchmarkRelay passes one recorded statement and its answer through a gateway with a real journal. Client and
// store are as cheap as can be, so that allocations are the gateway's.
func BenchmarkRelay(b *testing.B) {
	row := appendMessage(nil, msgDataRow, []byte{0, 1, 0, 0, 0, 3}, []byte("abc"))
	end := append(appendMessage(nil, msgCommandComplete, []byte("SELECT 1\x00")), appendMessage(nil, msgReadyForQuery, []byte{'I'})...)
	simple := appendMessage(nil, msgQuery, []byte("SELECT abalance FROM pgbench_accounts WHERE aid = 4711;\x00"))
	prepared := appendMessage(nil, msgBind, []byte("\x00P_0\x00\x00\x00\x00\x01\x00\x00\x00\x044711\x00\x00"))
	prepared = appendMessage(prepared, msgExecute, []byte{0, 0, 0, 0, 0})
	prepared = appendMessage(prepared, msgSync)
	for _, c := range []struct {
		name             string
		before, after    []byte // a message that prepares, and its answer
		question, answer []byte
	}{
		{"simple", nil, nil, simple, concat(row, end)},
		{"prepared",
			concat(appendMessage(nil, msgParse, []byte("P_0\x00SELECT abalance FROM pgbench_accounts WHERE aid = $1;\x00\x00\x00")), appendMessage(nil, msgSync)),
			concat(appendMessage(nil, msgParseComplete), appendMessage(nil, msgReadyForQuery, []byte{'I'})),
			prepared, concat(appendMessage(nil, msgBindComplete), row, end)},
	} {
		b.Run(c.name, func(b *testing.B) {
			store := access.Resource{Name: "orders-db", Protocol: "postgres", SSLMode: access.SSLDisable, Durability: access.Interval,
				Address: cannedStore(b, len(c.before), c.after, len(c.question), c.answer)}
			g := proxytest.Start(b, proxytest.Options{Protocol: New(0), Store: store, Secret: creds.Secret{Username: "app"}})
			client := benchClient(b, g)
			roundTrip(b, client, c.before, make([]byte, len(c.after)))
			buf := make([]byte, len(c.answer))
			for range 100 {
				roundTrip(b, client, c.question, buf)
			}
			b.ReportAllocs()
			for b.Loop() {
				roundTrip(b, client, c.question, buf)
			}
		})
	}
}

func concat(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func roundTrip(b *testing.B, conn net.Conn, question, buf []byte) {
	if _, err := conn.Write(question); err != nil {
		b.Fatal(err)
	}
	if _, err := io.ReadFull(conn, buf); err != nil {
		b.Fatal(err)
	}
}

// cannedStore lets everybody in and then answers by the number of bytes alone.
func cannedStore(b *testing.B, before int, after []byte, ask int, answer []byte) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var size [4]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, conn, int64(size[2])<<8+int64(size[3])-4); err != nil {
			return
		}
		welcome := concat(appendMessage(nil, 'R', []byte{0, 0, 0, 0}), appendMessage(nil, 'K', make([]byte, 8)), appendMessage(nil, 'Z', []byte{'I'}))
		if _, err := conn.Write(welcome); err != nil {
			return
		}
		if before > 0 {
			if _, err := io.CopyN(io.Discard, conn, int64(before)); err != nil {
				return
			}
			if _, err := conn.Write(after); err != nil {
				return
			}
		}
		buf := make([]byte, ask)
		for {
			if _, err := io.ReadFull(conn, buf); err != nil {
				return
			}
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
	}()
	return l.Addr().String()
}

// benchClient signs in at the native entrance.
func benchClient(b *testing.B, g *proxytest.Gateway) net.Conn {
	conn, err := net.Dial("tcp", g.Native)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	body := concat([]byte{0, 3, 0, 0}, []byte("user\x00"+proxytest.User+"#"+g.Store.Name+"\x00\x00"))
	startup := concat([]byte{0, 0, 0, byte(4 + len(body))}, body)
	roundTrip(b, conn, startup, make([]byte, 9))
	welcome := make([]byte, 9+13+6)
	roundTrip(b, conn, appendMessage(nil, msgPassword, []byte(proxytest.Token+"\x00")), welcome)
	return conn
}

// BenchmarkRows walks a chunk of rows of 100 bytes, as bulk answers have them.
func BenchmarkRows(b *testing.B) {
	var chunk []byte
	for len(chunk) < 64<<10 {
		chunk = appendMessage(chunk, msgDataRow, make([]byte, 106))
	}
	w := newBench(nil, 1<<20)
	w.relay.queue.push(awaitQuery)
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		if _, _, err := w.relay.readAnswers(chunk, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
