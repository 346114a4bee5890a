package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/sallyport/sallyport/audit/recording"
	"github.com/sallyport/sallyport/link"
)

// Recordings are those of the gateway's own sessions; *recording.Store has them.
type Recordings interface {
	// Growing are those that are being written, as far as they can be read.
	Growing() []recording.Entry
	// Unshipped are the statements whose recordings are over and nowhere else yet, oldest first.
	Unshipped() ([]string, error)
	Entry(statement string) (recording.Entry, error)
	Shipped(statement string) error
}

const (
	// lookForGrowth is the pause between looks whether recordings have grown: what is shown here is at the control plane so much later.
	lookForGrowth = 200 * time.Millisecond
	// growTime bounds one shipment of pieces, which are piecesBytes together and maxPieces at most.
	growTime    = 30 * time.Second
	piecesBytes = 4 << 20
	maxPieces   = 512
	// askAgain is how long a control plane is taken for one that takes recordings whole alone.
	askAgain = time.Minute
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

// recordingShipper sends recordings to the control plane that is followed: what they have grown by while they grow, and their end when they
// are over. The files are its buffer: terminals never wait for it.
type recordingShipper struct {
	link       *Link
	recordings Recordings

	server   string           // that what follows is about
	sent     map[string]int64 // how far recordings are there, in bytes
	waits    map[string]time.Time
	refused  map[string]bool // those that a control plane will not take
	over     []recording.Entry
	looked   time.Time // for those that are over
	oldUntil time.Time // it takes recordings whole alone; asked again then
}

func newRecordingShipper(l *Link, recordings Recordings) *recordingShipper {
	return &recordingShipper{link: l, recordings: recordings, refused: map[string]bool{}}
}

// run ships until ctx ends.
func (s *recordingShipper) run(ctx context.Context) {
	pause, trouble := lookForGrowth, ""
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
			pause, trouble = lookForGrowth, ""
			continue
		}
		if err.Error() != trouble {
			s.link.log.Warn("recordings are not shipped; trying again", "error", err)
		}
		pause, trouble = min(2*pause, lastShipPause), err.Error()
	}
}

// ship sends what is new since it was called last.
func (s *recordingShipper) ship(ctx context.Context, server string) error {
	if server != s.server {
		s.server, s.sent, s.waits, s.looked, s.oldUntil = server, map[string]int64{}, map[string]time.Time{}, time.Time{}, time.Time{}
	}
	look := time.Since(s.looked) >= lookForRecordings
	if look {
		if err := s.lookForOver(); err != nil {
			return err
		}
		s.looked = time.Now()
	}
	if time.Now().After(s.oldUntil) {
		err := s.grow(ctx)
		if !saidNotFound(err) {
			if err == nil && look {
				err = s.finish(ctx)
			}
			return err
		}
		s.oldUntil = time.Now().Add(askAgain)
		s.link.log.Info("the control plane takes recordings when they are over; they cannot be watched there before", "server", server)
	}
	if !look {
		return nil
	}
	return s.shipWhole(ctx)
}

// saidNotFound says that the control plane knows no such route.
func saidNotFound(err error) bool {
	var said *refused
	return errors.As(err, &said) && said.status == http.StatusNotFound
}

// lookForOver finds the recordings that are over and not finished.
func (s *recordingShipper) lookForOver() error {
	waiting, err := s.recordings.Unshipped()
	if err != nil {
		return err
	}
	s.over = s.over[:0]
	for _, statement := range waiting {
		if s.refused[statement] {
			continue
		}
		e, err := s.recordings.Entry(statement)
		if errors.Is(err, recording.ErrNotFound) { // retention was faster, or it was never begun
			err = s.recordings.Shipped(statement)
			e.Statement = ""
		}
		if err != nil {
			return err
		}
		if e.Statement != "" {
			s.over = append(s.over, e)
		}
	}
	return nil
}

// grow sends what recordings have grown by, until all of it is there.
func (s *recordingShipper) grow(ctx context.Context) error {
	for ctx.Err() == nil {
		due := s.due()
		if len(due) == 0 {
			return nil
		}
		pieces, content, err := s.pieces(due)
		if err != nil || len(pieces) == 0 {
			return err
		}
		var answers []link.Taken
		post := call{method: http.MethodPost, path: link.RecordingsPath, within: growTime,
			body: &body{content: bytes.NewReader(content), length: int64(len(content)), kind: binary}}
		if err := post.do(ctx, s.link.client.Load(), s.server, &answers); err != nil {
			return err
		}
		if len(answers) != len(pieces) {
			return errors.New("the control plane's answer is about other recordings")
		}
		for i, p := range pieces {
			s.note(p, answers[i])
		}
	}
	return ctx.Err()
}

