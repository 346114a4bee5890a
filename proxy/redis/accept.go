package redis

import (
	"context"

	"github.com/sallyport/sallyport/proxy"
)

func (p *Protocol) acceptTunnel(conn *proxy.Conn) (proxy.Client, error) { return nil, proxy.ErrDone }

func (p *Protocol) acceptNative(ctx context.Context, conn *proxy.Conn) (proxy.Client, error) {
	return nil, proxy.ErrDone
}
