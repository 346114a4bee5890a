package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/recording"
	"github.com/sallyport/sallyport/link"
)

const (
	// maxPieces bounds the pieces of one request.
	maxPieces = 1024
	// maxGrowing bounds the requests with pieces that are in memory at a time. Further ones wait.
	maxGrowing = 8
	// unrecorded is how far from now a statement's own time may be while the record has nothing of it: what runs is sent at once, ahead of
	// its record; what is older waits for that.
	unrecorded = 10 * time.Minute
	// maxAlarms bounds the recordings that are remembered because they were refused.
	maxAlarms = 10_000
)

// alarm is about what a gateway sends for a statement.
type alarm struct{ gateway, statement string }

// growingRecordings is what is known of recordings that gateways send while they grow, beside these.
type growingRecordings struct {
	room chan struct{} // holds one for each request with pieces

	mu      sync.Mutex
	alarmed map[alarm]bool // of these the record says already that something was refused
}

func newGrowingRecordings() *growingRecordings {
	return &growingRecordings{room: make(chan struct{}, maxGrowing), alarmed: map[alarm]bool{}}
}

// isNew says that a refusal is to be told: once for each statement, as long as that is remembered.
func (g *growingRecordings) isNew(a alarm) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.alarmed[a] {
		return false
	}
	if len(g.alarmed) >= maxAlarms {
		clear(g.alarmed)
	}
	g.alarmed[a] = true
	return true
}

// errPieces says that a request does not bring what it should.
var errPieces = &refusal{status: http.StatusBadRequest, sentence: "the request's pieces of recordings cannot be read"}

// growRecordings takes what recordings of the gateway's own have grown by.
func (s *Service) growRecordings(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	select {
	case s.growing.room <- struct{}{}:
		defer func() { <-s.growing.room }()
	case <-r.Context().Done():
		return r.Context().Err()
	}
	if err := moreTime(w); err != nil {
		return err
	}
	in := bufio.NewReaderSize(r.Body, link.MaxPieceLine)
	answers := []link.Taken{}
	for buf := (bytes.Buffer{}); ; buf.Reset() {
		p, err := readPiece(in, &buf)
		if errors.Is(err, io.EOF) {
			return writeLink(w, answers)
		}
		if err != nil || len(answers) == maxPieces {
			return errPieces
		}
		taken, err := s.growRecording(r.Context(), g, p, buf.Bytes())
		if err != nil {
			return err
		}
		answers = append(answers, taken)
	}
}

// readPiece reads the next piece, its bytes into buf: io.EOF behind the last.
func readPiece(in *bufio.Reader, buf *bytes.Buffer) (link.Piece, error) {
	var p link.Piece
	line, err := in.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(line) == 0 {
		return p, io.EOF
	}
	if err != nil || json.Unmarshal(line, &p) != nil || p.Size < 0 || p.Size > recording.MaxPiece {
		return p, errPieces
	}
	if _, err := io.CopyN(buf, in, p.Size); err != nil {
		return p, errPieces
	}
	return p, nil
}

// growRecording takes one piece. An error is that of the whole request, which comes again.
func (s *Service) growRecording(ctx context.Context, g store.Gateway, p link.Piece, b []byte) (link.Taken, error) {
	if s.recordings.Shipped.Sender(p.Statement) != g.Name {
		if no, err := s.mayBegin(ctx, g, p.Statement); err != nil || no != (link.Taken{}) {
			return no, err
		}
	}
	size, err := s.recordings.Shipped.Grow(p.Statement, g.Name, p.Offset, b)
	switch {
	case errors.Is(err, recording.ErrDiffers), errors.Is(err, recording.ErrTaken):
		return s.refuseRecording(ctx, g, p.Statement, err.Error())
	case errors.Is(err, recording.ErrForeign):
		return link.Taken{Size: size, Refused: err.Error()}, nil
	case errors.Is(err, recording.ErrTooMany):
		return link.Taken{Wait: err.Error()}, nil
	}
	return link.Taken{Size: size}, err
}

// mayBegin says what keeps the gateway from sending the recording of a statement, if anything does.
func (s *Service) mayBegin(ctx context.Context, g store.Gateway, statement string) (link.Taken, error) {
	began, err := recording.TimeOf(statement)
	if err != nil {
		return link.Taken{Refused: "this is no statement's ID"}, nil //nolint:nilerr // the gateway is told
	}
	e, err := s.searcher.Get(ctx, statement)
	switch {
	case errors.Is(err, audit.ErrNotFound):
		if s.now().Sub(began).Abs() > unrecorded {
			return link.Taken{Wait: "the record of this statement comes first"}, nil
		}
		return link.Taken{}, nil
	case err != nil:
		return link.Taken{}, err
	case e.Gateway != g.Name:
		return s.refuseRecording(ctx, g, statement, notItsOwn)
	}
	return link.Taken{}, nil
}

// refuseRecording refuses what looks like an attempt at what was sent before, or at what is another's, once that is on the record.
func (s *Service) refuseRecording(ctx context.Context, g store.Gateway, statement, reason string) (link.Taken, error) {
	if s.growing.isNew(alarm{g.Name, statement}) {
		s.log.Error("a gateway's recording is refused", "gateway", g.Name, "statement", statement, "reason", reason)
		of := map[string]string{"statement": statement}
		if err := s.record(ctx, act{action: "gateways.recording.refused", target: g.Name, denied: reason, before: of}); err != nil {
			return link.Taken{}, err
		}
	}
	return link.Taken{Refused: reason}, nil
}

// finishRecording ends a recording all of which was sent: it must be what the record says.
func (s *Service) finishRecording(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	statement := r.PathValue("statement")
	want, err := s.recordingSaid(r.Context(), statement, g)
	if err != nil {
		return err
	}
	if err := moreTime(w); err != nil {
		return err
	}
	err = s.recordings.Shipped.Finish(statement, g.Name, want)
	switch {
	case errors.Is(err, recording.ErrUnfinished):
		return conflict("the rest of the recording comes first")
	case errors.Is(err, recording.ErrForeign), errors.Is(err, recording.ErrTaken):
		if _, told := s.refuseRecording(r.Context(), g, statement, err.Error()); told != nil {
			return told
		}
		return &refusal{status: http.StatusUnprocessableEntity, sentence: err.Error()}
	case err != nil:
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
