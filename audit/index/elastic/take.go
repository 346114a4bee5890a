package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// batch is what a run of records makes of the cluster's documents.
type batch struct {
	entries []*entry          // in the order of the records, each once
	byID    map[string]*entry // statements among them
	late    []audit.Event     // results of statements that are in the cluster already
	order   int64
	lastID  string
}

// Take implements index.Sink. When nothing is behind the records, it returns after they can be found.
func (ix *Index) Take(ctx context.Context, records []journal.Record) error {
	b := &batch{byID: map[string]*entry{}, order: ix.state.Order, lastID: ix.state.LastID}
	for _, rec := range records {
		ix.gather(b, rec)
	}
	if err := ix.fetchLate(ctx, b); err != nil {
		return err
	}
	items, err := ix.items(b)
	if err != nil {
		return err
	}
	next := records[len(records)-1].Seq + 1
	caughtUp := next >= ix.journal.Written()
	wait := caughtUp && len(ix.dirty) == 0
	if err := ix.send(ctx, items, wait); err != nil {
		return err
	}
	visible := wait
	if !wait {
		for _, it := range items {
			ix.dirty[it.index] = true
		}
		if caughtUp || time.Since(ix.refreshed) >= ix.config.RefreshInterval {
			if err := ix.refresh(ctx); err != nil {
				return err
			}
			visible = true
		}
	}
	s := state{Gateway: ix.gateway, Next: next, Order: b.order, LastID: b.lastID, Visible: ix.state.Visible}
	if visible {
		s.Visible = next
	}
	writing, cancel := ix.within(ctx, 0)
	defer cancel()
	if err := ix.writeState(writing, s); err != nil {
		return err
	}
	ix.state = s
	ix.open.keep(b)
	return nil
}

// gather decodes a record and joins it with what it belongs to.
func (ix *Index) gather(b *batch, rec journal.Record) {
	var e audit.Event
	if err := json.Unmarshal(rec.JSON, &e); err != nil {
		ix.log.Error("a record does not decode and cannot be indexed", "index", kind, "record", rec.Seq)
		return
	}
	b.order = max(b.order, e.Time.UnixMicro())
	b.lastID = e.ID
	if e.Type == audit.RecordingGrown {
		return // no row
	}
	if e.Type != audit.StatementResult {
		en := &entry{event: e, order: b.order, stamp: stamp{Gateway: ix.gateway, Seq: e.Seq, Last: e.Seq}}
		b.entries = append(b.entries, en)
		b.byID[e.ID] = en
		return
	}
	if en := b.byID[e.Of]; en != nil {
		en.mergeFirst(&e)
		return
	}
	if known, ok := ix.open.byID[e.Of]; ok {
		en := *known // what is kept must stay as it is until the batch is taken
		en.mergeFirst(&e)
		b.entries = append(b.entries, &en)
		b.byID[e.Of] = &en
		return
	}
	b.late = append(b.late, e)
}

// mergeFirst gives a statement its result. Of two the first one counts, and a refused statement did not run.
func (e *entry) mergeFirst(result *audit.Event) {
	if e.awaitsResult() {
		e.merge(result)
	}
}

func (e *entry) awaitsResult() bool {
	return e.event.Type == audit.StatementBegin && e.event.Verdict != audit.Deny && e.stamp.Result == nil
}

// items are the documents of a batch.
func (ix *Index) items(b *batch) ([]item, error) {
	items := make([]item, 0, len(b.entries))
	for _, en := range b.entries {
		ix.loadTexts(en)
		doc, err := en.document()
		if err != nil {
			return nil, err
		}
		en.texts = nil
		items = append(items, item{index: ix.config.indexOf(en.event.ID), id: documentID(en.event.ID),
			create: en.stamp.Result == nil, doc: doc, entry: en})
	}
	return items, nil
}

// loadTexts reads the side files that are searched in the cluster. One that cannot be read is not.
func (ix *Index) loadTexts(en *entry) {
	left := int64(maxText)
	for file := range sideFiles(&en.event) {
		if left -= file.Size; left < 0 {
			return
		}
		text, err := journal.ReadSideFile(ix.journal.Dir(), file, file.Size)
		if err != nil {
			ix.log.Error("a side file cannot be read for indexing", "index", kind, "id", en.event.ID, "err", err)
			continue
		}
		if en.texts == nil {
			en.texts = map[string][]byte{}
		}
		en.texts[file.SHA256] = text
	}
}

