package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/proof"
)

// Prover proves that events stand in the record.
type Prover interface {
	// Prove proves the event of that ID and, when its result is known, the result. A record that no checkpoint holds yet
	// is waited for, as long as ctx lasts. audit.ErrNotFound when there is no such event.
	Prove(ctx context.Context, id string) (proof.Proof, error)
	// Checkpoint is the latest signed checkpoint, as a signed note; empty while there is none.
	Checkpoint() string
	// Key is the public key that checkpoints are verified with, in the form of sumdb/note.
	Key() string
	// Trouble is why nothing is signed at present; empty when nothing is wrong.
	Trouble() string
	// Witnesses says how those do who keep checkpoints elsewhere.
	Witnesses() []proof.WitnessStatus
}

type histogramQuery struct {
	Matching
	Step int64  `query:"step" minimum:"0" maximum:"31536000" doc:"Width of a bucket in seconds; 0 chooses one"`
	By   string `query:"by" maxLength:"40" doc:"Count this field's ten most frequent values within each bucket"`
}

type topQuery struct {
	Matching
	Field string        `query:"field" required:"true" maxLength:"40" doc:"The field whose values are ranked, such as user"`
	N     int           `query:"n" minimum:"1" maximum:"1000" doc:"How many values; default 10"`
	By    audit.Measure `query:"by" enum:"count,duration,rows,bytes" doc:"What they are ranked by; default count"`
}

type countQuery struct {
	Matching
	Limit int64 `query:"limit" minimum:"0" doc:"Stop counting here; 0 counts all"`
}

// auditStatus says how the record stands.
type auditStatus struct {
	Index audit.Progress `json:"index"`
	// Checkpoint and Key are empty when the server proves nothing.
	Checkpoint string `json:"checkpoint,omitempty" doc:"The latest signed checkpoint (a signed note)"`
	Key        string `json:"key,omitempty" doc:"The public key that checkpoints are verified with"`
	// Trouble is a sentence: why nothing is signed at present.
	Trouble   string                `json:"trouble,omitempty" doc:"Why nothing is signed at present"`
	Witnesses []proof.WitnessStatus `json:"witnesses,omitempty" doc:"How those do who keep checkpoints elsewhere"`
}

func (s *Service) registerAuditSums(a *api) {
	add(a, route{method: http.MethodGet, path: "/audit/histogram", id: "audit-histogram", summary: "Count events over time", level: reader,
		description: "Without a step one is chosen for the events' own span."},
		func(ctx context.Context, in *histogramQuery) (*answer[audit.Histogram], error) {
			ctx, cancel := in.bounded(ctx)
			defer cancel()
			h, err := s.searcher.Histogram(ctx, audit.HistogramQuery{
				Query: in.query(), Step: time.Duration(in.Step) * time.Second, By: in.By,
			})
			return &answer[audit.Histogram]{Body: h}, err
		})
	add(a, route{method: http.MethodGet, path: "/audit/top", id: "audit-top", summary: "Rank a field's values", level: reader},
		func(ctx context.Context, in *topQuery) (*answer[audit.Top], error) {
			ctx, cancel := in.bounded(ctx)
			defer cancel()
			t, err := s.searcher.Top(ctx, audit.TopQuery{Query: in.query(), Field: in.Field, N: in.N, By: in.By})
			return &answer[audit.Top]{Body: t}, err
		})
	add(a, route{method: http.MethodGet, path: "/audit/count", id: "audit-count", summary: "Count events", level: reader},
		func(ctx context.Context, in *countQuery) (*answer[audit.Count], error) {
			ctx, cancel := in.bounded(ctx)
			defer cancel()
			c, err := s.searcher.Count(ctx, in.query(), in.Limit)
			return &answer[audit.Count]{Body: c}, err
		})
	add(a, route{method: http.MethodGet, path: "/audit/status", id: "audit-status", summary: "Say how the record stands: index and checkpoint", level: reader},
		func(context.Context, *struct{}) (*answer[auditStatus], error) {
			st := auditStatus{Index: s.searcher.Progress()}
			if s.prover != nil {
				st.Checkpoint, st.Key = s.prover.Checkpoint(), s.prover.Key()
				st.Trouble, st.Witnesses = s.prover.Trouble(), s.prover.Witnesses()
			}
			return &answer[auditStatus]{Body: st}, nil
		})
	add(a, route{method: http.MethodGet, path: "/audit/events/{id}/proof", id: "prove-audit-event", summary: "Prove that an event stands in the record", level: reader,
		description: "The proof is checked offline with the public key: sally audit check."},
		func(ctx context.Context, in *byID) (*answer[proof.Proof], error) {
			if s.prover == nil {
				return nil, &refusal{status: http.StatusNotImplemented, sentence: "this server keeps no checkpoints"}
			}
			ctx, cancel := context.WithTimeout(ctx, searchTime)
			defer cancel()
			p, err := s.prover.Prove(ctx, in.ID)
			return &answer[proof.Proof]{Body: p}, err
		})
}
