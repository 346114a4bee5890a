package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
)

const (
	cancelRequestCode = 80877102
	cancelTimeout     = 10 * time.Second
)

// sendCancel asks the store, on a connection of its own, to cancel what the session (pid, key) is doing. It returns
// when the store has closed that connection, which is after it has sent the signal; the store never says whether
// there was anything to cancel.
func sendCancel(ctx context.Context, store access.Resource, secret creds.Secret, pid uint32, key []byte) error {
	ctx, cancel := context.WithTimeout(ctx, cancelTimeout)
	defer cancel()
	mode, err := sslMode(store)
	if err != nil {
		return err
	}
	conn, err := reach(ctx, store, secret, mode)
	if mode == access.SSLPrefer && refusedTLS(err) {
		conn, err = reach(ctx, store, secret, access.SSLDisable)
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	err = within(ctx, conn, func() error { return writeCancel(conn, pid, key) })
	if err != nil {
		return fmt.Errorf("cancel at the store: %w", err)
	}
	return nil
}

func writeCancel(conn net.Conn, pid uint32, key []byte) error {
	message := binary.BigEndian.AppendUint32(nil, uint32(12+len(key)))
	message = binary.BigEndian.AppendUint32(message, cancelRequestCode)
	message = binary.BigEndian.AppendUint32(message, pid)
	message = append(message, key...)
	if _, err := conn.Write(message); err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	var b [1]byte
	switch n, err := conn.Read(b[:]); {
	case n > 0:
		return errors.New("the store answered a cancel request")
	case errors.Is(err, io.EOF):
		return nil
	default:
		return fmt.Errorf("await the end of the request: %w", err)
	}
}
