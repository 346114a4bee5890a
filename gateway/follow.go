package gateway

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/link"
)

const (
	firstRetry = 10 * time.Millisecond
	lastRetry  = 500 * time.Millisecond
)

// followAny follows one control plane after the other until ctx ends: the next as soon as one fails, and with growing
// pauses once all have failed.
func (l *Link) followAny(ctx context.Context) {
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		for _, server := range l.servers {
			heard, err := l.follow(ctx, server)
			if ctx.Err() != nil {
				return
			}
			if heard {
				pause = firstRetry
			}
			l.judge(server, err)
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

// judge notes why a control plane is no longer followed. That this gateway does not count any more closes it at once.
func (l *Link) judge(server string, err error) {
	var said *refused
	if errors.As(err, &said) && said.status == http.StatusForbidden {
		if !l.revoked.Swap(true) {
			l.log.Error("the control plane refuses this gateway", "server", server, "reason", said.detail)
		}
		l.enforce()
		l.keepHeartbeat()
		return
	}
	l.client.Load().CloseIdleConnections() // which may lead nowhere now
	l.log.Warn("control plane not followed any more", "server", server, "error", err)
}

// follow follows one control plane until that fails. heard says whether anything came.
func (l *Link) follow(ctx context.Context, server string) (heard bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(link.HeartbeatPatience+answerTimeout, func() { cancel(errors.New("the control plane is silent")) })
	defer silence.Stop()
	nonce := rand.Text()
	query := url.Values{link.NonceParam: {nonce}, link.HaveParam: {strconv.FormatInt(l.generation(), 10)}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(server, "/")+link.FollowPath+"?"+query.Encode(), nil)
	if err != nil {
		return false, fmt.Errorf("make request: %w", err)
	}
	asked := l.lease.lived()
	res, err := l.client.Load().Do(req)
	if err != nil {
		return false, fmt.Errorf("follow: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return false, refusalOf(res)
	}
	defer l.server.Store(nil)
	for frames := json.NewDecoder(heardOf{res.Body, silence}); ; {
		var frame link.Frame
		if err := frames.Decode(&frame); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return heard, fmt.Errorf("follow: %w", err)
		}
		if err := l.takeFrame(&frame, nonce, asked); err != nil {
			return heard, err
		}
		if frame.Heartbeat != nil {
			nonce = ""
		}
		if !heard {
			heard = true
			l.server.Store(&server)
			l.reports.again()
			l.log.Info("following control plane", "server", server)
		}
	}
}

// heardOf is a stream of which every byte says that its sender is there, also in the middle of a long snapshot.
type heardOf struct {
	stream  io.Reader
	silence *time.Timer
}

func (h heardOf) Read(b []byte) (int, error) {
	n, err := h.stream.Read(b)
	if n > 0 {
		h.silence.Reset(link.HeartbeatPatience)
	}
	return n, err
}

func (l *Link) takeFrame(f *link.Frame, nonce string, asked time.Duration) error {
	switch {
	case f.Snapshot != nil:
		return l.takeSnapshot(*f.Snapshot)
	case f.Heartbeat != nil:
		return l.takeHeartbeat(*f.Heartbeat, nonce, asked)
	case f.Kill != nil:
		if _, ok := l.directory.Kill(f.Kill.Session, f.Kill.Reason); ok {
			l.log.Info("session ended by order", "session", f.Kill.Session)
		}
		l.reports.wakeUp()
	}
	return nil
}

// renew gets a certificate for a new key whenever a third of the present one's time is left.
func (l *Link) renew(ctx context.Context) {
	const retry = time.Minute
	for {
		pause := min(l.identity.Load().renewAt().Sub(l.wall()), time.Hour)
		if pause <= 0 {
			if err := l.renewNow(ctx); err != nil {
				l.log.Error("certificate not renewed", "expires", l.identity.Load().Certificate.Leaf.NotAfter, "error", err)
				pause = retry
			}
		}
		if !sleep(ctx, max(pause, time.Second)) {
			return
		}
	}
}

func (l *Link) renewNow(ctx context.Context) error {
	server := l.server.Load()
	if server == nil {
		return errors.New("no control plane is reached")
	}
	key, request, err := newKey()
	if err != nil {
		return err
	}
	var answer link.Renewed
	if err := post(ctx, l.client.Load(), *server, link.RenewPath, link.Renew{Request: request}, &answer); err != nil {
		return err
	}
	id, err := l.identity.Load().renewed(key, answer.Certificate)
	if err != nil {
		return err
	}
	if err := id.save(l.dir); err != nil {
		return err // the old one goes on counting until the new one is used
	}
	l.setIdentity(id)
	l.log.Info("certificate renewed", "expires", id.Certificate.Leaf.NotAfter)
	return nil
}
