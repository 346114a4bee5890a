package proxy

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
)

// BenchmarkRelayRound is a question of 64 bytes and its answer, and BenchmarkRelayBulk an answer of 1 MiB, over TLS to an echo:
// directly, and through a relay.
func BenchmarkRelayRound(b *testing.B) { relayed(b, 64) }
func BenchmarkRelayBulk(b *testing.B)  { relayed(b, 1<<20) }

func relayed(b *testing.B, size int) {
	for _, way := range []string{"direct", "relayed"} {
		b.Run(way, func(b *testing.B) {
			lab := newRelayLab(b)
			if way == "direct" {
				lab.direct()
			} else {
				lab.behind("behind", io.Discard, echo)
			}
			c, _, err := lab.client()
			if err != nil {
				b.Fatal(err)
			}
			sent, back := make([]byte, size), make([]byte, size)
			b.SetBytes(int64(size))
			b.ResetTimer()
			for b.Loop() {
				go func() { _, _ = c.Write(sent) }()
				if _, err := io.ReadFull(c, back); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// direct has clients dial an echo itself.
func (lab *relayLab) direct() {
	lab.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		lab.t.Fatal(err)
	}
	pair := lab.ca.gateway("direct")
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		t := tls.Server(Records(conn), &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, NextProtos: []string{TunnelALPN}})
		echo(t)
		_ = t.Close()
	}()
	lab.address = l.Addr().String()
	lab.t.Cleanup(func() { _ = l.Close(); <-done })
}
