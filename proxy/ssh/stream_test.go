package ssh

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"golang.org/x/crypto/ssh"
)

// roomy is a channel whose peer says that it takes packets of any size: x/crypto makes one of each write, and none may be longer than this.
type roomy struct {
	ssh.Channel
	from io.Reader
	into bytes.Buffer
}

const maxPacket = 256 << 10

func (c *roomy) Read(b []byte) (int, error) { return c.from.Read(b) }
func (*roomy) CloseWrite() error            { return nil }
func (*roomy) Close() error                 { return nil }

func (c *roomy) Write(b []byte) (int, error) {
	if len(b)+13 > maxPacket { // with the longest header
		return 0, errors.New("ssh: packet too large")
	}
	return c.into.Write(b)
}

// TestPacketsAreBounded passes much at once to a peer that takes packets of any size.
func TestPacketsAreBounded(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<20/16)
	requests := make(chan *ssh.Request)
	close(requests)
	to := &roomy{}
	if n := half(&roomy{from: bytes.NewReader(data)}, requests, to, func() error { return nil }); n != int64(len(data)) || !bytes.Equal(to.into.Bytes(), data) {
		t.Errorf("%d bytes of %d passed", n, len(data))
	}
}
