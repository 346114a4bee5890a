package elastic

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// Tail implements audit.Searcher, for the events of all gateways: it asks the cluster for what changed since, once in a
// refresh interval, and goes on after a cluster that was away. A statement whose result is known by then comes once.
func (ix *Index) Tail(ctx context.Context, text string, emit func(audit.Event) error) error {
	if _, err := newPlan(audit.Query{Text: text}, ix.now()); err != nil {
		return err
	}
	from := map[string]uint64{ix.gateway: ix.journal.Written()}
	all, err := ix.states(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Gateway != ix.gateway {
			from[s.Gateway] = s.Next
		}
	}
	known := map[string]uint64{} // the farthest that each gateway was
	for {
		if err := sleep(ctx, max(ix.config.RefreshInterval/2, 20*time.Millisecond)); err != nil {
			return err
		}
		states, err := ix.states(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			continue
		}
		for _, s := range states {
			if s.Next < known[s.Gateway] && s.Gateway != ix.gateway {
				from[s.Gateway] = 0 // another journal under the same name
			}
			known[s.Gateway] = s.Next
			if s.Visible <= from[s.Gateway] {
				continue
			}
			failed, err := ix.tailOne(ctx, text, s, from, emit)
			if err != nil {
				return err
			}
			if failed != nil && ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
}

// tailOne emits what changed in one gateway's events and notes how far it came. failed is the cluster's error, err emit's.
func (ix *Index) tailOne(ctx context.Context, text string, s state, from map[string]uint64, emit func(audit.Event) error) (failed, err error) {
	const keyLast, keyGateway = keyJournal + ".last", keyJournal + ".gateway"
	p, err := newPlan(audit.Query{Text: text}, ix.now())
	if err != nil {
		return nil, err
	}
	asking, cancel := ix.within(ctx, 0)
	defer cancel()
	for {
		changed := both(dsl{"term": dsl{keyGateway: s.Gateway}}, p.possible,
			dsl{"range": dsl{keyLast: dsl{"gte": from[s.Gateway], "lt": s.Visible}}})
		body := dsl{"query": changed, "size": hitsAtOnce, "_source": storedMembers, "track_total_hits": false,
			"sort": []dsl{{keyLast: dsl{"order": "asc", "unmapped_type": "long"}}}}
		var reached, judged audit.Coverage
		a, failed := ix.ask(asking, body, &reached)
		switch {
		case failed != nil:
			return failed, nil
		case reached.Partial:
			return errIncomplete, nil
		}
		for i := range a.Hits.Hits {
			h := &a.Hits.Hits[i]
			e, matches, failed := ix.judge(p, &h.Source, &judged)
			if failed != nil {
				return failed, nil
			}
			from[s.Gateway] = h.Source.Stamp.Last + 1
			if !matches {
				continue
			}
			if err := emit(e); err != nil {
				return nil, err
			}
		}
		if len(a.Hits.Hits) < hitsAtOnce {
			from[s.Gateway] = s.Visible
			return nil, nil
		}
	}
}

var errIncomplete = errors.New("a part of the cluster did not answer")