const fetchAtOnce = 200 // documents

// fetchLate brings the statements of late results into the batch, with their results.
func (ix *Index) fetchLate(ctx context.Context, b *batch) error {
	for late := range slices.Chunk(b.late, fetchAtOnce) {
		type wanted struct {
			Index  string   `json:"_index"`
			ID     string   `json:"_id"`
			Source []string `json:"_source"`
		}
		var ask []wanted
		for i := range late {
			ask = append(ask, wanted{ix.config.indexOf(late[i].Of), documentID(late[i].Of), storedMembers})
		}
		var answer struct {
			Docs []struct {
				Found  bool    `json:"found"`
				Source stored  `json:"_source"`
				Error  failure `json:"error"`
			} `json:"docs"`
		}
		asking, cancel := ix.within(ctx, 0)
		err := ix.client.ask(asking, http.MethodPost, "/_mget", dsl{"docs": ask}, &answer)
		cancel()
		if err != nil {
			return fmt.Errorf("get statements of late results: %w", err)
		}
		if len(answer.Docs) != len(late) {
			return fmt.Errorf("get statements of late results: %d of %d answers", len(answer.Docs), len(late))
		}
		for i, d := range answer.Docs {
			if d.Error.Type != "" && d.Error.Type != "index_not_found_exception" {
				return fmt.Errorf("get statements of late results: %s", d.Error.Type)
			}
			if !d.Found || d.Source.Stamp.Gateway != ix.gateway {
				continue // its day was removed, or its record is damaged
			}
			if err := ix.mergeLate(b, &d.Source, &late[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (ix *Index) mergeLate(b *batch, s *stored, result *audit.Event) error {
	if en := b.byID[result.Of]; en != nil {
		en.mergeFirst(result)
		return nil
	}
	e, ok, err := ix.asRecorded(s)
	if err != nil || !ok {
		return err
	}
	en := &entry{event: e, order: s.Order, stamp: s.Stamp}
	if en.awaitsResult() {
		en.merge(result)
		b.entries = append(b.entries, en)
		b.byID[result.Of] = en
	}
	return nil
}

// refresh makes what is in the dirty indices found.
func (ix *Index) refresh(ctx context.Context) error {
	const maxNamed = 20
	names := make([]string, 0, len(ix.dirty))
	for name := range ix.dirty {
		names = append(names, name)
	}
	if len(names) > maxNamed {
		names = []string{ix.config.allDays()}
	}
	ctx, cancel := ix.within(ctx, 0)
	defer cancel()
	err := ix.client.ask(ctx, http.MethodPost, "/"+strings.Join(names, ",")+"/_refresh?ignore_unavailable=true", nil, nil)
	var answer *statusError
	if err != nil && (!errors.As(err, &answer) || answer.status != http.StatusNotFound) {
		return fmt.Errorf("refresh: %w", err)
	}
	clear(ix.dirty)
	ix.refreshed = time.Now()
	return nil
}

// openStatements are those that wait for their results, so that these need not ask the cluster for them.
type openStatements struct {
	byID  map[string]*entry
	bytes int
}

const (
	maxOpen      = 8192
	maxOpenBytes = 32 << 20
)

// keep takes in what a batch has left open, once the cluster has it.
func (o *openStatements) keep(b *batch) {
	for _, en := range b.entries {
		id := en.event.ID
		if old := o.byID[id]; old != nil {
			delete(o.byID, id)
			o.bytes -= old.weight()
		}
		if !en.awaitsResult() {
			continue
		}
		if len(o.byID) >= maxOpen || o.bytes > maxOpenBytes {
			o.byID, o.bytes = nil, 0
		}
		if o.byID == nil {
			o.byID = map[string]*entry{}
		}
		o.byID[id] = en
		o.bytes += en.weight()
	}
}

func (e *entry) weight() int {
	n := 1 << 10
	n += len(e.event.Statement.Bytes)
	for i := range e.event.Params {
		n += len(e.event.Params[i].Value)
	}
	return n
}
