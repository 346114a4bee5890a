package admin

import (
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
	return []linkRoute{{"PUT " + link.RecordingsPath + "/{statement}", s.takeRecording}}
}

// isRecordingPath says that a request brings a recording.
func isRecordingPath(path string) bool { return strings.HasPrefix(path, link.RecordingsPath+"/") }

// takeRecording takes a recording that is over, whole: of a statement of the gateway's own, whose result has come before and tells of it.
func (s *Service) takeRecording(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	statement := r.PathValue("statement")
	e, err := s.searcher.Get(r.Context(), statement)
	if errors.Is(err, audit.ErrNotFound) || err == nil && !e.Done {
		return &refusal{status: http.StatusPreconditionFailed, sentence: "the record of this statement and of its result comes first"}
	}
	if err != nil {
		return err
	}
	if e.Gateway != g.Name {
		return &refusal{status: http.StatusUnprocessableEntity, sentence: "this statement is another gateway's"}
	}
	if e.Recording == nil {
		return &refusal{status: http.StatusUnprocessableEntity, sentence: "the record of this statement tells of no recording"}
	}
	control := http.NewResponseController(w)
	err = s.recordings.Shipped.Take(statement, e.Recording, &patientReader{r: r.Body, control: control})
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
