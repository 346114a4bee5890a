package admin

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/audit/copies"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
	"github.com/sallyport/sallyport/link"
)

// GatewayRecords keeps the journals of gateways that run elsewhere; *copies.Store does.
type GatewayRecords interface {
	End(ctx context.Context, from copies.Sender) (copies.End, error)
	Append(ctx context.Context, from copies.Sender, segment uint64, offset int64, lines []byte) (copies.End, error)
	AddSideFile(ctx context.Context, from copies.Sender, sum string, r io.Reader) error
	Prove(ctx context.Context, from copies.Sender, b proof.Bundle) (copies.End, error)
	Begin(ctx context.Context, from copies.Sender, reason string) (copies.End, error)
	// Records is the number after the last record of the gateway's copy; false when there is none.
	Records(gateway string) (uint64, bool)
	// Diverged says why nothing is taken of the gateway's journal any more; empty while all is well.
	Diverged(gateway string) string
}

const (
	// journalTime bounds how long a gateway may take to send lines or a side file, and their copying.
	journalTime = 2 * time.Minute
	// maxProof bounds a bundle of checkpoints, in bytes; maxSideFile a side file, which holds a statement or a parameter.
	maxProof    = 16 << 20
	maxSideFile = 1 << 30
	// maxShipments bounds the requests with lines that are in memory at a time. Further ones wait.
	maxShipments = 8
)

// gatewayJournals is what this control plane knows of gateways' journals beside their copies.
type gatewayJournals struct {
	records GatewayRecords // nil: none are kept here
	room    chan struct{}  // holds one for each request with lines

	mu     sync.Mutex
	states map[string]link.Journal // as reported last
}

func newGatewayJournals(records GatewayRecords) *gatewayJournals {
	return &gatewayJournals{records: records, room: make(chan struct{}, maxShipments), states: map[string]link.Journal{}}
}

// note remembers what a gateway says of its journal.
func (j *gatewayJournals) note(gateway string, state *link.Journal) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if state == nil {
		delete(j.states, gateway)
		return
	}
	const longest = 500
	kept := *state
	kept.Trouble = kept.Trouble[:min(len(kept.Trouble), longest)]
	j.states[gateway] = kept
}

// journalStatus is how far the copy of a gateway's journal is.
type journalStatus struct {
	Records    uint64  `json:"records" doc:"That are here, and can be searched"`
	Behind     uint64  `json:"behind" doc:"Records that the gateway has and that are not here yet, by its last report"`
	LagSeconds float64 `json:"lag_seconds" doc:"Age of the oldest of these; 0 when there is none"`
	Trouble    string  `json:"trouble,omitempty" doc:"A sentence: why it does not go on"`
	Diverged   string  `json:"diverged,omitempty" doc:"Why nothing is taken any more: what the gateway sends is not what it sent before"`
}

// status is nil when nothing is known.
func (j *gatewayJournals) status(gateway string, now time.Time) *journalStatus {
	if j.records == nil {
		return nil
	}
	records, copied := j.records.Records(gateway)
	j.mu.Lock()
	reported, known := j.states[gateway]
	j.mu.Unlock()
	if !copied && !known {
		return nil
	}
	s := &journalStatus{Records: records, Trouble: reported.Trouble, Diverged: j.records.Diverged(gateway)}
	if reported.Records > records {
		s.Behind = reported.Records - records
		if !reported.Oldest.IsZero() {
			s.LagSeconds = max(0, now.Sub(reported.Oldest).Seconds())
		}
	}
	return s
}

// sender is the gateway that calls, as the copies know it.
func (s *Service) sender(g store.Gateway) copies.Sender {
	return copies.Sender{Gateway: g.Name, Enrolment: g.Enrolment, Recorder: journalActs{s}}
}

// journalActs puts into the record what happens to gateways' journals, in the name of the gateway.
type journalActs struct{ service *Service }

func (a journalActs) Begun(ctx context.Context, gateway, after string) error {
	var before any
	if after != "" {
		before = map[string]string{"copy": after}
	}
	return a.service.record(ctx, act{action: "gateways.journal.begun", target: gateway, before: before})
}

func (a journalActs) Trusted(ctx context.Context, gateway, key string) error {
	return a.service.record(ctx, act{action: "gateways.journal.key", target: gateway, after: map[string]string{"key": key}})
}

func (a journalActs) Diverged(ctx context.Context, gateway string, d *copies.Divergence) error {
	return a.service.record(ctx, act{action: "gateways.journal.diverged", target: gateway, denied: d.Reason, before: map[string]string{"copy": d.Copy}})
}

