package ssh

import (
	"context"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
)

// client is a client that is in as far as SSH knows: whether it may open the resource is decided after that.
type client struct {
	protocol *Protocol
	conn     *proxy.Conn
	login    proxy.Login
	server   *ssh.ServerConn // nil: the client has not come in, and is gone
	channels <-chan ssh.NewChannel
	requests <-chan *ssh.Request
	served   bool // a relay has had it, and has told it what there was to tell
}

// Login implements proxy.Client.
func (c *client) Login() proxy.Login { return c.login }

// Connect implements proxy.Client.
func (c *client) Connect(ctx context.Context, store access.Resource, secret creds.Secret) (proxy.Link, error) {
	server, err := c.dial(ctx, store, secret)
	if err != nil {
		return nil, err
	}
	return &link{client: c, store: server, resource: store}, nil
}

// Deny implements proxy.Client: the first session that the client opens says why, and ends. What else it opens is refused with
// the same words. The connection's deadline ends it where the client opens nothing.
func (c *client) Deny(err error) {
	if c.server == nil || c.served {
		return
	}
	var work sync.WaitGroup
	work.Go(func() { ssh.DiscardRequests(c.requests) })
	opened := 0
	for n := range c.channels {
		if opened++; n.ChannelType() != channelSession || opened > maxDenied {
			reject(n, err)
			continue
		}
		work.Go(func() {
			if tell(n, err) {
				_ = c.server.Close()
			}
		})
	}
	work.Wait()
	_ = c.server.Wait()
}

// maxDenied bounds how many channels a client may open to hear that it may not.
const maxDenied = 16

// tell opens the session, says on stderr why it ends, and ends it as a command would. false: it was gone before. What the client asks
// for is always read, since else nobody would see that it has left, or that its time is over.
func tell(n ssh.NewChannel, why error) bool {
	channel, requests, err := n.Accept()
	if err != nil {
		return false
	}
	for q := range requests {
		_ = q.Reply(true, nil)
		switch q.Type {
		case requestPTY, requestEnv, requestAgent, requestX11, requestWindow: // what comes before a command
			continue
		}
		var discarding sync.WaitGroup
		discarding.Go(func() { ssh.DiscardRequests(requests) })
		lastWord(channel, why)
		discarding.Wait() // until it has heard
		return true
	}
	return false
}

// lastWord says on stderr why a session ends, and ends it as a command would.
func lastWord(channel ssh.Channel, why error) {
	_, _ = channel.Stderr().Write([]byte(sentence(why)))
	_, _ = channel.SendRequest(requestExit, false, exitPayload(exitOf(why)))
	_ = channel.CloseWrite()
	_ = channel.Close()
}
