package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/recording"
	"github.com/sallyport/sallyport/link"
)

// maxRecording bounds a recording that a gateway sends, in bytes.
const maxRecording = 64 << 30

// recordingLinkRoutes are the routes by which gateways send their recordings.
func (s *Service) recordingLinkRoutes() []linkRoute {
	if s.recordings.Shipped == nil {
		return nil
	}
	return []linkRoute{
		{"POST " + link.RecordingsPath, s.growRecordings},
		{"POST " + link.RecordingsPath + "/{statement}", s.finishRecording},
		{"PUT " + link.RecordingsPath + "/{statement}", s.takeRecording},
	}
}

// recordingBound bounds the bodies of requests with recordings; ok is false for others.
func recordingBound(path string) (bound int64, ok bool) {
	switch {
	case path == link.RecordingsPath:
		return link.MaxPieces + maxPieces*link.MaxPieceLine, true
	case strings.HasPrefix(path, link.RecordingsPath+"/"):
		return maxRecording, true
	}
	return 0, false
}

// recordingSaid is what the record says of the recording of a statement of the gateway's own, once it has its result.
func (s *Service) recordingSaid(ctx context.Context, statement string, g store.Gateway) (audit.Recording, error) {
	e, err := s.searcher.Get(ctx, statement)
	switch {
	case errors.Is(err, audit.ErrNotFound) || err == nil && !e.Done:
		return audit.Recording{}, &refusal{status: http.StatusPreconditionFailed, sentence: "the record of this statement and of its result comes first"}
	case err != nil:
		return audit.Recording{}, err
	case e.Gateway != g.Name:
		return audit.Recording{}, &refusal{status: http.StatusUnprocessableEntity, sentence: notItsOwn}
	case e.Recording == nil:
		return audit.Recording{}, &refusal{status: http.StatusUnprocessableEntity, sentence: "the record of this statement tells of no recording"}
	}
	return *e.Recording, nil
}

const notItsOwn = "this statement is another gateway's"

// takeRecording takes a recording that is over, whole: of a statement of the gateway's own, whose result has come before and tells of it.
func (s *Service) takeRecording(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	statement := r.PathValue("statement")
	want, err := s.recordingSaid(r.Context(), statement, g)
	if err != nil {
		return err
	}
	control := http.NewResponseController(w)
	err = s.recordings.Shipped.Take(statement, &want, &patientReader{r: r.Body, control: control})
	if deadline := control.SetWriteDeadline(time.Now().Add(journalTime)); err == nil {
		err = deadline
	}
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return &refusal{status: http.StatusRequestEntityTooLarge, sentence: "the recording is too long"}
	case errors.Is(err, recording.ErrForeign):
		return &refusal{status: http.StatusUnprocessableEntity, sentence: err.Error()}
	case err != nil:
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// patientReader gives each read its own time, since a recording may be long and the line slow.
type patientReader struct {
	r       io.Reader
	control *http.ResponseController
}

func (p *patientReader) Read(b []byte) (int, error) {
	if err := p.control.SetReadDeadline(time.Now().Add(exportWriteTime)); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}