// journalEnd tells the gateway where the copy of its journal ends.
func (s *Service) journalEnd(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	end, err := s.journals.records.End(r.Context(), s.sender(g))
	return s.answerEnd(w, end, err)
}

// answerEnd answers with the copy's end, or with why nothing was taken.
func (s *Service) answerEnd(w http.ResponseWriter, end copies.End, err error) error {
	var diverged *copies.Divergence
	var missing *journal.MissingSideFile
	switch {
	case err == nil:
		return writeLink(w, end)
	case errors.As(err, &diverged):
		return conflict("the record that was copied here is another one than this gateway's: %s; if the gateway was set up anew, join it again with: sally admin gateways token NAME",
			diverged.Reason)
	case errors.As(err, &missing):
		return &refusal{status: http.StatusUnprocessableEntity, kind: link.MissingSideFileType, sentence: missing.Error()}
	case errors.Is(err, journal.ErrAhead), errors.Is(err, proof.ErrNotNext), errors.Is(err, proof.ErrRecordsFirst):
		return &refusal{status: http.StatusPreconditionFailed, sentence: err.Error()}
	}
	return err
}

// moreTime gives the gateway time to send what it has, and us to write it down.
func moreTime(w http.ResponseWriter) error {
	control, deadline := http.NewResponseController(w), time.Now().Add(journalTime)
	return errors.Join(control.SetReadDeadline(deadline), control.SetWriteDeadline(deadline))
}

// takeLines takes lines of the gateway's journal.
func (s *Service) takeLines(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	segment, err := strconv.ParseUint(r.URL.Query().Get(link.SegmentParam), 10, 64)
	offset, offsetErr := strconv.ParseInt(r.URL.Query().Get(link.OffsetParam), 10, 64)
	if err != nil || offsetErr != nil {
		return &refusal{status: http.StatusBadRequest, sentence: "say where the lines stand"}
	}
	select {
	case s.journals.room <- struct{}{}:
		defer func() { <-s.journals.room }()
	case <-r.Context().Done():
		return r.Context().Err()
	}
	if err := moreTime(w); err != nil {
		return err
	}
	lines, err := readPacked(r, link.MaxLines)
	if err != nil {
		return err
	}
	end, err := s.journals.records.Append(r.Context(), s.sender(g), segment, offset, lines)
	return s.answerEnd(w, end, err)
}

// readPacked reads a body that may be compressed, up to so many bytes.
func readPacked(r *http.Request, limit int64) ([]byte, error) {
	unreadable := &refusal{status: http.StatusBadRequest, sentence: "the request's body cannot be read"}
	var in io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, unreadable
		}
		in = unpacked
	}
	b, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, unreadable
	}
	if int64(len(b)) > limit {
		return nil, &refusal{status: http.StatusRequestEntityTooLarge, sentence: "the request's body is too long"}
	}
	return b, nil
}

// takeSideFile takes a side file of the gateway's journal.
func (s *Service) takeSideFile(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	if err := moreTime(w); err != nil {
		return err
	}
	err := s.journals.records.AddSideFile(r.Context(), s.sender(g), r.PathValue("sum"), r.Body)
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return &refusal{status: http.StatusRequestEntityTooLarge, sentence: "the side file is too long"}
	case errors.Is(err, journal.ErrForeign):
		return &refusal{status: http.StatusUnprocessableEntity, sentence: err.Error()}
	case err != nil:
		return s.answerEnd(w, copies.End{}, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// takeProof takes checkpoints of the gateway's journal, once they have held against the copy.
func (s *Service) takeProof(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	if err := moreTime(w); err != nil {
		return err
	}
	b, err := readPacked(r, maxProof)
	if err != nil {
		return err
	}
	var bundle proof.Bundle
	if err := json.Unmarshal(b, &bundle); err != nil {
		return &refusal{status: http.StatusBadRequest, sentence: "the request does not have the form that this route takes"}
	}
	end, err := s.journals.records.Prove(r.Context(), s.sender(g), bundle)
	return s.answerEnd(w, end, err)
}

// beginJournal begins another copy for a gateway that was set up anew.
func (s *Service) beginJournal(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	reason := r.URL.Query().Get(link.ReasonParam)
	end, err := s.journals.records.Begin(r.Context(), s.sender(g), reason[:min(len(reason), maxText)])
	return s.answerEnd(w, end, err)
}

// journalBound bounds the bodies of requests below link.JournalPath; ok is false for others.
func journalBound(path string) (bound int64, ok bool) {
	switch {
	case path == link.LinesPath:
		return link.MaxLines, true
	case path == link.ProofPath:
		return maxProof, true
	case strings.HasPrefix(path, link.SideFilesPath+"/"):
		return maxSideFile, true
	}
	return 0, false
}
