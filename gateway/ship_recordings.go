package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/sallyport/sallyport/audit/recording"
	"github.com/sallyport/sallyport/link"
)

// Recordings are those of the gateway's own sessions; *recording.Store has them.
type Recordings interface {
	// Unshipped are the statements whose recordings are over and nowhere else yet, oldest first.
	Unshipped() ([]string, error)
	File(statement string) (*os.File, error)
	Shipped(statement string) error
}

const (
	// lookForRecordings is the pause between looks whether a recording is over.
	lookForRecordings = time.Second
	// recordingTime bounds the shipment of one recording.
	recordingTime = time.Hour
)

// RecordingsRecipient is the age recipient that recordings are sealed to; empty while no control plane has said so.
func (l *Link) RecordingsRecipient() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.engine == nil {
		return ""
	}
	return l.engine.Snapshot().RecordingsRecipient
}

// recordingShipper sends recordings that are over to the control plane that is followed.
type recordingShipper struct {
	link       *Link
	recordings Recordings

	refused map[string]bool // those that a control plane will not take
}

// run ships until ctx ends.
func (s *recordingShipper) run(ctx context.Context) {
	pause, trouble := lookForRecordings, ""
	for sleep(ctx, pause) {
		server := s.link.server.Load()
		if server == nil {
			continue
		}
		err := s.ship(ctx, *server)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			pause, trouble = lookForRecordings, ""
			continue
		}
		if err.Error() != trouble {
			s.link.log.Warn("recordings are not shipped; trying again", "error", err)
		}
		pause, trouble = min(2*pause, refusedPause), err.Error()
	}
}

// ship sends what is over.
func (s *recordingShipper) ship(ctx context.Context, server string) error {
	waiting, err := s.recordings.Unshipped()
	if err != nil {
		return err
	}
	for _, statement := range waiting {
		if s.refused[statement] {
			continue
		}
		err := s.send(ctx, server, statement)
		var said *refused
		switch {
		case err == nil:
		case !errors.As(err, &said):
			return err
		case said.status == http.StatusPreconditionFailed: // what the record says of it is still under way
		case said.status == http.StatusUnprocessableEntity, said.status == http.StatusRequestEntityTooLarge:
			s.link.log.Error("a recording is not taken; it stays here", "statement", statement, "error", err)
			s.refused[statement] = true
		default:
			return err
		}
	}
	return nil
}

func (s *recordingShipper) send(ctx context.Context, server, statement string) error {
	f, err := s.recordings.File(statement)
	if errors.Is(err, recording.ErrNotFound) { // retention was faster, or it was never begun
		return s.recordings.Shipped(statement)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read recording: %w", err)
	}
	content := &body{content: io.NopCloser(f), length: info.Size(), kind: binary}
	put := call{method: http.MethodPut, path: link.RecordingsPath + "/" + statement, body: content, within: recordingTime}
	if err := put.do(ctx, s.link.client.Load(), server, nil); err != nil {
		return err
	}
	return s.recordings.Shipped(statement)
}
