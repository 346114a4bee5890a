package proxy

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

// What is said on a connection that stands ready: the relay begins each exchange with one of these bytes, and the gateway
// behind repeats it. After relayTaken, which a header follows, every byte is the client's. After relayRefused the relay
// says why, and the connection ends.
const (
	relayPinged  = 0
	relayTaken   = 1
	relayRefused = 2
)

// relayHeader says who the client is whose bytes follow.
type relayHeader struct {
	From    string `json:"from"`    // host:port, as the relay saw it
	Waiting int    `json:"waiting"` // clients for which no connection stands ready
	Hello   []byte `json:"hello"`   // what the client has sent so far
}

// maxRelayHeader bounds a header, in bytes: a ClientHello of 64 KiB as text, and the rest.
const maxRelayHeader = 128 << 10

// frame is the header with what comes before it: relayTaken, and its length in four bytes.
func (h relayHeader) frame() ([]byte, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode header: %w", err)
	}
	if len(text) > maxRelayHeader {
		return nil, errors.New("the client's hello is too long")
	}
	return append(binary.BigEndian.AppendUint32([]byte{relayTaken}, uint32(len(text))), text...), nil
}

// readRelayHeader reads what follows relayTaken.
func readRelayHeader(r io.Reader) (h relayHeader, from net.Addr, err error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return h, nil, fmt.Errorf("read length of header: %w", err)
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxRelayHeader {
		return h, nil, fmt.Errorf("a header of %d bytes is too long", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, nil, fmt.Errorf("read header: %w", err)
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, nil, fmt.Errorf("decode header: %w", err)
	}
	addr, err := netip.ParseAddrPort(h.From)
	if err != nil {
		return h, nil, fmt.Errorf("decode header: %w", err)
	}
	return h, net.TCPAddrFromAddrPort(addr), nil
}

// maxRelayRefusal bounds what a relay says when it refuses, in bytes.
const maxRelayRefusal = 512

// refuseRelay tells the gateway that has dialled why it is no use.
func refuseRelay(t net.Conn, reason error) error {
	if err := t.SetDeadline(time.Now().Add(relayAnswer)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	words := reason.Error()
	_, err := t.Write(append([]byte{relayRefused}, words[:min(len(words), maxRelayRefusal)]...))
	return errors.Join(err, t.Close())
}

// readRelayRefusal reads what follows relayRefused.
func readRelayRefusal(r io.Reader) error {
	words, err := io.ReadAll(io.LimitReader(r, maxRelayRefusal))
	if err != nil {
		return fmt.Errorf("read refusal: %w", err)
	}
	return fmt.Errorf("refused: %q", words)
}
