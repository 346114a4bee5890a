package servers

import (
	"net"
	"strconv"
	"testing"
)

// TestATakenPortIsTriedAgain: FreePort promises nothing, so whoever starts on its port starts again on another.
func TestATakenPortIsTriedAgain(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	starts := 0
	start := func() error {
		if starts++; starts == 3 {
			if port, err = FreePort(); err != nil {
				return err
			}
		}
		l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return err
		}
		return l.Close()
	}
	if err := onFreePort(start); err != nil || starts != 3 {
		t.Errorf("%d starts, %v", starts, err)
	}
	port, starts = taken.Addr().(*net.TCPAddr).Port, 3
	if err := onFreePort(start); err == nil || starts == 3 {
		t.Errorf("a port that stays taken: %v after %d starts", err, starts-3)
	}
}
