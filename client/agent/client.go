package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// ErrNotRunning says that no agent answers.
var ErrNotRunning = errors.New("the agent does not run; it is started by: sally connect")

// Client gives commands to the running agent.
type Client struct {
	http   *http.Client
	secret string
}

// commandLimit bounds a command; the agent itself waits for servers that do not answer.
const commandLimit = 40 * time.Second

// Find gives a client of the agent that has said where it is. Whether it answers shows with the first command.
func Find(place Place) (*Client, error) {
	m, err := place.read()
	if err != nil {
		return nil, err
	}
	var dialer net.Dialer
	return &Client{secret: m.Secret, http: &http.Client{
		Timeout: commandLimit,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, m.Network, m.Address)
			if err != nil && ctx.Err() == nil {
				return nil, fmt.Errorf("%w (%w)", ErrNotRunning, err)
			}
			return conn, err
		}},
	}}, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status asks what the agent does. The error wraps ErrNotRunning when none answers.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.call(ctx, http.MethodGet, statusPath, nil, &s)
}

// Connect opens resources and gives them.
func (c *Client) Connect(ctx context.Context, w Wish) ([]Line, error) {
	var lines Lines
	err := c.call(ctx, http.MethodPost, connectPath, w, &lines)
	return lines.Lines, err
}

// Disconnect closes resources and gives those that were open.
func (c *Client) Disconnect(ctx context.Context, w Wish) ([]Line, error) {
	var lines Lines
	err := c.call(ctx, http.MethodPost, disconnectPath, w, &lines)
	return lines.Lines, err
}

// Refresh has the agent look at the profile and ask the server now.
func (c *Client) Refresh(ctx context.Context, profile string) (s ProfileStatus, err error) {
	return s, c.call(ctx, http.MethodPost, refreshPath, Wish{Profile: profile}, &s)
}

// Forget ends all of a profile's connections.
func (c *Client) Forget(ctx context.Context, profile string) error {
	return c.call(ctx, http.MethodPost, forgetPath, Wish{Profile: profile}, nil)
}

// Stop ends the agent; with drain, open connections go on until they end by themselves.
func (c *Client) Stop(ctx context.Context, drain bool) error {
	return c.call(ctx, http.MethodPost, stopPath, Stop{Drain: drain}, nil)
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		content, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode command: %w", err)
		}
		body = bytes.NewReader(content)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://agent"+path, body)
	if err != nil {
		return fmt.Errorf("make command: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.secret)
	response, err := c.http.Do(request)
	switch {
	case errors.Is(err, ErrNotRunning):
		return ErrNotRunning
	case err != nil:
		return fmt.Errorf("ask the agent: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("ask the agent: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return refused(response.Status, content)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(content, out); err != nil {
		return fmt.Errorf("read the agent's answer: %w", err)
	}
	return nil
}

func refused(status string, content []byte) error {
	var r refusal
	if json.Unmarshal(content, &r) != nil || r.Error == "" {
		return fmt.Errorf("the agent answered %s; if it is of another version, end it: sally agent stop", status)
	}
	return errors.New(r.Error)
}
