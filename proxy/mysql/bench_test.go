package mysql

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// BenchmarkRelay passes one recorded statement and its answer through a gateway with a real journal. Client and store are as
// cheap as can be, so that allocations are the gateway's.
func BenchmarkRelay(b *testing.B) {
	ok := []byte{packetOK, 1, 0, 2, 0, 0, 0}
	end := []byte{packetEOF, 0, 0, 2, 0, 0, 0}
	column := []byte("\x03def\x04shop\x06sbtest\x06sbtest\x01k\x01k\x0c\x3f\x00\x0b\x00\x00\x00\x03\x09\x40\x00\x00\x00")
	answered := func(packets ...[]byte) []byte {
		var all []byte
		for i, p := range packets {
			all = appendPacket(all, byte(i+1), p)
		}
		return all
	}
	for _, c := range []struct {
		name             string
		before, after    []byte // a command that prepares, and its answer
		question, answer []byte
	}{
		{name: "text", question: packedQuery("SELECT k FROM sbtest WHERE id = 4711"), answer: answered([]byte{1}, column, []byte("\x0212"), end)},
		{name: "update", question: packedQuery("UPDATE sbtest SET k = k + 1 WHERE id = 4711"), answer: answered(ok)},
		{name: "prepared", before: packedPrepare("SELECT k FROM sbtest WHERE id = ?"),
			after:    answered([]byte{packetOK, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0}, column, column),
			question: packed(comStmtExecute, le32(1), []byte{0}, le32(1), []byte{0, 1, typeLongLong, 0}, le32(4711), le32(0)),
			answer:   answered([]byte{1}, column, []byte{0, 0, 12, 0, 0, 0}, end)},
	} {
		b.Run(c.name, func(b *testing.B) {
			g := playing(b, func(conn net.Conn) { serveCanned(conn, len(c.before), c.after, len(c.question), c.answer) })
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

func roundTrip(b *testing.B, conn net.Conn, question, buf []byte) {
	if _, err := conn.Write(question); err != nil {
		b.Fatal(err)
	}
	if _, err := io.ReadFull(conn, buf); err != nil {
		b.Fatal(err)
	}
}

// serveCanned answers by the number of bytes alone.
func serveCanned(conn net.Conn, before int, after []byte, ask int, answer []byte) {
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
}

// benchClient signs in at the native entrance.
func benchClient(b *testing.B, g *proxytest.Gateway) net.Conn {
	conn, err := net.Dial("tcp", g.Native)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	l := storeLogin{conn: conn, private: true, secret: creds.Secret{Username: proxytest.User + "#" + g.Store.Name, Password: proxytest.Token},
		wish: wish{capabilities: newClient, charset: charsetUTF8MB4, maxPacket: 1 << 24}}
	if err := l.run(b.Context(), &access.Resource{Name: "gateway"}, access.SSLDisable); err != nil {
		b.Fatal(err)
	}
	return conn
}

// BenchmarkRows walks a chunk of rows of 100 bytes, as bulk answers have them.
func BenchmarkRows(b *testing.B) {
	var chunk []byte
	for i := 0; len(chunk) < 64<<10; i++ {
		chunk = appendPacket(chunk, byte(i), make([]byte, 100))
	}
	w := newBench(nil, 1<<20, newClient, 0)
	w.relay.start(framed{packets: 1}, command{kind: comQuery})
	w.relay.running.answer.phase = atRows
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		if _, _, err := w.relay.readAnswers(chunk, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
