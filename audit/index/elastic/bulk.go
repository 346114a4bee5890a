package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// item is one document on its way. Documents that may stand in the cluster with more in them, a statement with its
// result, are only created: what is there stays.
type item struct {
	index, id string
	create    bool
	doc       []byte
	entry     *entry
	reduced   bool // doc is entry.reduced
}

// errOverloaded says that the cluster did not take everything for now.
var errOverloaded = errors.New("the cluster is overloaded")

const (
	bulkTries      = 4
	firstBulkPause = 250 * time.Millisecond
)

// send brings all items into the cluster, each request up to the configured size. Those that the cluster refuses for good
// are set aside; with wait, it returns when they can be found. Any other trouble is an error, after which all items must be sent again.
func (ix *Index) send(ctx context.Context, items []item, wait bool) error {
	for len(items) > 0 {
		n, size := 0, 0
		for n < len(items) && (n == 0 || size+len(items[n].doc) <= ix.config.BulkBytes) {
			size += len(items[n].doc)
			n++
		}
		if err := ix.sendSome(ctx, items[:n], wait); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

// sendSome sends items in one request, and again those for which the cluster had no room.
func (ix *Index) sendSome(ctx context.Context, items []item, wait bool) error {
	pause := firstBulkPause
	for try := 1; len(items) > 0; try++ {
		left, err := ix.bulk(ctx, items, wait)
		switch {
		case hasStatus(err, http.StatusRequestEntityTooLarge) && len(items) > 1:
			half := len(items) / 2
			if err := ix.sendSome(ctx, items[:half], wait); err != nil {
				return err
			}
			return ix.sendSome(ctx, items[half:], wait)
		case hasStatus(err, http.StatusRequestEntityTooLarge):
			return ix.setAside(ctx, items[0], wait, "larger than the cluster's http.max_content_length")
		case err != nil && !hasStatus(err, http.StatusTooManyRequests):
			return err
		}
		if items = left; len(items) == 0 {
			return nil
		}
		if try == bulkTries {
			return fmt.Errorf("%w: %d documents wait", errOverloaded, len(items))
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause *= 2
	}
	return nil
}

// bulk makes one request and returns the items for which there was no room, which are all when the whole is refused so.
func (ix *Index) bulk(ctx context.Context, items []item, wait bool) (left []item, err error) {
	var body []byte
	for i := range items {
		body = items[i].append(body)
	}
	var answer struct {
		Errors bool                     `json:"errors"`
		Items  []map[string]itemOutcome `json:"items"`
	}
	path, longer := "/_bulk", time.Duration(0)
	if wait {
		path, longer = "/_bulk?refresh=wait_for", ix.config.RefreshInterval
	}
	asking, cancel := ix.within(ctx, longer)
	defer cancel()
	err = ix.client.ask(asking, http.MethodPost, path, body, &answer)
	if err != nil {
		return items, fmt.Errorf("bulk: %w", err)
	}
	if !answer.Errors {
		return nil, nil
	}
	if len(answer.Items) != len(items) {
		return nil, fmt.Errorf("bulk: the cluster answers for %d of %d documents", len(answer.Items), len(items))
	}
	for i, outcomes := range answer.Items {
		for _, o := range outcomes {
			again, err := ix.judgeOutcome(ctx, items[i], wait, o)
			if err != nil {
				return nil, err
			}
			if again {
				left = append(left, items[i])
			}
		}
	}
	return left, nil
}

// itemOutcome is what became of one item. The cluster's reason is not read: it may repeat the document.
type itemOutcome struct {
	Status int `json:"status"`
	Error  struct {
		Type string `json:"type"`
	} `json:"error"`
}

// judgeOutcome says whether the item is to be sent again.
func (ix *Index) judgeOutcome(ctx context.Context, it item, wait bool, o itemOutcome) (again bool, err error) {
	switch {
	case o.Status/100 == 2, o.Status == http.StatusConflict && it.create:
		return false, nil
	case o.Status == http.StatusTooManyRequests:
		return true, nil
	case o.Status == http.StatusBadRequest:
		return false, ix.setAside(ctx, it, wait, o.Error.Type)
	}
	return false, fmt.Errorf("bulk: index %s: %w", it.index, &statusError{status: o.Status, kind: o.Error.Type})
}

// setAside keeps the reduced form of an event whose document the cluster refuses, or, when it refuses that too, counts
// it as missing: one record must not stop all those behind it.
func (ix *Index) setAside(ctx context.Context, it item, wait bool, why string) error {
	ix.noteRefused(it, why)
	if it.reduced {
		return nil
	}
	doc, err := it.entry.reduced()
	if err != nil {
		return err
	}
	return ix.sendSome(ctx, []item{{index: it.index, id: it.id, create: it.create, doc: doc, entry: it.entry, reduced: true}}, wait)
}

// append adds the item's two lines to a request.
func (it *item) append(b []byte) []byte {
	action := "index"
	if it.create {
		action = "create"
	}
	b = append(b, `{"`+action+`":{"_index":`...)
	b = appendQuoted(b, it.index)
	b = append(b, `,"_id":`...)
	b = appendQuoted(b, it.id)
	b = append(b, "}}\n"...)
	b = append(b, it.doc...)
	return append(b, '\n')
}

func appendQuoted(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil { // never of a string
		return append(b, `""`...)
	}
	return append(b, quoted...)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
