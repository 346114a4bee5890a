package client

import (
	"context"
	"io"
)

// Stdio carries one connection between this program's own streams and the resource, as ssh wants it of a ProxyCommand. It returns once the
// gateway has ended it; what then still waits for input is left waiting, since a read of standard input cannot be called off: the program
// is to end.
func (t *Tunnel) Stdio(ctx context.Context, in io.Reader, out io.Writer) error {
	gateway, err := t.Dial(ctx)
	if err != nil {
		return err
	}
	defer gateway.Close()
	stop := context.AfterFunc(ctx, func() { _ = gateway.Close() })
	defer stop()
	go func() {
		if read, write := copyBytes(gateway, in); read != nil {
			_ = gateway.Close()
		} else if write == nil {
			_ = gateway.CloseWrite() // if it fails, so does the other direction
		}
	}()
	read, write := copyBytes(out, gateway)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case write != nil: // ssh is gone
		return nil
	case read != nil:
		return explainBreak(read, t.Resource, gateway.RemoteAddr())
	}
	return nil
}
