package proxy

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"testing"
	"time"
)

// pair is two ends of one TCP connection; with TLS on top where asked.
func pair(t testing.TB, secure bool) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	if secure {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		certificate := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
		b = tls.Server(Records(b), &tls.Config{Certificates: []tls.Certificate{certificate}, DynamicRecordSizingDisabled: true})
		a = tls.Client(Records(a), &tls.Config{InsecureSkipVerify: true, DynamicRecordSizingDisabled: true}) // the test's own
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// TestStreamKeepsEveryByte sends writes of every size through both kinds of stream, to a handler that uses what it is
// given in odd pieces.
func TestStreamKeepsEveryByte(t *testing.T) {
	for name, secure := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t, secure)
			out, in := NewStream(a, nil), NewStream(b, nil)
			data := make([]byte, 6<<20)
			random := mathrand.NewChaCha8([32]byte{})
			_, _ = random.Read(data)
			sent := make(chan error, 1)
			go func() {
				rest := data
				for size := 1; len(rest) > 0; size = size*3%400_000 + 1 {
					n := min(size, len(rest))
					if _, err := out.Write(rest[:n]); err != nil {
						sent <- err
						return
					}
					rest = rest[n:]
				}
				sent <- a.Close()
			}()
			var got []byte
			err := in.Pump(1<<20, func(chunk []byte) (int, error) {
				used := len(chunk)
				if used > 3 && len(got)+used < len(data) {
					used -= len(got) % 3 // some stays for the next time
				}
				got = append(got, chunk[:used]...)
				return used, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, data) {
				t.Errorf("%d bytes arrived of %d, or not the same", len(got), len(data))
			}
		})
	}
}

// TestStreamGrowsOnlyAsBytesArrive holds back a long message until it is whole, within limit and budget.
func TestStreamGrowsOnlyAsBytesArrive(t *testing.T) {
	const size = 300_000
	errWhole := errors.New("the message is whole")
	whole := func(chunk []byte) (int, error) {
		if len(chunk) < size {
			return 0, nil
		}
		return size, errWhole
	}
	for name, c := range map[string]struct {
		limit  int
		budget *Budget
		want   error
	}{
		"fits":             {1 << 20, NewBudget(2 << 20), errWhole},
		"over the limit":   {100_000, NewBudget(2 << 20), ErrMessageTooLarge},
		"budget is in use": {1 << 20, NewBudget(200_000), ErrBusy},
	} {
		for kind, secure := range map[string]bool{"plain": false, "TLS": true} {
			t.Run(name+" "+kind, func(t *testing.T) {
				a, b := pair(t, secure)
				go func() { _, _ = a.Write(make([]byte, size)) }() // fails when the pump gives up
				err := NewStream(b, c.budget).Pump(c.limit, whole)
				if !errors.Is(err, c.want) {
					t.Errorf("pump ended with %v, want %v", err, c.want)
				}
				if used := c.budget.used.Load(); used != 0 {
					t.Errorf("%d bytes of the budget were not given back", used)
				}
			})
		}
	}
}

func TestInterruptedPump(t *testing.T) {
	for name, secure := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t, secure)
			ended := make(chan error, 1)
			got := make(chan struct{}, 1)
			go func() {
				ended <- NewStream(b, nil).Pump(1<<20, func(chunk []byte) (int, error) {
					got <- struct{}{}
					return len(chunk), nil
				})
			}()
			if _, err := a.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			<-got
			Interrupt(b)
			if err := <-ended; !Interrupted(err) {
				t.Errorf("pump ended with %v, want an interruption", err)
			}
		})
	}
}

func BenchmarkStreamWriteTLS(b *testing.B) {
	for name, wrap := range map[string]func(net.Conn) net.Conn{"together": Records, "each": func(c net.Conn) net.Conn { return c }} {
		b.Run(name, func(b *testing.B) {
			x, y := pair(b, false)
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				b.Fatal(err)
			}
			template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
			der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
			if err != nil {
				b.Fatal(err)
			}
			server := tls.Server(wrap(y), &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
				DynamicRecordSizingDisabled: true})
			go func() {
				client := tls.Client(x, &tls.Config{InsecureSkipVerify: true}) // the benchmark's own
				buf := make([]byte, 256<<10)
				for {
					if _, err := client.Read(buf); err != nil {
						return
					}
				}
			}()
			if err := server.Handshake(); err != nil {
				b.Fatal(err)
			}
			s := NewStream(server, nil)
			chunk := make([]byte, chunkSize)
			b.SetBytes(chunkSize)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Write(chunk); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
