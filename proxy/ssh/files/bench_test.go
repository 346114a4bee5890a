package files

import (
	"encoding/binary"
	"testing"
)

// quiet is a Gate that lets all pass.
type quiet struct{ n int }

func (q *quiet) Begin(*Op) (any, error) { return q, nil }
func (q *quiet) Still(any) error        { return nil }
func (q *quiet) Check(*Op) error        { return nil }
func (q *quiet) Refuse(*Op, string)     {}
func (q *quiet) End(any, Result)        { q.n++ }

// pieceSize is how much one packet of SSH brings.
const pieceSize = 32 << 10

// transfer has requests and answers of 32 KB go through a channel, as SSH brings them. at is where the offset stands in the request.
func transfer(b *testing.B, pflags uint32, request, answer []byte) {
	s := NewSFTP(&quiet{})
	must := func(_, _ []byte, err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	feed := func(take func([]byte) ([]byte, []byte, error), packet []byte) {
		for len(packet) > 0 {
			n := min(len(packet), pieceSize)
			must(take(packet[:n]))
			packet = packet[n:]
		}
	}
	must(s.FromClient(hello(fxpInit)))
	must(s.FromServer(hello(fxpVersion)))
	must(s.FromServer(status(homeID, fxFailure)))
	must(s.FromClient(packet(fxpOpen, 1, "/f", pflags, uint32(0))))
	must(s.FromServer(packet(fxpHandle, 1, "h")))
	const offset = 4 + 5 + 4 + 1 // after length, type, ID and handle
	b.SetBytes(pieceSize)
	b.ReportAllocs()
	var at uint64
	for b.Loop() {
		binary.BigEndian.PutUint64(request[offset:], at)
		feed(s.FromClient, request)
		feed(s.FromServer, answer)
		at += pieceSize
	}
	s.Close()
}

func BenchmarkWrite(b *testing.B) {
	transfer(b, fxfWrite, packet(fxpWrite, 7, "h", uint64(0), string(make([]byte, pieceSize))), status(7, fxOK))
}

func BenchmarkRead(b *testing.B) {
	transfer(b, fxfRead, packet(fxpRead, 7, "h", uint64(0), uint32(pieceSize)), packet(fxpData, 7, string(make([]byte, pieceSize))))
}

func BenchmarkSCP(b *testing.B) {
	s := NewSCP(&quiet{}, SCPCommand{Sink: true, Path: "/srv"})
	for _, step := range []func() ([]byte, []byte, error){
		func() ([]byte, []byte, error) { return s.FromServer([]byte{0}) },
		func() ([]byte, []byte, error) { return s.FromClient([]byte("C0644 999999999999999 x\n")) },
		func() ([]byte, []byte, error) { return s.FromServer([]byte{0}) },
	} {
		if _, _, err := step(); err != nil {
			b.Fatal(err)
		}
	}
	data := make([]byte, pieceSize)
	b.SetBytes(pieceSize)
	b.ReportAllocs()
	for b.Loop() {
		if toServer, _, err := s.FromClient(data); err != nil || len(toServer) != pieceSize {
			b.Fatal(err)
		}
	}
	s.Close()
}
