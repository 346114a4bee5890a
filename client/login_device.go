package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Device is a sign-in that the person makes on another device.
type Device struct {
	Page         string    `json:"verification_uri"`          // where they type the code
	PageWithCode string    `json:"verification_uri_complete"` // the same with the code filled in; empty: there is none
	Code         string    `json:"user_code"`
	Expires      time.Time `json:"expires"`
}

// OnDevice signs in for a machine without a browser: the person confirms a code on any other device (RFC 8628). show is
// called once. It returns the profile without saving it.
func (s SignIn) OnDevice(ctx context.Context, show func(Device) error) (*Profile, error) {
	ctx, cancel := context.WithTimeout(ctx, deviceWait)
	defer cancel()
	return s.with(func(api *API, p *Profile) error {
		var begun struct {
			Device
			Secret   string `json:"device"`
			Interval int    `json:"interval"` // seconds
		}
		if err := api.Call(ctx, http.MethodPost, "/api/v1/sign-in/device", nil, &begun); err != nil {
			return fmt.Errorf("begin sign-in: %w", err)
		}
		if err := show(begun.Device); err != nil {
			return err
		}
		return pollDevice(ctx, api, p, begun.Secret, begun.Interval)
	})
}

const (
	// deviceWait is how long it is asked, at most; the server says earlier when it is over.
	deviceWait = 30 * time.Minute
	// minPoll and maxPoll, in seconds, keep a mistaken server from making us ask without a pause, or hardly ever.
	minPoll, maxPoll = 1, 60
)

func pollDevice(ctx context.Context, api *API, p *Profile, secret string, interval int) error {
	key, public, err := newKey()
	if err != nil {
		return err
	}
	refresh := newRefreshSecret()
	request := map[string]string{"device": secret, "next": sessionHash(refresh), "public_key": public}
	timer := time.NewTimer(0)
	<-timer.C
	for {
		timer.Reset(time.Duration(min(max(interval, minPoll), maxPoll)) * time.Second)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		var answer struct {
			Status   string        `json:"status"`
			Interval int           `json:"interval"`
			Session  sessionAnswer `json:"session"`
		}
		err := api.Call(ctx, http.MethodPost, "/api/v1/sign-in/device/poll", request, &answer)
		if _, refused := errors.AsType[*APIError](err); refused {
			return fmt.Errorf("sign in: %w", err)
		}
		if err != nil {
			continue // the network is away for a moment; the server says when it is over
		}
		if answer.Status == "done" {
			return p.takeSession(api, key, refresh, answer.Session)
		}
		interval = max(interval, answer.Interval)
	}
}
