package ssh

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// wired is both ends of a connection over loopback, the first of them a wire.
func wired(t testing.TB) (*wire, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	here, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	there, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = here.Close(), there.Close() })
	return newWire(here), there
}

// TestWireKeepsOrder writes small and large pieces one behind the other, closes, and wants all of them in their order.
func TestWireKeepsOrder(t *testing.T) {
	w, there := wired(t)
	sent := make([]byte, 8<<20)
	_, _ = rand.Read(sent)
	go func() {
		for left, i := sent, 0; len(left) > 0; i++ {
			n := min(len(left), []int{5, cryptoBuffer, 28 << 10, 40, 3 * wireBuffer, 100}[i%6])
			if _, err := w.Write(left[:n]); err != nil {
				t.Error(err)
				break
			}
			left = left[n:]
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	got, err := io.ReadAll(there)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came of %d, or others: %v", len(got), len(sent), err)
	}
}

// TestWireAtOneThatDoesNotRead writes until nothing goes any further, and closes: that ends in bounded time, and so does the write.
func TestWireAtOneThatDoesNotRead(t *testing.T) {
	w, _ := wired(t)
	stuck := make(chan error, 1)
	piece := make([]byte, 64<<10)
	go func() {
		for {
			if _, err := w.Write(piece); err != nil {
				stuck <- err
				return
			}
		}
	}()
	full := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.writing && len(w.pending) == wireBuffer
	}
	for still, began := 0, time.Now(); still < 20; time.Sleep(10 * time.Millisecond) {
		if still++; !full() {
			still = 0
		}
		if time.Since(began) > patience {
			t.Fatal("the other side takes everything")
		}
	}
	began := time.Now()
	_ = w.Close()
	if took := time.Since(began); took > patience {
		t.Errorf("Close took %s", took)
	}
	select {
	case err := <-stuck:
		if _, err := w.Write(piece[:1]); err == nil {
			t.Error("a write after Close succeeded")
		}
		var timeout net.Error
		if !errors.Is(err, net.ErrClosed) && !errors.As(err, &timeout) {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the write hangs")
	}
}
