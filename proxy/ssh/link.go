package ssh

import (
	"context"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

// link is a client whose server is open.
type link struct {
	client   *client
	store    *server
	resource access.Resource
}

// Relay implements proxy.Link.
func (l *link) Relay(ctx context.Context, gate *proxy.Gate) error {
	l.client.served = true
	return newRelay(l, gate).run(ctx)
}

// Close implements proxy.Link. A relay that has run has closed the connection already.
func (l *link) Close() error {
	l.store.hangUp()
	return nil
}
