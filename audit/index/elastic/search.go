package elastic

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sallyport/sallyport/audit"
)

const (
	defaultLimit = 50
	maxLimit     = 1000
	// hitsAtOnce bounds the documents of one answer, which may be large.
	hitsAtOnce = 200
	// maxSearch bounds a search that has no deadline.
	maxSearch = 2 * time.Minute
)

// answer is the cluster's to a search.
type answer struct {
	TimedOut bool `json:"timed_out"`
	Shards   struct {
		Failed int `json:"failed"`
	} `json:"_shards"`
	Hits struct {
		Total struct {
			Value int64 `json:"value"`
		} `json:"total"`
		Hits []hit `json:"hits"`
	} `json:"hits"`
	Aggregations json.RawMessage `json:"aggregations"`
}

type hit struct {
	Source stored          `json:"_source"`
	Sort   json.RawMessage `json:"sort"`
}

// newestFirst is the order of a search's rows; a place in it is a cursor.
var newestFirst = []dsl{
	{keyOrder: dsl{"order": "desc", "unmapped_type": "long"}},
	{keyJournal + ".gateway": dsl{"order": "asc", "unmapped_type": "keyword"}},
	{keyJournal + ".seq": dsl{"order": "desc", "unmapped_type": "long"}},
}

// ask sends a search to all days. What the cluster could not look at makes the coverage partial.
func (ix *Index) ask(ctx context.Context, body dsl, coverage *audit.Coverage) (*answer, error) {
	path := "/" + ix.config.allDays() + "/_search?ignore_unavailable=true&allow_no_indices=true"
	a := &answer{}
	if err := ix.client.ask(ctx, http.MethodPost, path, body, a); err != nil {
		return nil, searchError("search", err)
	}
	if a.TimedOut || a.Shards.Failed > 0 {
		coverage.Partial = true
	}
	return a, nil
}

func searchError(what string, err error) error {
	if unavailable(err) {
		return fmt.Errorf("%s: %w: %w", what, audit.ErrSearchUnavailable, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// finish turns the end of a deadline into a partial answer.
func finish(err error, coverage *audit.Coverage) error {
	if errors.Is(err, context.DeadlineExceeded) {
		coverage.Partial = true
		return nil
	}
	return err
}

// Search implements audit.Searcher.
func (ix *Index) Search(ctx context.Context, q audit.Query) (audit.Page, error) {
	p, err := newPlan(q, ix.now())
	if err != nil {
		return audit.Page{}, err
	}
	after, err := parseCursor(q.Cursor)
	if err != nil {
		return audit.Page{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, maxSearch)
	defer cancel()
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	page := audit.Page{Rows: []audit.Event{}}
	more, after, err := ix.fillPage(ctx, p, &page, min(limit, maxLimit), after)
	if err := finish(err, &page.Coverage); err != nil {
		return audit.Page{}, err
	}
	if more {
		page.Next = cursor(after)
	}
	return page, nil
}

// fillPage returns the place after which the search goes on, and whether it does.
func (ix *Index) fillPage(ctx context.Context, p *plan, page *audit.Page, limit int, after json.RawMessage) (bool, json.RawMessage, error) {
	for {
		size := min(limit-len(page.Rows)+1, hitsAtOnce)
		body := dsl{"query": p.possible, "size": size, "sort": newestFirst, "track_total_hits": false, "_source": storedMembers}
		if after != nil {
			body["search_after"] = after
		}
		a, err := ix.ask(ctx, body, &page.Coverage)
		if err != nil {
			return true, after, err
		}
		for i := range a.Hits.Hits {
			if len(page.Rows) == limit {
				return true, after, nil
			}
			h := &a.Hits.Hits[i]
			page.Scanned++
			e, matches, err := ix.judge(p, &h.Source, &page.Coverage)
			if err != nil {
				return true, after, err
			}
			if matches {
				page.Rows = append(page.Rows, e)
			}
			after = h.Sort
		}
		if len(a.Hits.Hits) < size {
			return false, after, nil
		}
	}
}

// judge decodes a document that the plan finds possible, and says whether the search finds it. One that cannot be judged
// here is skipped.
func (ix *Index) judge(p *plan, s *stored, coverage *audit.Coverage) (e audit.Event, matches bool, err error) {
	e, whole, err := ix.asRecorded(s)
	if err != nil {
		return e, false, err
	}
	if p.exact && len(s.Partly) == 0 {
		if !whole {
			ix.skip(coverage)
		}
		return e, true, nil
	}
	full := e
	if whole {
		whole = ix.withSideFiles(s.Stamp.Gateway, &full)
	}
	if !whole {
		ix.skip(coverage)
		return e, false, nil
	}
	return e, p.matcher.MatchEvent(&full), nil
}

func (ix *Index) skip(coverage *audit.Coverage) {
	coverage.Skipped++
	coverage.Partial = true
}

const cursorBegin = "0"

// cursor is a place in the order of rows, opaque to others.
func cursor(after json.RawMessage) string {
	if after == nil {
		return cursorBegin
	}
	return base64.RawURLEncoding.EncodeToString(after)
}

func parseCursor(text string) (json.RawMessage, error) {
	if text == "" || text == cursorBegin {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	var place []json.RawMessage
	var order, seq int64
	var gateway string
	if err != nil || json.Unmarshal(b, &place) != nil || len(place) != len(newestFirst) ||
		json.Unmarshal(place[0], &order) != nil || json.Unmarshal(place[1], &gateway) != nil ||
		json.Unmarshal(place[2], &seq) != nil {
		return nil, fmt.Errorf("cursor %.100q: %w", text, audit.ErrCursor)
	}
	return json.RawMessage(b), nil
}

// Get implements audit.Searcher. The bytes of side files come from the journal of this gateway; of an event of another
// one the reference stays.
func (ix *Index) Get(ctx context.Context, id string) (audit.Event, error) {
	if id == "" || strings.ContainsAny(id, "\x00") {
		return audit.Event{}, audit.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(ctx, maxSearch)
	defer cancel()
	path := "/" + ix.config.indexOf(id) + "/_doc/" + url.PathEscape(documentID(id)) +
		"?_source_includes=" + strings.Join(storedMembers, ",")
	var found struct {
		Found  bool   `json:"found"`
		Source stored `json:"_source"`
	}
	err := ix.client.ask(ctx, http.MethodGet, path, nil, &found)
	if hasStatus(err, http.StatusNotFound) || err == nil && !found.Found {
		return audit.Event{}, audit.ErrNotFound
	}
	if err != nil {
		return audit.Event{}, searchError("get event", err)
	}
	e, _, err := ix.asRecorded(&found.Source)
	if err != nil {
		return audit.Event{}, err
	}
	ix.withSideFiles(found.Source.Stamp.Gateway, &e)
	return e, nil
}
