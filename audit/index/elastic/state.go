package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// state is how far a gateway's journal is in the cluster. It stands in the cluster itself: one that is new, or was set
// back to an earlier snapshot, says so and is filled again.
type state struct {
	Gateway string `json:"gateway"`
	// Next is the record from which to go on; those before it were acknowledged.
	Next uint64 `json:"next"`
	// Order is the latest time of the records before Next, in microseconds.
	Order int64 `json:"order_us"`
	// LastID is the ID of the record before Next: a journal that has another one there is another journal.
	LastID string `json:"last_id"`
	// Visible is the record before which all can be found.
	Visible uint64 `json:"visible"`
}

func (ix *Index) statePath() string {
	return "/" + ix.config.stateIndex() + "/_doc/" + url.PathEscape(ix.gateway)
}

// makeState makes the index of states, which no template makes.
func (ix *Index) makeState(ctx context.Context) error {
	err := ix.client.ask(ctx, http.MethodPut, "/"+ix.config.stateIndex(), dsl{
		"settings": dsl{"index.number_of_shards": 1, "index.number_of_replicas": *ix.config.Replicas,
			"index.refresh_interval": ix.config.refreshInterval()},
		"mappings": dsl{"dynamic": false, "properties": dsl{"gateway": keyword(true)}},
	}, nil)
	var answer *statusError
	if errors.As(err, &answer) && answer.kind == "resource_already_exists_exception" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("make index of states: %w", err)
	}
	return nil
}

// readState is where this gateway goes on: at the beginning of its journal when the cluster does not know it.
func (ix *Index) readState(ctx context.Context) (state, error) {
	fresh := state{Gateway: ix.gateway}
	var answer struct {
		Found  bool  `json:"found"`
		Source state `json:"_source"`
	}
	err := ix.client.ask(ctx, http.MethodGet, ix.statePath(), nil, &answer)
	if hasStatus(err, http.StatusNotFound) {
		return fresh, nil
	}
	if err != nil {
		return fresh, fmt.Errorf("read state: %w", err)
	}
	s := answer.Source
	same, err := ix.hasRecord(s)
	if err != nil {
		return fresh, err
	}
	if !same {
		ix.log.Warn("the cluster knows another journal of this gateway; all of this one is sent", "index", kind,
			"gateway", ix.gateway, "known_records", s.Next)
		return fresh, nil
	}
	return s, nil
}

// hasRecord says whether the journal has the record that the state ends with, as far as it can tell: old records may have
// been removed, and damaged ones do not read.
func (ix *Index) hasRecord(s state) (bool, error) {
	if s.Next == 0 {
		return true, nil
	}
	if s.Next > ix.journal.Written() {
		return false, nil
	}
	r := ix.journal.Reader(s.Next - 1)
	defer r.Close()
	rec, err := r.Next()
	var corrupt *journal.CorruptError
	switch {
	case errors.As(err, &corrupt), errors.Is(err, io.EOF):
		return true, nil
	case err != nil:
		return false, err
	case rec.Seq != s.Next-1:
		return true, nil
	}
	var e audit.Event
	if err := json.Unmarshal(rec.JSON, &e); err != nil {
		return true, nil //nolint:nilerr // a record that does not decode tells nothing
	}
	return e.ID == s.LastID, nil
}

func (ix *Index) writeState(ctx context.Context, s state) error {
	if err := ix.client.ask(ctx, http.MethodPut, ix.statePath(), s, nil); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

const maxGateways = 1000

// states are those of all gateways that write to the cluster. A gateway that is new may be missing for a second.
func (ix *Index) states(ctx context.Context) ([]state, error) {
	var answer struct {
		Hits struct {
			Hits []struct {
				Source state `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	path := fmt.Sprintf("/%s/_search?ignore_unavailable=true&size=%d", ix.config.stateIndex(), maxGateways)
	if err := ix.client.ask(ctx, http.MethodPost, path, dsl{"query": everything}, &answer); err != nil {
		return nil, fmt.Errorf("read states: %w", err)
	}
	all := make([]state, len(answer.Hits.Hits))
	for i := range all {
		all[i] = answer.Hits.Hits[i].Source
	}
	return all, nil
}
