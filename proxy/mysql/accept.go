package mysql

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/proxy"
)

// accept greets a client and takes its answer. Whatever fails is told to the client.
func (p *Protocol) accept(ctx context.Context, conn *proxy.Conn) (*client, error) {
	c := &client{protocol: p, conn: conn, id: p.ids.fresh()}
	if err := c.shakeHands(ctx); err != nil {
		c.Deny(err)
		return nil, err
	}
	return c, nil
}

func (c *client) shakeHands(ctx context.Context) error {
	offered := c.greetingFor(ctx)
	offered.id, offered.scramble = c.id, newScramble()
	if c.conn.TLSAvailable() {
		offered.capabilities |= capSSL
	}
	if _, err := c.conn.Write(offered.packet()); err != nil {
		return fmt.Errorf("greet client: %w", err)
	}
	c.sequence++
	r, err := c.receiveResponse(ctx)
	if err != nil {
		return err
	}
	c.capabilities, c.mariadb = r.capabilities&offered.capabilities&^capSSL, r.mariadb&offered.mariadb
	c.charset, c.attributes, c.maxPacket = r.charset, r.attributes, r.maxPacket
	if r.user == "" && c.conn.Identity() == nil {
		return &codedError{number: numberAccessDenied, sentence: "no user name: connect as USER#RESOURCE with your access token as password"}
	}
	e := exchange{client: c, plugin: offered.plugin, scramble: offered.scramble}
	proof, err := e.run(r)
	if err != nil {
		return err
	}
	c.describe(r, proof)
	return nil
}

// greetingFor is a greeting like that of the store, where it is known which one is meant. That it could not be learned is
// told once the client has said who it is, and whether it may know.
func (c *client) greetingFor(ctx context.Context) *greeting {
	store, ok := c.conn.Store(ctx)
	if !ok {
		return c.protocol.nativeGreeting()
	}
	said, err := c.protocol.greetings.of(ctx, &store)
	if err != nil {
		c.unprobed = err
		return c.protocol.nativeGreeting()
	}
	return said.mirrored()
}

// receiveResponse reads up to the handshake response, with TLS if the client asks for it.
func (c *client) receiveResponse(ctx context.Context) (*response, error) {
	payload, err := c.read()
	if err != nil {
		return nil, err
	}
	if wantsTLS(payload) {
		if !c.conn.TLSAvailable() {
			return nil, malformed("TLS was asked for and not offered")
		}
		if err := c.conn.StartTLS(ctx, nil); err != nil {
			c.garbled = true // what the client awaits is TLS
			return nil, err
		}
		if payload, err = c.read(); err != nil {
			return nil, err
		}
	}
	return parseResponse(payload)
}

// read reads the client's next packet of the handshake.
func (c *client) read() ([]byte, error) {
	payload, err := readPacket(c.conn, c.sequence)
	var coded *codedError
	if err == nil || errors.As(err, &coded) {
		c.sequence++
	}
	return payload, err
}

// write sends the client the next packet of the handshake.
func (c *client) write(payload ...byte) error {
	if _, err := c.conn.Write(appendPacket(nil, c.sequence, payload)); err != nil {
		return fmt.Errorf("write packet: %w", err)
	}
	c.sequence++
	return nil
}