// due are the recordings of which something is not there, the ones with the least of it first: so none waits behind a long one.
func (s *recordingShipper) due() []recording.Entry {
	now := time.Now()
	due := slices.Concat(s.recordings.Growing(), s.over)
	due = slices.DeleteFunc(due, func(e recording.Entry) bool {
		sent, asked := s.sent[e.Statement]
		return asked && sent >= e.Size || s.refused[e.Statement] || now.Before(s.waits[e.Statement])
	})
	slices.SortStableFunc(due, func(a, b recording.Entry) int {
		return cmp.Compare(a.Size-s.sent[a.Statement], b.Size-s.sent[b.Statement])
	})
	return due[:min(len(due), maxPieces)]
}

// pieces is a request's content: what comes next of each, and of those that were not asked about yet, the question how far they are there.
func (s *recordingShipper) pieces(due []recording.Entry) (pieces []link.Piece, content []byte, err error) {
	room := int64(piecesBytes)
	for _, e := range due {
		sent, asked := s.sent[e.Statement]
		p := link.Piece{Statement: e.Statement, Offset: sent}
		if asked {
			if p.Size = min(e.Size-sent, recording.MaxPiece); p.Size > room {
				break
			}
		}
		line, err := json.Marshal(p)
		if err != nil {
			return nil, nil, fmt.Errorf("encode piece of recording: %w", err)
		}
		content = append(append(content, line...), '\n')
		if content, err = s.appendPiece(content, e, p); err != nil {
			return nil, nil, err
		}
		pieces, room = append(pieces, p), room-p.Size
	}
	return pieces, content, nil
}

func (s *recordingShipper) appendPiece(content []byte, e recording.Entry, p link.Piece) ([]byte, error) {
	if p.Size == 0 {
		return content, nil
	}
	f, err := os.Open(e.Path)
	if err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	defer f.Close()
	at := len(content)
	content = slices.Grow(content, int(p.Size))[:at+int(p.Size)]
	if _, err := f.ReadAt(content[at:], p.Offset); err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	return content, nil
}

// note notes what became of a piece.
func (s *recordingShipper) note(p link.Piece, t link.Taken) {
	switch {
	case t.Refused != "":
		s.refuse(p.Statement, t.Refused)
	case t.Wait != "":
		s.waits[p.Statement] = time.Now().Add(lookForRecordings)
	case p.Size > 0 && t.Size == p.Offset:
		s.refuse(p.Statement, "a frame of it is not whole")
	default:
		s.sent[p.Statement] = t.Size
	}
}

func (s *recordingShipper) refuse(statement, reason string) {
	s.link.log.Error("a recording is not taken; it stays here", "statement", statement, "error", reason)
	s.refused[statement] = true
}

// finish ends those all of which is there.
func (s *recordingShipper) finish(ctx context.Context) error {
	for _, e := range s.over {
		if sent, asked := s.sent[e.Statement]; s.refused[e.Statement] || !asked || sent < e.Size {
			continue
		}
		end := call{method: http.MethodPost, path: link.RecordingsPath + "/" + e.Statement, within: answerTimeout}
		if err := s.settle(e.Statement, end.do(ctx, s.link.client.Load(), s.server, nil)); err != nil {
			return err
		}
	}
	return nil
}

// settle takes the answer to what ends a recording there. An error ends the round.
func (s *recordingShipper) settle(statement string, err error) error {
	var said *refused
	switch {
	case err == nil:
		delete(s.sent, statement)
		delete(s.waits, statement)
		return s.recordings.Shipped(statement)
	case !errors.As(err, &said):
		return err
	case said.status == http.StatusPreconditionFailed: // what the record says of it is still under way
	case said.status == http.StatusConflict: // it has less than it said
		delete(s.sent, statement)
	case said.status == http.StatusUnprocessableEntity, said.status == http.StatusRequestEntityTooLarge:
		s.refuse(statement, said.detail)
	default:
		return err
	}
	return nil
}

// shipWhole sends those that are over to a control plane that takes them whole.
func (s *recordingShipper) shipWhole(ctx context.Context) error {
	for _, e := range s.over {
		if s.refused[e.Statement] {
			continue
		}
		if err := s.settle(e.Statement, s.put(ctx, e)); err != nil {
			return err
		}
	}
	return nil
}

func (s *recordingShipper) put(ctx context.Context, e recording.Entry) error {
	f, err := os.Open(e.Path)
	if err != nil {
		return fmt.Errorf("read recording: %w", err)
	}
	defer f.Close()
	content := &body{content: io.NopCloser(f), length: e.Size, kind: binary}
	put := call{method: http.MethodPut, path: link.RecordingsPath + "/" + e.Statement, body: content, within: recordingTime}
	return put.do(ctx, s.link.client.Load(), s.server, nil)
}
